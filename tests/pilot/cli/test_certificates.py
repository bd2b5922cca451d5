from pathlib import Path

from click.testing import CliRunner

from pilot.cli.certificates import ca
from tests.ca.makers import APP, ec_key, make_leaf, make_root, pem_of, rsa_key


def run(*arguments: str, given: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(ca, list(arguments), input=given)
    return result.exit_code, result.output


def test_new_ca_is_one_that_a_control_plane_accepts(tmp_path: Path) -> None:
    code, said = run("init", str(tmp_path / "ca"), "--cluster", "east", "--cluster", "west")
    assert code == 0
    assert "keep it offline" in said
    code, said = run("verify", str(tmp_path / "ca" / "west"))
    assert code == 0
    assert "CN=Intermediate CA of west" in said


def test_ca_that_would_be_refused_is_refused_with_the_reason(tmp_path: Path) -> None:
    run("init", str(tmp_path / "ca"), "--cluster", "east")
    (tmp_path / "ca" / "east" / "cert-chain.pem").unlink()
    code, said = run("verify", str(tmp_path / "ca" / "east"))
    assert code == 1
    assert "got no cert-chain.pem" in said
    code, said = run("verify", str(tmp_path))
    assert code == 1
    assert "no CA" in said


def test_cluster_that_exists_is_an_error_for_people(tmp_path: Path) -> None:
    run("init", str(tmp_path / "ca"), "--cluster", "east")
    code, said = run("init", str(tmp_path / "ca"), "--cluster", "east")
    assert (code, "exists already" in said) == (1, True)


def test_certificates_are_printed_from_file_and_input(tmp_path: Path) -> None:
    root = make_root(rsa_key())
    chain = pem_of(make_leaf(root, ec_key().public_key(), (APP, "10.0.0.1"))) + root.roots
    (tmp_path / "chain.pem").write_text(chain)
    code, said = run("inspect", str(tmp_path / "chain.pem"))
    assert code == 0
    for part in (
        "certificate 1 of 2",
        "certificate 2 of 2",
        APP,
        "10.0.0.1",
        "EC secp256r1",
        "RSA 2048",
        "CA:        yes",
    ):
        assert part in said, part
    assert run("inspect", given=chain)[1].count("standard input, certificate") == 2
    assert run("inspect", given="nothing")[0] == 1
