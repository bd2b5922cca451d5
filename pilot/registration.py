"""Kubernetes' signers instead of our own CA, and the roots that the mesh's configuration names for them.

In: settings, the cluster, the mesh's configuration. Out: a `Registration` where EXTERNAL_CA wants one; `MeshRoots`.
Source: certificate authority behaviour 1.10.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ca.errors import ProviderError
from ca.kubernetes_api import KubernetesApi
from ca.registration import Registration, Signers
from ca.template import LifetimePolicy
from pilot.model.mesh import MeshConfig
from pilot.settings import Settings

KUBERNETES = "ISTIOD_RA_KUBERNETES_API"
EXTERNAL_ROOT = Path("./etc/external-ca-cert/root-cert.pem")
CLUSTER_ROOT = Path("./var/run/secrets/kubernetes.io/serviceaccount/ca.crt")


class MeshRoots(Mapping[str, str]):
    """Roots by whole signer name, as `caCertificates` of the mesh's configuration says now; and those of a registration
    authority.
    """

    def __init__(self, mesh: Callable[[], MeshConfig] = MeshConfig) -> None:
        self._mesh = mesh
        self.registered = ""
        """PEM of what Kubernetes' signers lead to by default."""

    def __getitem__(self, signer: str) -> str:
        found = self.of_signer(signer)
        if not found:
            raise KeyError(signer)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for each in self._mesh().ca_certificates for name in each.cert_signers))

    def __len__(self) -> int:
        return len(tuple(iter(self)))

    def of_signer(self, signer: str) -> str:
        """PEM; empty where none is named."""
        found = (each.pem or "" for each in self._mesh().ca_certificates if signer in each.cert_signers)
        return "".join(f"{each.strip()}\n" for each in found if each.strip())

    def of_registration(self) -> str:
        """PEM of every root that a registration authority's certificates may lead to."""
        return self.registered


def choose(settings: Settings, api: KubernetesApi | None, roots: MeshRoots) -> Registration | None:
    """None where our own CA signs. Raises: ProviderError."""
    limits = settings.certificates
    if not limits.external_ca:
        return None
    if limits.external_ca != KUBERNETES:
        raise ProviderError(f"EXTERNAL_CA: expected {KUBERNETES}, got {limits.external_ca[:80]!r}")
    if api is None:
        raise ProviderError(f"EXTERNAL_CA={KUBERNETES}: there is no Kubernetes to ask")
    roots.registered = _default_root(has_domain=bool(limits.signer_domain))
    policy = LifetimePolicy(limits.default_ttl, limits.max_ttl)
    return Registration(api, Signers(limits.signer, limits.signer_domain), roots.registered, roots, policy)


def _default_root(*, has_domain: bool) -> str:
    """Of the first file that there is; with a signer domain only the one of the operator."""
    for path in (EXTERNAL_ROOT,) if has_domain else (EXTERNAL_ROOT, CLUSTER_ROOT):
        try:
            return path.read_text()
        except (OSError, UnicodeError):
            continue
    return ""
