"""The service over real TLS sockets with real gRPC clients, against the recorded answers of the real istiod."""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ca import issue
from ca.authn.local_issuer import utc_now
from ca.bundle import Bundle, decode_bundle, encode_certificate, encode_private_key
from ca.serving import host_names
from istio_api import ca_pb2
from tests.ca.makers import (
    APP,
    RunningAuthority,
    ec_key,
    make_csr,
    make_intermediate,
    make_leaf,
    make_root,
    pem_of,
    rsa_key,
    running_authority,
    split,
)
from tests.shared import shared_path


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningAuthority]:
    async with running_authority(tmp_path) as authority:
        yield authority


def request(csr: str, seconds: int = 0, **metadata: str) -> ca_pb2.IstioCertificateRequest:
    made = ca_pb2.IstioCertificateRequest(csr=csr, validity_duration=seconds)
    made.metadata.update(metadata)
    return made


# --- the recorded answers -------------------------------------------------------------------------------------------

EC_CSR = make_csr(ec_key())
Answer = Awaitable[list[str]]


def foreign_csr() -> str:
    """Asks for names, an organisation and powers that are not its own."""
    return make_csr(
        rsa_key(1),
        x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "admin"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"),
            ]
        ),
        [
            (
                x509.SubjectAlternativeName(
                    [
                        x509.UniformResourceIdentifier("spiffe://cluster.local/ns/kube-system/sa/admin"),
                        x509.DNSName("istiod.istio-system.svc"),
                    ]
                ),
                False,
            ),
            (x509.BasicConstraints(ca=True, path_length=None), True),
        ],
    )


def broken_csr() -> str:
    """Another key than the one that signed: the signature is well-formed and wrong."""
    der = bytearray(x509.load_pem_x509_csr(EC_CSR.encode()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    return pem_of(x509.load_der_x509_csr(bytes(der)))


def by_token(csr: str, seconds: int = 0, headers: tuple[tuple[str, str], ...] = (), **metadata: str) -> Any:
    def call(running: RunningAuthority) -> Answer:
        return running.create(request(csr, seconds, **metadata), [*running.bearer(), *headers])

    return call


def with_headers(*headers: tuple[str, str]) -> Any:
    return lambda running: running.create(request(EC_CSR), headers)


def by_certificate(*headers: tuple[str, str]) -> Any:
    def call(running: RunningAuthority) -> Answer:
        root = running.authority.bundle
        leaf = make_leaf(root, ec_key(2).public_key(), now=running.authority.clock())
        shown = encode_certificate(leaf) + "".join(root.chain)
        return running.create(request(EC_CSR), headers, ec_key(2), shown)

    return call


def of_another_audience(running: RunningAuthority) -> Answer:
    token = running.issuer.issue("demo", "app", audience="elsewhere")
    return running.create(request(EC_CSR), [("authorization", f"Bearer {token}")])


def without_bearer(running: RunningAuthority) -> Answer:
    return running.create(request(EC_CSR), [("authorization", running.issuer.issue("demo", "app"))])


RECORDED: dict[str, Callable[[RunningAuthority], Answer]] = {
    "EC P-256 CSR without SAN, validity_duration 0": by_token(EC_CSR),
    "RSA-2048 CSR with subject CN and organization and foreign SANs and CA:TRUE": by_token(foreign_csr(), 3600),
    "EC P-384 CSR": by_token(make_csr(ec_key(0, ec.SECP384R1)), 7200),
    "validity_duration negative": by_token(EC_CSR, -5),
    "validity_duration above the maximum": by_token(EC_CSR, 2160 * 3600 + 60),
    "validity_duration at the maximum": by_token(EC_CSR, 2160 * 3600),
    "empty CSR": by_token(""),
    "not PEM": by_token("not a request"),
    "PEM of another type": by_token(encode_certificate(make_root(rsa_key()).certificate)),
    "CSR with a broken signature": by_token(broken_csr()),
    "no credentials": with_headers(),
    "garbage token": with_headers(("authorization", "Bearer garbage")),
    "token of another audience": of_another_audience,
    "token without Bearer": without_bearer,
    "unknown clusterid": by_token(EC_CSR, headers=(("clusterid", "elsewhere"),)),
    "own clusterid": by_token(EC_CSR, headers=(("clusterid", "Kubernetes"),)),
    "two clusterids": by_token(EC_CSR, headers=(("clusterid", "Kubernetes"), ("clusterid", "elsewhere"))),
    "impersonation by a caller that is not trusted": by_token(
        EC_CSR, ImpersonatedIdentity="spiffe://cluster.local/ns/other/sa/other"
    ),
    "impersonation by a trusted node account whose token is not bound to a pod": by_token(
        EC_CSR, ImpersonatedIdentity="spiffe://cluster.local/ns/other/sa/other"
    ),
    "CertSigner in metadata": by_token(EC_CSR, CertSigner="nobody"),
    "by client certificate, no token": by_certificate(),
    "by client certificate and a garbage token": by_certificate(("authorization", "Bearer garbage")),
}
ELSEWHERE = {
    "plaintext port 15010": "the plaintext port belongs to the control plane, which does not register the service"
}


def recordings() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(shared_path("aux", "ca", "self-signed.yaml").read_text())
    return loaded


def described(certificate: x509.Certificate, now: float) -> dict[str, Any]:
    """A certificate as the recording describes one: every field and every extension."""
    key = certificate.public_key()
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    ago = now - begin.timestamp()
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    assert 0 < certificate.serial_number < 1 << 128
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "version": certificate.version.name,
        "serialBits": "<= 128",
        "publicKey": "RSA 2048" if isinstance(key, rsa.RSAPublicKey) else f"EC {key.curve.name}",
        "signature": "sha256WithRSAEncryption",
        "lifetimeSeconds": int((end - begin).total_seconds()),
        "notBeforeSecondsAgo": ago // 60 * 60,  # recorded within the second; a slow test may take some more
        "extensions": {
            each.oid._name: {"critical": each.critical, "value": extension_value(each.value)}
            for each in certificate.extensions
        },
    } | ({} if certificate.signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.11" else {"signature": "other"})


KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


def extension_value(value: x509.ExtensionType) -> Any:
    match value:
        case x509.KeyUsage():
            return [name for name in KEY_USAGES if getattr(value, name)]
        case x509.ExtendedKeyUsage():
            return [usage._name for usage in value]
        case x509.BasicConstraints():
            return {"ca": value.ca, "pathLength": value.path_length}
        case x509.SubjectAlternativeName():
            return [f"{type(name).__name__}:{name.value}" for name in value]
        case x509.AuthorityKeyIdentifier() | x509.SubjectKeyIdentifier():
            return "<key identifier>"
        case _:
            raise AssertionError(f"unexpected extension {value}")


@pytest.mark.shared
def test_every_recorded_case_is_replayed() -> None:
    assert {case["case"] for case in recordings()["cases"]} == RECORDED.keys() | ELSEWHERE.keys()


@pytest.mark.shared
@pytest.mark.parametrize("name", RECORDED)
async def test_answer_equals_the_recorded_one(running: RunningAuthority, name: str) -> None:
    recorded = next(case for case in recordings()["cases"] if case["case"] == name)
    if recorded["code"] != "OK":
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await RECORDED[name](running)
        assert refused.value.code().name == recorded["code"]
        assert refused.value.details() == recorded["details"]
        return
    chain = await RECORDED[name](running)
    now = running.authority.clock().timestamp()
    assert len(chain) == recorded["items"]
    assert [len(item) - len(item.rstrip("\n")) for item in chain] == recorded["itemsEndWithNewlines"]
    assert [[described(each, now) for each in split(item)] for item in chain] == recorded["chain"]


@pytest.mark.shared
async def test_root_and_serving_certificate_equal_the_recorded_ones(tmp_path: Path) -> None:
    async with running_authority(tmp_path, names=host_names()) as running:
        now = running.authority.clock().timestamp()
        recorded = recordings()
        assert [described(each, now) for each in split(running.authority.bundle.roots)] == recorded["rootConfigMap"]
        serving = described(running.rotation.serving.certificate, now)
        wanted = dict(recorded["servingCertificate"][0])
        # The root is some seconds older than the certificate that would have its lifetime: no leaf outlives its issuer.
        assert wanted["lifetimeSeconds"] - 60 <= serving.pop("lifetimeSeconds") <= wanted.pop("lifetimeSeconds")
        assert serving == wanted


def operators_ca() -> Bundle:
    """As the one that istiod had when it was recorded: an intermediate with 30 days to live."""
    now = utc_now()
    root = make_root(rsa_key(), now - timedelta(hours=1), name="Acme")
    own = make_intermediate(root, rsa_key(1), "Intermediate CA", now=now - timedelta(hours=1))
    chain = (encode_certificate(own) + root.roots).encode()
    return decode_bundle(
        encode_certificate(own).encode(), encode_private_key(rsa_key(1)), chain, root.roots.encode(), now=now
    )


@pytest.mark.shared
@pytest.mark.parametrize("name", RECORDED)
async def test_answer_of_a_plugged_in_ca_equals_the_recorded_one(tmp_path: Path, name: str) -> None:
    """Layout and every field of the leaf; the certificates above it are the operator's, not ours."""
    cases = yaml.safe_load(shared_path("aux", "ca", "plugged-in.yaml").read_text())["cases"]
    recorded = next(case for case in cases if case["case"] == name)
    plugged = operators_ca()
    async with running_authority(tmp_path, plugged) as running:
        if recorded["code"] != "OK":
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await RECORDED[name](running)
            assert (refused.value.code().name, refused.value.details()) == (recorded["code"], recorded["details"])
            return
        chain = await RECORDED[name](running)
        now = running.authority.clock().timestamp()
    assert len(chain) == recorded["items"]
    assert [len(item) - len(item.rstrip("\n")) for item in chain] == recorded["itemsEndWithNewlines"]
    assert [len(split(item)) for item in chain] == [len(item) for item in recorded["chain"]]
    assert chain[1:] == [*plugged.chain, plugged.roots]
    found, (wanted,) = described(split(chain[0])[0], now), recorded["chain"][0]
    if name == "validity_duration at the maximum":
        # Ours never outlives its issuer, which has a month to live; istiod's has the three months.
        assert split(chain[0])[0].not_valid_after_utc == plugged.certificate.not_valid_after_utc
        assert wanted.pop("lifetimeSeconds") > found.pop("lifetimeSeconds")
    assert found | {"issuer": ""} == wanted | {"issuer": ""}


@pytest.mark.shared
async def test_serving_certificate_of_a_plugged_in_ca_equals_the_recorded_one(tmp_path: Path) -> None:
    recorded = yaml.safe_load(shared_path("aux", "ca", "plugged-in.yaml").read_text())
    plugged = operators_ca()
    async with running_authority(tmp_path, plugged, names=host_names()) as running:
        serving = running.rotation.serving
        found = described(serving.certificate, running.authority.clock().timestamp())
    wanted = dict(recorded["servingCertificate"][0])
    # istiod's has ten years, and would be refused when its issuer has expired.
    assert serving.certificate.not_valid_after_utc == plugged.certificate.not_valid_after_utc
    assert wanted.pop("lifetimeSeconds") > found.pop("lifetimeSeconds")
    assert found | {"issuer": ""} == wanted | {"issuer": ""}
    assert len(split(plugged.roots)) == len(recorded["rootConfigMap"])


# --- what no recording shows ----------------------------------------------------------------------------------------


async def test_workload_renews_by_the_certificate_it_got(running: RunningAuthority) -> None:
    first = await running.create(request(make_csr(ec_key(3))), running.bearer("shop", "cart"))
    second = await running.create(request(make_csr(ec_key(4))), (), ec_key(3), first[0])
    names = split(second[0])[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://cluster.local/ns/shop/sa/cart"]
    split(second[0])[0].verify_directly_issued_by(split(second[1])[0])


async def test_client_certificate_goes_before_the_token(running: RunningAuthority) -> None:
    mine = await running.create(request(make_csr(ec_key(3))), running.bearer("shop", "cart"))
    chain = await running.create(request(EC_CSR), running.bearer("other", "token"), ec_key(3), mine[0])
    assert "spiffe://cluster.local/ns/shop/sa/cart" in str(split(chain[0])[0].extensions)


async def test_leaf_never_outlives_its_issuer(tmp_path: Path) -> None:
    short = make_root(rsa_key(), utc_now() - timedelta(hours=1), timedelta(hours=2))
    async with running_authority(tmp_path, short) as running:
        chain = await running.create(request(EC_CSR, 24 * 3600), running.bearer())
        assert split(chain[0])[0].not_valid_after_utc == short.certificate.not_valid_after_utc


async def test_expired_issuer_is_an_internal_error(running: RunningAuthority) -> None:
    clock = running.authority.clock
    old = make_root(rsa_key(), clock() - timedelta(hours=2), timedelta(hours=3))
    running.authority.replace(old)
    running.authority.clock = lambda: clock() + timedelta(hours=5)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await running.create(request(EC_CSR), running.bearer())
    assert refused.value.code() is grpc.StatusCode.INTERNAL
    assert counted(running)['citadel_server_csr_sign_err_count{error="CERT_GEN_ERROR"}'] == 1


async def test_authority_without_a_signing_certificate_is_not_ready(
    running: RunningAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    running.authority._bundle = None
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await running.create(request(EC_CSR), running.bearer())
    assert refused.value.code() is grpc.StatusCode.INTERNAL
    assert counted(running)['citadel_server_csr_sign_err_count{error="CA_NOT_READY"}'] == 1
    assert [each.levelno for each in caplog.records if "not signed" in each.message] == [logging.ERROR]


async def test_bytes_that_are_no_request_are_an_invalid_argument(running: RunningAuthority) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await running.call(b"\xff\xff\xff", running.bearer())
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert counted(running)["citadel_server_csr_parsing_err_count"] == 1


async def test_bug_is_an_internal_error_that_says_nothing(
    running: RunningAuthority, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> list[str]:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(issue, "issue", broken)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await running.create(request(EC_CSR), running.bearer())
    assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.INTERNAL, "internal error")
    assert "ZeroDivisionError" in caplog.text


async def test_outcomes_are_counted_under_istiods_names(running: RunningAuthority) -> None:
    await running.create(request(EC_CSR), running.bearer())
    for csr, seconds, headers in (("", 0, running.bearer()), (EC_CSR, 10**9, running.bearer()), (EC_CSR, 0, [])):
        with pytest.raises(grpc.aio.AioRpcError):
            await running.create(request(csr, seconds), headers)
    counts = counted(running)
    assert counts["citadel_server_csr_count"] == 4
    assert counts["citadel_server_success_cert_issuance_count"] == 1
    assert counts["citadel_server_authentication_failure_count"] == 1
    assert counts['citadel_server_csr_sign_err_count{error="CSR_ERROR"}'] == 1
    assert counts['citadel_server_csr_sign_err_count{error="TTL_ERROR"}'] == 1


async def test_log_says_why_and_from_where_but_holds_no_credential(
    running: RunningAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = running.issuer.issue("demo", "app", audience="elsewhere")
    with pytest.raises(grpc.aio.AioRpcError):
        await running.create(request(EC_CSR), [("authorization", f"Bearer {token}")])
    await running.create(request(EC_CSR), running.bearer())
    refusal = next(each for each in caplog.records if "refused" in each.message)
    assert refusal.levelno == logging.INFO
    assert re.search(r"of 127\.0\.0\.1:\d+ refused: ClientCertAuthenticator: no client certificate", refusal.message)
    assert "InvalidAudienceError" in refusal.message
    ours = "\n".join(each.getMessage() for each in caplog.records)
    assert token not in ours
    assert token.split(".")[2] not in ours
    assert "PRIVATE KEY" not in ours


async def test_every_identity_of_a_certificate_is_certified_again(running: RunningAuthority) -> None:
    identities = (APP, "app.demo.svc", "10.1.2.3", "2001:db8::1")
    leaf = make_leaf(running.authority.bundle, ec_key(2).public_key(), identities, running.authority.clock())
    chain = await running.create(request(EC_CSR), (), ec_key(2), encode_certificate(leaf))
    names = split(chain[0])[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == list(identities)


def counted(running: RunningAuthority) -> dict[str, float]:
    """Samples as a page of metrics shows them."""
    return {
        sample.name + (f'{{error="{sample.labels["error"]}"}}' if sample.labels else ""): sample.value
        for family in running.metrics.collect()
        for sample in family.samples
    }
