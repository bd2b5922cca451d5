"""Which authenticators there are, in which order, and which cluster a call is about."""

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from ca.authn.impersonation import Pods
from ca.authn.kubernetes_token import Cluster
from ca.spiffe import TrustDomain
from pilot import callers, settings
from pilot.callers import Clusters
from pilot.settings import Settings

MESH = TrustDomain("cluster.local")
RULE = '{"issuer": "https://127.0.0.1:1", "audiences": ["mesh"]}'


def loaded(state: Path, **environ: str) -> Settings:
    flags = {"state_dir": state, "cluster_aliases": "east=Kubernetes,wes=west"}
    return settings.load(flags, environ)


async def order(found: Settings, clusters: Clusters | None) -> list[str]:
    async with contextlib.AsyncExitStack() as undo:
        known = await callers.known(found, clusters, undo)
        for task in known.tasks:
            task.close()
        return [each.name for each in known.chain(MESH).authenticators]


def clusters_of(found: Settings, client: Any = None, pods: Pods | None = None, **remote: Cluster) -> Clusters:
    return Clusters(found, client, pods, remote.get)


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, ["ClientCertAuthenticator", "{token}"]),
        (
            {"JWT_RULE": RULE, "TRUSTED_GATEWAY_CIDR": "10.0.0.0/8"},
            ["ClientCertAuthenticator", "IDTokenAuthenticator", "{token}", "XfccAuthenticator"],
        ),
    ],
)
@pytest.mark.parametrize("is_kubernetes", [True, False])
async def test_authenticators_are_in_istiods_order(
    tmp_path: Path, environ: dict[str, str], names: list[str], is_kubernetes: bool
) -> None:
    found = loaded(tmp_path, **environ)
    token = "KubeJWTAuthenticator" if is_kubernetes else "LocalTokenAuthenticator"
    clusters = clusters_of(found) if is_kubernetes else None
    assert await order(found, clusters) == [each.format(token=token) for each in names]


async def test_in_kubernetes_there_is_no_issuer_of_our_own(tmp_path: Path) -> None:
    await order(loaded(tmp_path), clusters_of(loaded(tmp_path)))
    assert os.listdir(tmp_path) == []


def test_cluster_is_ours_without_a_name_by_name_and_by_alias_and_others_by_theirs(tmp_path: Path) -> None:
    client: Any = object()
    pods: Any = object()
    west = Cluster(client, None, None)
    found = clusters_of(loaded(tmp_path), client, pods, west=west)
    for name in ("", "Kubernetes", "east"):
        assert found.find(name) == Cluster(client, None, pods)
        assert found.pods_of(name) is pods
    assert found.find("west") is found.find("wes") is west
    assert found.pods_of("west") is None
    assert found.find("elsewhere") is None
    assert found.pods_of("elsewhere") is None


async def test_where_authentication_is_off_every_chain_is(tmp_path: Path) -> None:
    found = loaded(tmp_path, XDS_AUTH="false")
    async with contextlib.AsyncExitStack() as undo:
        known = await callers.known(found, None, undo)
        assert not known.chain(MESH).is_enabled
        assert not known.ca_chain(MESH).is_enabled
