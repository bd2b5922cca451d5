"""`meshpilot token` prints what the control plane of the same state directory accepts."""

from pathlib import Path

import jwt
import pytest
from click.testing import CliRunner, Result

from ca.authn import local_issuer
from ca.errors import CredentialError
from ca.spiffe import TrustDomain
from pilot.cli.token import token

DOMAIN = TrustDomain("cluster.local")


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(token, list(arguments), env=environment)


def test_the_control_plane_accepts_it(tmp_path: Path) -> None:
    result = run("shop", "back", "--stateDir", str(tmp_path))
    assert result.exit_code == 0
    proven = local_issuer.load_or_create(tmp_path).verify(result.output.strip(), {"istio-ca"}, DOMAIN)
    assert str(proven) == "spiffe://cluster.local/ns/shop/sa/back"


def test_the_state_directory_is_the_control_planes_by_default(tmp_path: Path) -> None:
    result = run("shop", "back", MESHPILOT_STATE_DIR=str(tmp_path))
    local_issuer.load_or_create(tmp_path).verify(result.output.strip(), {"istio-ca"}, DOMAIN)


def test_another_control_plane_refuses_it(tmp_path: Path) -> None:
    said = run("shop", "back", "--state-dir", str(tmp_path / "one")).output.strip()
    with pytest.raises(CredentialError):
        local_issuer.load_or_create(tmp_path / "two").verify(said, {"istio-ca"}, DOMAIN)


def test_audience_and_lifetime_can_be_said(tmp_path: Path) -> None:
    said = run("shop", "back", "--stateDir", str(tmp_path), "--audience", "vault", "--lifetime", "90s").output.strip()
    claims = jwt.decode(said, options={"verify_signature": False})
    assert (claims["aud"], claims["exp"] - claims["iat"]) == (["vault"], 90)


@pytest.mark.parametrize("arguments", [("a/b", "back"), ("shop", ""), ("shop", "a b")])
def test_names_that_no_identity_can_have_are_refused_in_one_line(tmp_path: Path, arguments: tuple[str, str]) -> None:
    result = run(*arguments, "--stateDir", str(tmp_path))
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("lifetime", ["infinite", "0s", "-1h", "soon"])
def test_a_lifetime_that_is_none_is_refused(tmp_path: Path, lifetime: str) -> None:
    result = run("shop", "back", "--stateDir", str(tmp_path), "--lifetime", lifetime)
    assert result.exit_code == 2
    assert "lifetime" in result.output
