"""A change of root in the Secret of the root: one write, and only on what was known."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from ca.bundle import encode_certificate
from ca.errors import KubernetesError, RolloverError
from ca.kubernetes_root import SecretRootStore
from ca.rollover import stages
from ca.rollover.secret_store import RECORD, SecretRolloverStore, decode_record
from ca.rollover.stages import Action, Rollover
from tests.ca.makers import NOON, ec_key, make_root
from tests.ca.rollover.cluster import Cluster


@dataclass
class Mesh:
    cluster: Cluster
    roots: SecretRootStore
    change: Rollover

    def store(self) -> SecretRolloverStore:
        return SecretRolloverStore(self.cluster, lambda: self.roots.path)


@pytest.fixture
async def mesh() -> Mesh:
    cluster = Cluster()
    roots = SecretRootStore(cluster, "mesh", lambda: NOON)
    old = await roots.load_or_create("cluster.local", new_serial=lambda: 5, lifetime=timedelta(days=3650))
    return Mesh(cluster, roots, stages.begin(old, make_root(ec_key(9)), now=NOON))


async def test_everything_changes_with_one_write(mesh: Mesh) -> None:
    store = mesh.store()
    assert await store.load() is None
    await store.save(mesh.change)
    assert await mesh.store().load() == mesh.change
    assert (await mesh.roots.load()).roots == "".join(mesh.change.trusted)
    await store.save(stages.act(mesh.change, Action.ADVANCE, now=NOON))
    assert encode_certificate((await mesh.roots.load()).certificate) == mesh.change.new.certificate


async def test_second_replica_that_enters_a_stage_is_refused(mesh: Mesh) -> None:
    one, other = mesh.store(), mesh.store()
    await one.load()
    await other.load()
    await one.save(mesh.change)
    with pytest.raises(RolloverError, match="just gone on"):
        await other.save(stages.act(mesh.change, Action.ADVANCE, now=NOON))
    assert await other.load() == mesh.change


async def test_secret_that_was_written_between_look_and_write_stays(mesh: Mesh) -> None:
    class Racing(Cluster):
        async def call(self, method: str, path: str, body: object = None) -> object:
            if method == "PUT":
                raise KubernetesError("conflict", 409)
            return await super().call(method, path, body)

    racing = Racing()
    racing.objects = mesh.cluster.objects
    with pytest.raises(RolloverError, match="somebody else"):
        await SecretRolloverStore(racing, lambda: mesh.roots.path).save(mesh.change)
    assert await mesh.store().load() is None


async def test_forgotten_change_is_gone_with_its_key_and_the_root_stays(mesh: Mesh) -> None:
    store = mesh.store()
    await store.save(mesh.change)
    for _ in range(3):
        mesh.change = stages.act(mesh.change, Action.ADVANCE, now=NOON)
    await store.save(mesh.change)
    await store.forget()
    assert await store.load() is None
    assert (await mesh.roots.load()).roots == mesh.change.new.certificate


async def test_renewal_of_the_root_leaves_the_record_alone(mesh: Mesh) -> None:
    store = mesh.store()
    await store.save(stages.act(mesh.change, Action.ROLL_BACK, now=NOON))
    await mesh.roots.save(await mesh.roots.load())
    assert (await store.load()) is not None


@pytest.mark.parametrize("content", ["", "!", "eA=="])
def test_record_that_cannot_be_read_is_an_error(content: str) -> None:
    with pytest.raises(RolloverError):
        decode_record({RECORD: content})
