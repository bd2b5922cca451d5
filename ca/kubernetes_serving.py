"""The control plane's own certificate from a signer of Kubernetes (PILOT_CERT_PROVIDER=k8s.io/<signer>).

Comes in: an API server, the signer's name, host names, the roots that the mesh configuration names for it. Goes out:
`context`, the TLS context that the next handshake takes; made anew at half of the certificate's life and when the roots
change. Where that fails, the old one stays.

Source: CA behaviour 1.11 (5).
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from ca import csr_api, template
from ca.bundle import decode_certificates, encode_certificate
from ca.errors import CaError, GenerationError
from ca.kubernetes_api import KubernetesApi
from ca.registration import check_path
from ca.secret import Secret
from ca.serving import ServingCertificate, build_context
from ca.tls_policy import TlsPolicy

_USAGES = ("digital signature", "key encipherment", "server auth")
_LOOK = timedelta(seconds=5)
"""Between two looks at clock and roots; arbitrary."""
_RETRY = timedelta(minutes=1)

_log = logging.getLogger("ca")


class KubernetesServing:
    """Made by `requested`."""

    def __init__(
        self,
        api: KubernetesApi,
        signer: str,
        names: tuple[str, ...],
        roots: Callable[[], str],
        clock: Callable[[], datetime],
        policy: TlsPolicy,
    ) -> None:
        """`roots`: PEM of whom the signer leads to, as the mesh configuration says now."""
        self._api = api
        self._signer = signer
        self._names = names
        self._roots = roots
        self._clock = clock
        self._policy = policy
        self._context: ssl.SSLContext | None = None
        self._serving: ServingCertificate | None = None
        self._made_with = ""

    @property
    def context(self) -> ssl.SSLContext:
        """For the next handshake."""
        assert self._context is not None, "renew comes first"
        return self._context

    @property
    def serving(self) -> ServingCertificate:
        """What it presents."""
        assert self._serving is not None, "renew comes first"
        return self._serving

    async def renew(self) -> None:
        """A new key and certificate now. Raises: GenerationError, BundleError; what there is stays."""
        roots = self._roots()
        if not roots:
            raise GenerationError(
                f"signer {self._signer}: the mesh configuration names no root (caCertificates) for it"
            )
        key = await asyncio.to_thread(rsa.generate_private_key, public_exponent=65537, key_size=2048)
        issued = await csr_api.request_certificate(self._api, _request(key, self._names), self._signer, _USAGES, 0)
        leaf, *above = chain = decode_certificates(issued, f"signer {self._signer}")
        anchors = decode_certificates(roots.encode(), f"roots of signer {self._signer}")
        if leaf.public_key() != key.public_key():
            raise GenerationError(f"signer {self._signer}: expected a certificate for our key, got one for another")
        check_path(chain, anchors, self._signer)
        texts = tuple(encode_certificate(each) for each in above if each not in anchors)
        serving = ServingCertificate(leaf, Secret(key), texts, "".join(map(encode_certificate, anchors)), self._policy)
        self._context = await asyncio.to_thread(build_context, serving)
        self._serving, self._made_with = serving, roots
        _log.info(f"control plane has a certificate of {self._signer}, valid until {leaf.not_valid_after_utc}")

    async def serve_rotation(self) -> None:
        """Renews for ever; ends only by cancellation."""
        while True:
            await asyncio.sleep(_LOOK.total_seconds())
            if self._clock() < self.serving.half_life and self._roots() in ("", self._made_with):
                continue
            try:
                await self.renew()
            except (CaError, ssl.SSLError, OSError) as error:
                _log.error(f"control plane keeps its old certificate, the next attempt is in {_RETRY}: {error}")
                await asyncio.sleep(_RETRY.total_seconds())


async def requested(
    api: KubernetesApi,
    signer: str,
    names: tuple[str, ...],
    roots: Callable[[], str],
    clock: Callable[[], datetime],
    policy: TlsPolicy,
) -> KubernetesServing:
    """With its first certificate. Raises: GenerationError, BundleError."""
    made = KubernetesServing(api, signer, names, roots, clock, policy)
    await made.renew()
    return made


def _request(key: rsa.RSAPrivateKey, names: tuple[str, ...]) -> str:
    first = next((each for each in names if len(each) <= template.MAX_COMMON_NAME), "")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, first)] if first else [])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(template.subject_alternative_names(names), critical=not first)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
