"""Kubeconfigs that others wrote: what a remote secret may make us do, looked at before it is done.

In: text of a secret. Out: the kubeconfig as plain values, or a `KubeconfigError`. Ways of authentication that run
programs or read our own files are refused unless an operator allowed them by name. Never shows the content.
Source: Kubernetes controllers behaviour 7.1.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

_FILES: Final = {"client-key": "clientKey", "client-certificate": "clientCertificate", "tokenFile": "tokenFile"}
_HARMLESS: Final = "oidc"


class KubeconfigError(Exception):
    """A kubeconfig that is not used."""


def parse_kubeconfig(text: str, allowed: Iterable[str] = ()) -> Mapping[str, Any]:
    """`allowed`: PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS. Raises: KubeconfigError."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise KubeconfigError("expected YAML") from error
    if not isinstance(found, dict) or not found.get("clusters") or not found.get("contexts"):
        raise KubeconfigError("expected a kubeconfig with clusters and contexts")
    permitted = frozenset(allowed)
    for each in found.get("users") or ():
        user = (each.get("user") or {}) if isinstance(each, dict) else {}
        for form in _forms(user):
            if form not in permitted:
                raise KubeconfigError(f"authentication by {form} is refused: only an operator can allow it")
    return found


def _forms(user: Mapping[str, Any]) -> Iterable[str]:
    """Risky ways of authentication, as the setting calls them."""
    if user.get("exec"):
        yield "exec"
    provider = user.get("auth-provider")
    if isinstance(provider, dict) and provider.get("name") != _HARMLESS:
        yield str(provider.get("name"))
    yield from (name for key, name in _FILES.items() if user.get(key))
