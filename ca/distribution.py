"""What is handed to the mesh beside certificates: the texts of ConfigMaps, and the list of everything trusted.

Comes in: the bundle in force, roots from other sources. Goes out: data for whoever writes it (Kubernetes, PCDS). Pure.

Source: CA behaviour 1.12.
"""

from collections.abc import Iterable, Mapping

from cryptography import x509

from ca.bundle import Bundle, decode_certificates, encode_certificate
from ca.errors import BundleError

ROOT_KEY, REVOCATION_KEY = "root-cert.pem", "ca-crl.pem"
LABELS = {"istio.io/config": "true"}
"""Of every ConfigMap of ours."""
UNTOUCHED_NAMESPACES = frozenset({"kube-public", "kube-node-lease", "local-path-storage"})
"""Namespaces that get none; kube-system does."""


def root_data(bundle: Bundle) -> dict[str, str]:
    """Data of the ConfigMap `istio-ca-root-cert`: what proxies verify the control plane and each other with."""
    return {ROOT_KEY: bundle.roots}


def revocation_data(bundle: Bundle) -> dict[str, str]:
    """Data of the ConfigMap `istio-ca-crl`; the text is empty where there is no revocation list."""
    return {REVOCATION_KEY: bundle.revocations}


def merge_data(existing: Mapping[str, str] | None, ours: Mapping[str, str]) -> dict[str, str] | None:
    """What a ConfigMap is to hold: our keys changed, those of others kept; None where nothing has to be written."""
    before = dict(existing or {})
    after = {**before, **ours}
    return None if existing is not None and before == after else after


def merge_roots(sources: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Many sources of roots, (name, PEM), become one list: each root once, sorted, one PEM an item; and problems.

    A source that is unreadable or holds what is no CA certificate is left out as a whole, and is a problem: half of
    somebody's roots would be a surprise. Source: CA behaviour 1.12 "Multi-root".
    """
    roots: set[str] = set()
    problems: list[str] = []
    for name, pem in sources:
        try:
            found = decode_certificates(pem.encode(), name)
            for each in found:
                _check_is_ca(each, name)
        except BundleError as error:
            problems.append(str(error))
            continue
        roots.update(encode_certificate(each) for each in found)
    return tuple(sorted(roots)), tuple(problems)


def _check_is_ca(certificate: x509.Certificate, name: str) -> None:
    try:
        is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        is_ca = False
    if not is_ca:
        subject = certificate.subject.rfc4514_string()
        raise BundleError(f"{name}: {subject}: expected a CA certificate, got one that is not")
