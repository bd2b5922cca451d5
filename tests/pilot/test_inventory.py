"""What certificates there are."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from ca.authn.local_issuer import utc_now
from ca.rollover.holders import Holder
from pilot import inventory, trust
from pilot.model.mesh import MeshConfig
from pilot.settings import Settings


async def test_roots_and_our_own_certificate_are_there_once_and_workloads_as_they_are_served(tmp_path: Path) -> None:
    settings = Settings(config_dir=tmp_path, state_dir=tmp_path / "state")
    async with trust.establish(settings, MeshConfig, CollectorRegistry()) as secured:
        found = dict(inventory.certificates(secured))
        assert list(found) == ["root, signs workloads", "the control plane's own"]
        assert secured.serving is not None
        assert found["the control plane's own"] == secured.serving().certificate
        assert list(inventory.workloads(secured)) == []

        assert secured.signing is not None
        expiry = (utc_now() + timedelta(days=1)).replace(microsecond=0)
        secured.signing.ledger.issued(Holder("spiffe://a", "web-0"), secured.signing.authority.bundle, expiry)
        (held,) = inventory.workloads(secured)
        assert (held.identity, held.instance, held.ends) == ("spiffe://a", "web-0", expiry)


async def test_where_somebody_else_signs_there_is_only_what_is_trusted(tmp_path: Path) -> None:
    settings = Settings(config_dir=tmp_path, state_dir=tmp_path / "state")
    async with trust.establish(settings, MeshConfig, CollectorRegistry()) as secured:
        assert secured.signing is not None
        root = secured.signing.authority.bundle.roots
        secured.bundle.roots = (root, "no certificate")
        foreign = replace(secured, signing=None, serving=None)
        assert [purpose for purpose, _ in inventory.certificates(foreign)] == ["root, trusted by the mesh"]
        assert list(inventory.workloads(foreign)) == []
