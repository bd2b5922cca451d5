from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from google.protobuf import any_pb2

from pilot.agent import secret
from pilot.agent.errors import SecretError
from pilot.agent.options import KeyType
from pilot.agent.secret import Secret
from pilot.agent.workload_certificate import WorkloadCertificate, generate_key
from tests.pilot.agent.small_ca import SmallCa, key_pem, pem

CA = SmallCa()


def certificate() -> WorkloadCertificate:
    key = generate_key(KeyType.P256)
    return WorkloadCertificate((CA.sign(key.public_key(), uris=["spiffe://a/ns/b/sa/c"]),), (CA.certificate,), key)


def unpacked(found: Secret) -> Any:
    packed, message = any_pb2.Any.FromString(found.body), secret_pb2.Secret()
    assert packed.Unpack(message)
    assert message.name == found.name
    return message


def files(directory: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    chain, private = directory / "tls.crt", directory / "tls.key"
    chain.write_text(pem(CA.sign(key.public_key(), hosts=["web"])))
    private.write_bytes(key_pem(key))
    return chain, private


def test_the_workload_certificate_is_inline() -> None:
    given = certificate()
    found = secret.build_certificate(given)
    message = unpacked(found).tls_certificate
    assert found.name == "default"
    assert message.certificate_chain.inline_bytes == given.chain_pem
    assert message.private_key.inline_bytes == given.key_pem


def test_the_roots_are_inline_and_each_once() -> None:
    found = secret.build_roots([CA.certificate, CA.certificate])
    assert found.name == "ROOTCA"
    assert unpacked(found).validation_context.trusted_ca.inline_bytes == CA.pem.encode()


def test_the_version_follows_the_content() -> None:
    given = certificate()
    assert secret.build_certificate(given) == secret.build_certificate(given)
    assert secret.build_certificate(given).version != secret.build_certificate(certificate()).version


def test_a_secret_never_prints_its_body() -> None:
    assert "PRIVATE KEY" not in repr(secret.build_certificate(certificate()))


def test_a_certificate_is_read_from_two_files(tmp_path: Path) -> None:
    chain, private = files(tmp_path)
    message = unpacked(secret.read_file_secret(f"file-cert:{chain}~{private}")).tls_certificate
    assert message.certificate_chain.inline_bytes == chain.read_bytes()
    assert message.private_key.inline_bytes == private.read_bytes()


def test_roots_are_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(CA.pem)
    message = unpacked(secret.read_file_secret(f"file-root:{tmp_path}/ca.pem"))
    assert message.validation_context.trusted_ca.inline_bytes == CA.pem.encode()


def test_system_roots_are_those_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bundle").write_text(CA.pem)
    monkeypatch.setattr(secret, "SYSTEM_BUNDLES", ("/no/such/bundle", str(tmp_path / "bundle")))
    assert secret.files_of("file-root:system") == (tmp_path / "bundle",)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("file-cert:only-one", "expected file-cert:CHAIN~KEY"),
        ("file-cert:~/key", "expected file-cert:CHAIN~KEY"),
        ("file-root:", "expected file-root:PATH"),
        ("file-root:/no/such/file", "/no/such/file: No such file or directory"),
    ],
)
def test_an_unusable_file_secret_is_named(name: str, words: str) -> None:
    with pytest.raises(SecretError, match=f"secret {name}") as caught:
        secret.read_file_secret(name)
    assert words in str(caught.value)


@pytest.mark.parametrize("content", ["", "not a certificate, but maybe s3cret"])
def test_a_file_without_a_certificate_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(SecretError) as caught:
        secret.read_file_secret(f"file-root:{tmp_path}/ca.pem")
    assert "s3cret" not in str(caught.value)


def test_only_names_of_files_are_file_secrets() -> None:
    assert secret.is_file_secret("file-cert:a~b")
    assert not secret.is_file_secret("default")
