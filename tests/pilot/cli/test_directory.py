from pathlib import Path

import click
import pytest

from pilot.cli.directory import read_directory

SERVICE = "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: app}, spec: {ports: [{port: 80}]}}"


def test_a_directory_is_a_mesh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(SERVICE)
    (tmp_path / "b.yaml").write_text("kind: {")
    mesh = tmp_path / "mesh"
    mesh.write_text("trustDomain: other.test")
    snapshot = read_directory(tmp_path, mesh)
    assert [each.hostname for each in snapshot.services] == ["web.app.svc.cluster.local"]
    assert snapshot.mesh.trust_domain == "other.test"
    assert "b.yaml" in capsys.readouterr().err


def test_settings_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "mesh").write_text("{")
    with pytest.raises(click.ClickException):
        read_directory(tmp_path, tmp_path / "mesh")
