"""The control plane's certificate from a signer of Kubernetes, played here; tests/kubernetes has a real API server."""

import asyncio
import base64
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from ca import kubernetes_serving
from ca.authn.local_issuer import utc_now
from ca.bundle import Bundle, encode_certificate
from ca.csr import decode_csr
from ca.errors import CaError, GenerationError
from ca.kubernetes_serving import KubernetesServing, requested
from ca.tls_policy import TlsPolicy
from tests.ca.makers import ec_key, make_intermediate, make_leaf, make_root, until

NAMES = ("istiod.istio-system.svc", "istiod-remote.istio-system.svc")


class Signer:
    """Kubernetes' CSR API with its signer."""

    def __init__(self, root: Bundle) -> None:
        self.root = root
        self.chain = ""
        self.key: Any = None
        self.count = 0
        self._certificate = ""

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        if method == "POST":
            self.count += 1
            pem = base64.b64decode(body["spec"]["request"]).decode()
            found = x509.load_pem_x509_csr(pem.encode()).extensions
            names = found.get_extension_for_class(x509.SubjectAlternativeName).value
            key = self.key or decode_csr(pem).public_key
            leaf = make_leaf(self.root, key, tuple(names.get_values_for_type(x509.DNSName)), utc_now())
            self._certificate = base64.b64encode((encode_certificate(leaf) + self.chain).encode()).decode()
        return {"metadata": {"name": "csr-1"}, "status": {"certificate": self._certificate}}


def root(number: int = 0) -> Bundle:
    return make_root(ec_key(number), utc_now() - timedelta(hours=1), name=f"signer {number}")


async def made(signer: Signer, roots: list[str]) -> KubernetesServing:
    return await requested(signer, "example.com/x", NAMES, lambda: roots[0], utc_now, TlsPolicy())


async def test_certificate_has_our_names_and_leads_to_the_root_of_the_mesh_configuration() -> None:
    signer = Signer(root())
    found = (await made(signer, [signer.root.roots])).serving
    names = found.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == list(NAMES)
    assert (found.chain, found.roots) == ((), signer.root.roots)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("no root", "names no root"),
        ("another root", "does not lead to its root"),
        ("another key", "for our key"),
        ("a broken chain", "chain is broken"),
    ],
)
async def test_what_would_not_be_trusted_is_not_presented(change: str, why: str) -> None:
    signer, roots = Signer(root()), ""
    match change:
        case "another root":
            roots = root(1).roots
        case "another key":
            signer.key, roots = ec_key(5).public_key(), signer.root.roots
        case "a broken chain":
            roots = signer.root.roots
            signer.chain = encode_certificate(make_intermediate(root(2), ec_key(6), now=utc_now()))
        case _:
            pass
    with pytest.raises(GenerationError, match=why):
        await made(signer, [roots])


async def test_it_is_renewed_at_half_of_its_life_and_when_roots_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_serving, "_LOOK", timedelta(milliseconds=5))
    monkeypatch.setattr(kubernetes_serving, "_RETRY", timedelta(milliseconds=5))
    signer = Signer(root())
    roots, late = [signer.root.roots], timedelta(0)

    def clock() -> datetime:
        return utc_now() + late

    found = await requested(signer, "example.com/x", NAMES, lambda: roots[0], clock, TlsPolicy())
    first, context = found.serving, found.context
    task = asyncio.create_task(found.serve_rotation())
    try:
        await asyncio.sleep(0.03)
        assert signer.count == 1
        late = timedelta(minutes=40)
        await until(lambda: found.serving is not first)
        late = timedelta(0)
        assert found.context is not context
        signer.root = root(1)
        roots[0] = signer.root.roots
        await until(lambda: found.serving.roots == signer.root.roots)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_where_renewal_fails_the_old_one_stays() -> None:
    signer = Signer(root())
    roots = [signer.root.roots]
    found = await made(signer, roots)
    before = found.serving
    roots[0] = root(1).roots  # the signer does not sign with it yet
    with pytest.raises(GenerationError):
        await found.renew()
    assert found.serving is before


async def test_failure_at_the_start_is_an_error() -> None:
    class Dead(Signer):
        async def call(self, method: str, path: str, body: Any = None) -> Any:
            raise kubernetes_error()

    with pytest.raises(CaError, match="unreachable"):
        await made(Dead(root()), [root().roots])


def kubernetes_error() -> CaError:
    from ca.errors import KubernetesError

    return KubernetesError("unreachable")
