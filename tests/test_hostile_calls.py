"""What strangers and enemies send to the certificate service: always the right status, and it serves on.

Over real TLS and gRPC: tokens that are forged, expired, for somebody else or enormous; requests and headers of any
bytes. By hypothesis, and by a fuzzer that is guided by coverage where one is installed: everything that reads them.
"""

import base64
import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca.authn import local_issuer
from istio_api import ca_pb2
from tests import fuzzing
from tests.ca.makers import APP, RunningAuthority, ec_key, make_csr, rsa_key, running_authority, split
from tests.shared import ROOT

CSR = make_csr(ec_key(3))
REQUEST = ca_pb2.IstioCertificateRequest(csr=CSR).SerializeToString()
OPAQUE = (grpc.StatusCode.UNAUTHENTICATED, "request authenticate failure")


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningAuthority]:
    async with running_authority(tmp_path) as authority:
        yield authority
        assert len(await authority.create(ca_pb2.IstioCertificateRequest(csr=CSR), authority.bearer())) == 2


async def status(running: RunningAuthority, request: bytes, *headers: tuple[str, Any]) -> tuple[grpc.StatusCode, str]:
    """Of a call that is refused; it takes no longer than ten seconds."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await running.call(request, headers)
    return refused.value.code(), refused.value.details() or ""


# --- tokens ---------------------------------------------------------------------------------------------------------


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {
        "iss": local_issuer.ISSUER,
        "sub": "system:serviceaccount:demo:app",
        "aud": ["istio-ca"],
        "iat": now - 5,
        "nbf": now - 5,
        "exp": now + 600,
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(running: RunningAuthority, **changes: Any) -> str:
    """By the mesh's own issuer; one that is good unless something is changed."""
    key = running.issuer._key.reveal()
    return jwt.encode(claims(**changes), key, algorithm="ES256", headers={"kid": running.issuer._key_id})


def unsigned(_: RunningAuthority) -> str:
    return jwt.encode(claims(), "", algorithm="none")


def confused(running: RunningAuthority) -> str:
    """The issuer's public key taken for a shared secret."""
    public = running.issuer._public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    parts = ({"alg": "HS256", "typ": "JWT", "kid": running.issuer._key_id}, claims())
    head = b".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in parts)
    tag = base64.urlsafe_b64encode(hmac.digest(public, head, "sha256")).rstrip(b"=")
    return b".".join((head, tag)).decode()


def by_another_key(running: RunningAuthority) -> str:
    return jwt.encode(claims(), ec_key(9), algorithm="ES256", headers={"kid": running.issuer._key_id})


def with_key_inside(_: RunningAuthority) -> str:
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec_key(9).public_key()))
    return jwt.encode(claims(), ec_key(9), algorithm="ES256", headers={"jwk": jwk, "jku": "https://127.0.0.1:1/"})


def changed_after_signing(running: RunningAuthority) -> str:
    header, _, signature = signed(running).split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims(sub="system:serviceaccount:kube-system:admin")).encode())
    return f"{header}.{body.decode().rstrip('=')}.{signature}"


def with_claims(**changes: Any) -> Callable[[RunningAuthority], str]:
    return lambda running: signed(running, **changes)


BAD_TOKENS: dict[str, Callable[[RunningAuthority], str]] = {
    "unsigned": unsigned,
    "public key as a shared secret": confused,
    "another key": by_another_key,
    "its own key inside": with_key_inside,
    "changed after signing": changed_after_signing,
    "expired": with_claims(exp=int(time.time()) - 3600),
    "expired for ever": with_claims(exp=-1),
    "without an end": with_claims(exp=None),
    "an end that is no number": with_claims(exp="tomorrow"),
    "an end that is not finite": with_claims(exp=float("inf")),
    "an end that is true": with_claims(exp=True),
    "not valid yet": with_claims(nbf=int(time.time()) + 3600),
    "issued in the future": with_claims(iat=int(time.time()) + 3600),
    "another issuer": with_claims(iss="https://elsewhere"),
    "another audience": with_claims(aud=["elsewhere"]),
    "an audience that begins alike": with_claims(aud=["istio-ca-of-somebody-else"]),
    "without an audience": with_claims(aud=None),
    "a subject that is no account": with_claims(sub="admin"),
    "a subject with too many parts": with_claims(sub="system:serviceaccount:demo:app:x"),
    "a subject that walks": with_claims(sub="system:serviceaccount:demo:../../kube-system"),
    "a subject that is a list": with_claims(sub=["system:serviceaccount:demo:app"]),
    "empty": lambda _: "",
    "dots": lambda _: "." * 1000,
    "two parts": lambda running: signed(running).rpartition(".")[0],
    "deep nesting": lambda _: base64.urlsafe_b64encode(b"[" * 5000).decode() + ".e30.e30",
}


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_bad_token_is_refused_without_a_reason(running: RunningAuthority, name: str) -> None:
    header = ("authorization", f"Bearer {BAD_TOKENS[name](running)}")
    assert await status(running, REQUEST, header) == OPAQUE


async def test_oversized_token_is_refused_by_grpc_or_by_us(running: RunningAuthority) -> None:
    code, _ = await status(running, REQUEST, ("authorization", f"Bearer {signed(running)}{'A' * 20_000}"))
    assert code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED)


async def test_good_token_may_be_shown_again_and_speaks_for_its_owner_only(running: RunningAuthority) -> None:
    """A replay gains nothing: the key is another's, the name is still the token's."""
    header = (("authorization", f"Bearer {signed(running)}"),)
    for number in (3, 4):
        chain = await running.create(ca_pb2.IstioCertificateRequest(csr=make_csr(ec_key(number))), header)
        (leaf,) = split(chain[0])
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [name.value for name in names] == [APP]
        assert leaf.public_key() == ec_key(number).public_key()


# --- requests -------------------------------------------------------------------------------------------------------


def weak_rsa() -> str:
    return make_csr(rsa.generate_private_key(public_exponent=65537, key_size=1024))


def self_signature_of_another() -> str:
    der = bytearray(x509.load_pem_x509_csr(CSR.encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()


BAD_CSRS: dict[str, Callable[[], str]] = {
    "weak RSA key": weak_rsa,
    "weak curve": lambda: make_csr(ec.generate_private_key(ec.SECP192R1())),
    "wrong signature": self_signature_of_another,
    "empty": lambda: "",
    "a certificate": lambda: CSR.replace("CERTIFICATE REQUEST", "CERTIFICATE")[:-100],
    "enormous": lambda: CSR + "A" * 100_000,
    "many dashes": lambda: "-----BEGIN " * 2000,
}


@pytest.mark.parametrize("name", BAD_CSRS)
async def test_bad_request_is_an_invalid_argument(running: RunningAuthority, name: str) -> None:
    request = ca_pb2.IstioCertificateRequest(csr=BAD_CSRS[name]()).SerializeToString()
    code, details = await status(running, request, *running.bearer())
    assert (code, details.startswith("CSR signing error (")) == (grpc.StatusCode.INVALID_ARGUMENT, True)


async def test_what_a_request_says_about_itself_is_ignored(running: RunningAuthority) -> None:
    names = [x509.UniformResourceIdentifier("spiffe://cluster.local/ns/kube-system/sa/admin"), x509.DNSName("istiod")]
    csr = make_csr(
        rsa_key(1),
        x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, "root"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "x")]
        ),
        [
            (x509.SubjectAlternativeName(names), True),
            (x509.BasicConstraints(ca=True, path_length=None), True),
        ],
    )
    (leaf,) = split((await running.create(ca_pb2.IstioCertificateRequest(csr=csr), running.bearer()))[0])
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in found] == [APP]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.subject.rfc4514_string() == f"CN={APP}"


FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300)


@FEW
@given(body=st.binary(max_size=2000))
async def test_any_bytes_of_a_stranger_are_unauthenticated(running: RunningAuthority, body: bytes) -> None:
    assert await status(running, body) == OPAQUE


@FEW
@given(body=st.binary(max_size=2000))
async def test_any_bytes_of_a_workload_are_an_invalid_argument(running: RunningAuthority, body: bytes) -> None:
    code, _ = await status(running, body, *running.bearer())
    assert code is grpc.StatusCode.INVALID_ARGUMENT


@FEW
@given(token=PRINTABLE, cluster=PRINTABLE, forwarded=PRINTABLE, binary=st.binary(max_size=100))
async def test_any_headers_of_a_stranger_are_unauthenticated(
    running: RunningAuthority, token: str, cluster: str, forwarded: str, binary: bytes
) -> None:
    headers = (
        ("authorization", f"Bearer {token}"),
        ("clusterid", cluster),
        ("x-forwarded-client-cert", forwarded),
        ("authorization-bin", binary),
    )
    assert await status(running, REQUEST, *headers) == OPAQUE


@FEW
@given(
    wanted=st.one_of(st.text(max_size=200), st.floats(), st.booleans(), st.lists(st.text(max_size=5), max_size=3)),
    seconds=st.integers(-(1 << 63), (1 << 63) - 1),
)
async def test_any_metadata_of_a_workload_is_ignored_or_refused(
    running: RunningAuthority, wanted: Any, seconds: int
) -> None:
    request = ca_pb2.IstioCertificateRequest(csr=CSR, validity_duration=seconds)
    request.metadata.update({"ImpersonatedIdentity": wanted, "Proxy": wanted, "other": wanted})
    body = request.SerializeToString()
    if isinstance(wanted, str) and wanted:
        code, _ = await status(running, body, *running.bearer())
        assert code is grpc.StatusCode.UNAUTHENTICATED
    elif seconds > 90 * 86400:
        code, details = await status(running, body, *running.bearer())
        assert (code, "greater than the max" in details) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    else:
        assert len(await running.create(request, running.bearer())) == 2


# --- everything that reads ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", fuzzing.TARGETS, ids=range(len(fuzzing.TARGETS)))
@given(data=st.binary(max_size=500))
def test_bytes_are_read_or_refused(target: Callable[[bytes], object], data: bytes) -> None:
    fuzzing.refused(target, data)


@pytest.mark.parametrize("target", fuzzing.TARGETS, ids=range(len(fuzzing.TARGETS)))
@pytest.mark.parametrize("data", [b"[" * 100_000, b"\x00" * 100_000, b"-----BEGIN A-----" * 5000, b"," * 100_000])
def test_much_of_the_same_is_read_or_refused_soon(target: Callable[[bytes], object], data: bytes) -> None:
    began = time.process_time()
    fuzzing.refused(target, data)
    assert time.process_time() - began < 2


@pytest.mark.timeout(120)
def test_fuzzer_that_is_guided_by_coverage_finds_nothing(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed: pip install atheris, where it can be had")
    command = [sys.executable, "-m", "tests.fuzzing", "-runs=5000", f"-artifact_prefix={tmp_path}/"]
    where = os.pathsep.join((str(ROOT), str(ROOT / "generated"), os.environ.get("PYTHONPATH", "")))
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": where},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
