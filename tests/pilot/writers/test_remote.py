"""Which clusters we lead from afar, and what is written there."""

import asyncio

from prometheus_client import CollectorRegistry

from pilot.kube_client import KubeClient
from pilot.model.kubernetes import Namespace
from pilot.model.objects import Event, Metadata
from pilot.model.snapshot import Snapshot
from pilot.settings import Kubernetes, Settings
from pilot.writers.remote import LEADERS, RemoteWriters, is_led_by
from pilot.writers.roots import Roots
from pilot.writers.webhook_metrics import WebhookMetrics
from tests.pilot.agent.eventually import eventually
from tests.pilot.writers.recorder import Recorder

MAPS, HOOKS = "/api/v1/configmaps", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
ROOTS = Roots("R")


def system(leaders: str) -> Namespace:
    return Namespace(metadata=Metadata(name="istio-system", annotations={LEADERS: leaders} if leaders else {}))


def mesh(leaders: str) -> Snapshot:
    made = Namespace(metadata=Metadata(name="app"))
    own = Namespace(metadata=Metadata(name="only-at-home"))
    snapshot, _ = Snapshot.empty().apply([Event(own.key, own)])
    declared = system(leaders)
    return snapshot.apply_remote("far", [Event(declared.key, declared), Event(made.key, made)])[0]


def test_a_cluster_names_those_that_lead_it() -> None:
    for leaders, led in (("here", True), ("a, here", True), ("*", True), ("a", False), ("here2", False), ("", False)):
        assert is_led_by("here", mesh(leaders).remotes["far"]) is led, leaders
    assert not is_led_by("here", Snapshot.empty())


async def test_roots_go_to_its_namespaces_while_it_wants_them() -> None:
    current = [mesh("a")]
    api = Recorder(MAPS, HOOKS)
    settings = Settings(kubernetes=Kubernetes(elects=False, injection_webhook=""))
    writers = RemoteWriters(lambda: current[0], settings, lambda: ROOTS, WebhookMetrics(CollectorRegistry()))
    client: KubeClient = api  # type: ignore[assignment]
    leading = asyncio.create_task(writers.lead("far", client))
    try:
        current[0] = mesh("*")
        await eventually(lambda: len(api.calls) == 2)
        places = {path.split("/")[4] for _, path, _ in api.calls}
        assert places == {"app", "istio-system"}
        assert {body["data"]["root-cert.pem"] for _, _, body in api.calls} == {"R"}
    finally:
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
