"""The control plane's own certificate, and the TLS context that presents it.

Comes in: the CA's bundle and host names. Goes out: a `ServingCertificate`, and from it an `ssl.SSLContext` for one
generation of certificate and roots; a context is never changed, a new one takes its place (`ca.rotation`).

Source: CA behaviour 1.4 (TLS), 1.11 (names and lifetime); recorded serving certificate.
"""

import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from ca import signer, template, validate
from ca.bundle import Bundle, encode_certificate, encode_private_key
from ca.secret import Secret
from ca.signer import PrivateKey
from ca.tls_policy import TlsPolicy

SERVING_LIFETIME = timedelta(hours=87600)
"""As istiod's; in truth the root's remaining life, since no leaf outlives its issuer."""
_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class ServingCertificate:
    """What the secure port presents: leaf, key, the chain above the leaf, and the roots it verifies clients with."""

    certificate: x509.Certificate
    key: Secret[PrivateKey]
    chain: tuple[str, ...]
    roots: str
    policy: TlsPolicy = TlsPolicy()
    """Of every port that presents it."""

    @property
    def half_life(self) -> datetime:
        """When to have another."""
        begin, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        return begin + (end - begin) / 2


def host_names(
    namespace: str = "istio-system", revision: str = "", custom: Iterable[str] = (), discovery_address: str = ""
) -> tuple[str, ...]:
    """The names by which proxies call the control plane, sorted, without repetition.

    `custom`: ISTIOD_CUSTOM_HOST, and whatever a mesh without Kubernetes is reached by (IP literals as well);
    `discovery_address`: `host:port` of the mesh's default proxy configuration. Source: CA behaviour 1.11.
    """
    names = {f"{name}.{namespace}.svc" for name in ("istiod", "istiod-remote", "istio-pilot")}
    if revision not in ("", "default"):
        names.add(f"istiod-{revision}.{namespace}.svc")
    names.update(each.strip() for each in custom)
    names.add(discovery_address.rpartition(":")[0].strip("[]") if ":" in discovery_address else discovery_address)
    return tuple(sorted(filter(None, names), key=_ips_last))


def issue_serving(
    bundle: Bundle, names: tuple[str, ...], *, now: datetime, serial: int, lifetime: timedelta = SERVING_LIFETIME
) -> ServingCertificate:
    """A new key and a certificate for it; the kind of key follows the CA's. The maximum for workloads does not apply.

    Takes 0.1 to 1 s of CPU with an RSA CA. Raises: GenerationError.
    """
    key = signer.new_key(bundle.key.reveal(), _RSA_BITS)
    leaf = template.build_leaf(
        key.public_key(), names, lifetime, bundle.issuer, wants_common_name=False, now=now, serial=serial
    )
    certificate = signer.sign(leaf, bundle.key.reveal())
    validate.check(certificate, leaf, bundle.certificate)
    return ServingCertificate(certificate, Secret(key), bundle.chain, bundle.roots)


def build_context(serving: ServingCertificate) -> ssl.SSLContext:
    """TLS as its policy says, HTTP/2; a client may show a certificate, and one that it shows must lead to our roots.

    No session tickets: a resumed session would carry an old verification past a change of roots.
    Source: CA behaviour 1.4.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.policy.apply(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # a root need not be self-signed to be trusted
    context.load_verify_locations(cadata=serving.roots)
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    context.set_alpn_protocols(["h2"])
    certificates = "".join((encode_certificate(serving.certificate), *serving.chain)).encode()
    with _readable_file(certificates + encode_private_key(serving.key.reveal())) as path:
        context.load_cert_chain(path)
    return context


@contextmanager
def _readable_file(content: bytes) -> Iterator[str]:
    """The ssl module takes keys from files only: one in memory where there are such, else a private temporary one."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        with os.fdopen(os.memfd_create("serving", os.MFD_CLOEXEC), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as file:  # mode 0600
            file.write(content)
            file.flush()
            yield file.name


def _ips_last(name: str) -> tuple[bool, str]:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False, name
    return True, name
