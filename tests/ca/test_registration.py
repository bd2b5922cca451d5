"""The CSR API of a real API server; its signer (a controller in a real cluster) is played by the test."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from ca import csr_api
from ca.bundle import Bundle, encode_certificate
from ca.errors import CsrError, GenerationError, LifetimeError
from ca.registration import Registration, Signers, check_request
from ca.template import LifetimePolicy
from pilot.kube_client import KubeClient, connect
from tests.ca.makers import APP, ec_key, make_csr, make_leaf, make_root, split
from tests.kubernetes.api_server import ApiServer

ROOT = make_root(ec_key())
PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
NAMES = [(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(APP)]), False)]
CSR = make_csr(ec_key(3), x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "")]), NAMES)
SIGNER = "example.com/mesh"


@pytest.fixture
async def client(api_server: ApiServer) -> AsyncIterator[KubeClient]:
    made = await connect(api_server.kubeconfig)
    yield made
    await made.close()


@asynccontextmanager
async def signing(
    client: KubeClient, name: str, issuer: Bundle = ROOT, denies: bool = False
) -> AsyncIterator[list[int]]:
    """Signs (or refuses) what is approved for the signer of that name; the lifetimes asked for."""
    asked: list[int] = []

    async def look() -> None:
        while True:
            for each in (await client.call("GET", PATH))["items"]:
                conditions = each["status"].get("conditions", [])
                if each["spec"]["signerName"] != name or not conditions or "certificate" in each["status"]:
                    continue
                request = x509.load_pem_x509_csr(base64.b64decode(each["spec"]["request"]))
                leaf = make_leaf(issuer, request.public_key(), (APP,))  # type: ignore[arg-type]
                asked.append(each["spec"].get("expirationSeconds", 0))
                if denies:
                    failed = {"type": "Failed", "status": "True", "reason": "No", "message": "not today"}
                    each["status"]["conditions"] = [*conditions, failed]
                else:
                    pem = encode_certificate(leaf) + ("" if issuer is ROOT else issuer.roots)
                    each["status"]["certificate"] = base64.b64encode(pem.encode()).decode()
                await client.call("PUT", f"{PATH}/{each['metadata']['name']}/status", each)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(look())
    yield asked
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task


async def left_behind(client: KubeClient, name: str) -> int:
    return sum(each["spec"]["signerName"] == name for each in (await client.call("GET", PATH))["items"])


async def test_certificate_is_signed_by_the_signer_and_the_request_is_removed(client: KubeClient) -> None:
    async with signing(client, SIGNER) as asked:
        found = Registration(client, Signers(SIGNER), ROOT.roots)
        chain = await found.sign(CSR, (APP,), 3600, "")
        await found.sign(CSR, (APP,), 0, "")
        await found.sign(CSR, (APP,), 60, "")
    assert asked == [3600, 0, 600]
    split(chain[0])[0].verify_directly_issued_by(ROOT.certificate)
    assert split(chain[0])[0].public_key() == ec_key(3).public_key()
    assert chain[1:] == [ROOT.roots]
    assert await left_behind(client, SIGNER) == 0


async def test_signer_that_the_request_names_brings_its_root_along(client: KubeClient) -> None:
    other = make_root(ec_key(4), name="other")
    async with signing(client, "example.com/named", other):
        found = Registration(client, Signers("", "example.com"), ROOT.roots)
        assert (await found.sign(CSR, (APP,), 0, "named"))[1:] == [other.roots]
        wrong = Registration(client, Signers("", "example.com"), "", {"example.com/named": ROOT.roots})
        with pytest.raises(CsrError, match="does not lead to its root"):
            await wrong.sign(CSR, (APP,), 0, "named")


async def test_certificate_of_another_root_is_refused(client: KubeClient) -> None:
    async with signing(client, "example.com/other", make_root(ec_key(4), name="other")):
        found = Registration(client, Signers("example.com/other"), ROOT.roots)
        with pytest.raises(CsrError, match="does not lead to its root"):
            await found.sign(CSR, (APP,), 0, "")


async def test_more_lifetime_than_the_maximum_is_refused_before_anybody_is_asked(client: KubeClient) -> None:
    found = Registration(client, Signers(SIGNER), ROOT.roots, policy=LifetimePolicy(maximum=timedelta(hours=1)))
    with pytest.raises(LifetimeError, match="requested TTL 1h0m1s is greater than the max allowed TTL 1h0m0s"):
        await found.sign(CSR, (APP,), 3601, "")


async def test_refusal_of_the_signer_is_ours(client: KubeClient) -> None:
    async with signing(client, "example.com/refuses", denies=True):
        found = Registration(client, Signers("example.com/refuses"), ROOT.roots)
        with pytest.raises(GenerationError, match="not today"):
            await found.sign(CSR, (APP,), 0, "")
    assert await left_behind(client, "example.com/refuses") == 0


async def test_signer_that_is_not_there_is_waited_for_briefly(
    client: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csr_api, "WAIT_SECONDS", 0.5)
    with pytest.raises(GenerationError, match="did not answer"):
        await Registration(client, Signers("example.com/absent"), ROOT.roots).sign(CSR, (APP,), 0, "")
    assert await left_behind(client, "example.com/absent") == 0


@pytest.mark.parametrize(
    ("signers", "wanted", "name"),
    [(Signers("a.b/c"), "", "a.b/c"), (Signers("a.b/c", "d.e"), "f", "d.e/f"), (Signers("", "d.e"), "f", "d.e/f")],
)
def test_name_of_the_signer(signers: Signers, wanted: str, name: str) -> None:
    assert signers.name(wanted) == name


@pytest.mark.parametrize(("signers", "wanted"), [(Signers("a.b/c"), "f"), (Signers(), ""), (Signers("", "d"), "")])
def test_signer_that_settings_do_not_allow_is_an_error(signers: Signers, wanted: str) -> None:
    with pytest.raises(GenerationError):
        signers.name(wanted)


@pytest.mark.parametrize("csr", [CSR, make_csr(ec_key(3)), make_csr(ec_key(3), None, NAMES)], ids=["agent", "", "uri"])
def test_request_as_an_agent_writes_it_passes(csr: str) -> None:
    check_request(csr, (APP, "other"))


def names(*found: x509.GeneralName) -> list[tuple[x509.ExtensionType, bool]]:
    return [(x509.SubjectAlternativeName(found), False)]


@pytest.mark.parametrize(
    "csr",
    [
        make_csr(ec_key(3), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")]), NAMES),
        make_csr(ec_key(3), x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters")]), NAMES),
        make_csr(ec_key(3), None, names(x509.UniformResourceIdentifier(APP + "2"))),
        make_csr(ec_key(3), None, names(x509.UniformResourceIdentifier(APP), x509.UniformResourceIdentifier(APP))),
        make_csr(ec_key(3), None, names(x509.DNSName("a.example"))),
        make_csr(ec_key(3), None, [*NAMES, (x509.BasicConstraints(ca=True, path_length=None), True)]),
        make_csr(ec_key(3), None, [(x509.BasicConstraints(ca=False, path_length=None), True)]),
        "no request",
        CSR.replace("A", "B"),
    ],
    ids=range(9),
)
def test_request_of_another_shape_is_refused(csr: str) -> None:
    with pytest.raises(CsrError):
        check_request(csr, (APP,))
