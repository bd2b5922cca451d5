"""The cast of the demo is what its manifests say."""

import pathlib

import pytest

from pilot.cli.demo import EXAMPLE
from pilot.demo.cast import CastError, read_cast
from pilot.view.proxy import ProxyKind


def test_bookinfo_has_six_workloads_and_a_gateway() -> None:
    cast = read_cast(EXAMPLE / "mesh")
    assert [actor.name for actor in cast if actor.kind is ProxyKind.ROUTER] == ["ingressgateway.istio-system"]
    assert sum(actor.kind is ProxyKind.SIDECAR for actor in cast) == 6
    assert cast[-1].kind is ProxyKind.ROUTER


def test_no_two_actors_share_an_address_or_a_socket() -> None:
    cast = read_cast(EXAMPLE / "mesh")
    addresses = [address for actor in cast for address in (actor.address, actor.egress) if address]
    sockets = [actor.socket for actor in cast if actor.socket]
    assert len(addresses) == len(set(addresses))
    assert len(sockets) == len(set(sockets))
    assert all(address.startswith("127.") for address in addresses)


def test_every_workload_has_a_program() -> None:
    for actor in read_cast(EXAMPLE / "mesh"):
        assert not actor.socket or (EXAMPLE / "app" / f"{actor.labels['app']}.py").is_file()


def test_directory_without_pods_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CastError, match="expected manifests with Pods, found none"):
        read_cast(tmp_path)


def test_broken_manifest_is_refused_with_its_place(tmp_path: pathlib.Path) -> None:
    (tmp_path / "broken.yaml").write_text("kind: Pod\nmetadata: [\n")
    with pytest.raises(CastError, match=r"broken\.yaml"):
        read_cast(tmp_path)
