"""Whether Kubernetes' signers sign, and with which roots."""

from pathlib import Path
from typing import Any

import pytest

from ca.errors import ProviderError
from pilot import registration, settings
from pilot.model.mesh import CertificateData, MeshConfig
from pilot.registration import MeshRoots

API: Any = object()


def test_our_own_ca_signs_unless_somebody_else_is_wanted() -> None:
    assert registration.choose(settings.load({}, {}), API, MeshRoots()) is None


@pytest.mark.parametrize(
    ("value", "api", "why"), [("x", API, "got 'x'"), (registration.KUBERNETES, None, "no Kubernetes")]
)
def test_what_cannot_be_is_an_error(value: str, api: Any, why: str) -> None:
    with pytest.raises(ProviderError, match=why):
        registration.choose(settings.load({}, {"EXTERNAL_CA": value}), api, MeshRoots())


@pytest.mark.parametrize(
    ("files", "domain", "root"),
    [
        (("external", "cluster"), "", "external"),
        (("cluster",), "", "cluster"),
        (("cluster",), "example.com", ""),
        (("external",), "example.com", "external"),
        ((), "", ""),
    ],
)
def test_default_root_is_the_first_that_is_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: tuple[str, ...], domain: str, root: str
) -> None:
    monkeypatch.setattr(registration, "EXTERNAL_ROOT", tmp_path / "external")
    monkeypatch.setattr(registration, "CLUSTER_ROOT", tmp_path / "cluster")
    for name in files:
        (tmp_path / name).write_text(name)
    roots = MeshRoots()
    environ = {"EXTERNAL_CA": registration.KUBERNETES, "CERT_SIGNER_DOMAIN": domain, "K8S_SIGNER": "x/y"}
    assert registration.choose(settings.load({}, environ), API, roots) is not None
    assert roots.of_registration() == root


def test_roots_of_a_signer_are_those_that_the_mesh_configuration_names_now() -> None:
    config = MeshConfig(
        ca_certificates=(
            CertificateData(pem="one", cert_signers=("x/a", "x/b")),
            CertificateData(pem="two\n", cert_signers=("x/b",)),
            CertificateData(spiffe_bundle_url="https://x", cert_signers=("x/c",)),
        )
    )
    current = [config]
    roots = MeshRoots(lambda: current[0])
    assert (roots.of_signer("x/a"), roots["x/b"], roots.get("x/c")) == ("one\n", "one\ntwo\n", None)
    assert (list(roots), len(roots)) == (["x/a", "x/b", "x/c"], 3)
    current[0] = MeshConfig()
    assert roots.of_signer("x/a") == ""
