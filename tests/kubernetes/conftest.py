"""One API server for all tests that leave it as they found it: starting one costs as much as many tests."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.kubernetes.cluster import TestCluster, running_cluster


@pytest.fixture(scope="package")
def defined_cluster() -> Iterator[TestCluster]:
    """With the definitions of Istio and of the Gateway API, and the namespace istio-system."""
    with running_cluster() as made:
        asyncio.run(_define(made))
        yield made


@pytest.fixture(scope="package")
def second_cluster() -> Iterator[TestCluster]:
    """Another one, with the same."""
    with running_cluster() as made:
        asyncio.run(_define(made))
        yield made


async def _define(cluster: TestCluster) -> None:
    await cluster.install_definitions()
    await cluster.close()


@pytest.fixture
async def cluster(defined_cluster: TestCluster) -> AsyncIterator[TestCluster]:
    """The same, wiped afterwards. Modules may give it objects of their own, in a fixture of this name."""
    yield defined_cluster
    await defined_cluster.wipe()
    await defined_cluster.close()
