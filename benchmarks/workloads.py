"""What workload discovery costs: the first answer to a ztunnel, and one pod's change for a hundred of them.

    python -m benchmarks.workloads

In: nothing. Out: a table of CPU seconds of generating, comparing and serializing, in this process; the same from end to
end, over gRPC, is `benchmarks.ztunnels`. Opens no port.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import click
from envoy.config.core.v3.base_pb2 import Node
from google.protobuf import json_format
from rich.console import Console
from rich.table import Table

from benchmarks import calibration
from pilot import memory
from pilot.model.features import Features
from pilot.model.objects import Event
from pilot.model.snapshot import Snapshot
from pilot.pipeline import Moment
from pilot.resources import EMPTY, ResourceSet
from pilot.sources.decode import decode_document
from pilot.type_urls import ADDRESS
from pilot.view import node as nodes
from pilot.view.proxy import Proxy
from pilot.xds.responses import Responses
from pilot.xds.subscription import EVERYTHING, NO_NAMES, Subscription

NAMESPACES = 50
CHANGES = 5
ALL = Subscription(wildcard=True)


@dataclass(frozen=True, slots=True)
class Figures:
    """CPU seconds."""

    model: float
    first: float
    piece: float
    """The longest piece of `first`: for so long nobody else is served."""
    change: float


def measure(workloads: int, services: int, ztunnels: int) -> Figures:
    """Pods of services in ambient mode, listed at once; then one of them changes its labels, several times."""
    features = replace(Features(), ambient=True)
    listed = [*(service(number) for number in range(services)), *(pod(n, services, "v1") for n in range(workloads))]
    events = [event for each in listed for event in _events(each)]
    proxies, responses = [nodes.parse_node(node(number), features) for number in range(ztunnels)], Responses()

    started = time.process_time()
    snapshot, _ = Snapshot.empty(features=features).apply(events)
    modelled = time.process_time()
    moment = Moment(snapshot)
    pieces = list(_pieces(_first(moment, proxies[0], responses)))
    sent = _answer(moment, proxies[0])

    changes = []
    for number in range(CHANGES):
        again = time.process_time()
        snapshot, _ = snapshot.apply(_events(pod(0, services, f"v{number + 2}")))
        moment = Moment(snapshot, moment)
        bodies = [responses.delta(ADDRESS, sent, _answer(moment, each), NO_NAMES, ALL) for each in proxies]
        changes.append(time.process_time() - again)
        assert {len(body.names) for body in bodies} == {1}, "only the pod that changed"
        sent = _answer(moment, proxies[0])
    return Figures(modelled - started, sum(pieces), max(pieces), min(changes))


def _first(moment: Moment, proxy: Proxy, responses: Responses) -> Iterator[None]:
    """The first answer, as a stream makes it."""
    yield from moment.steps(proxy, ADDRESS, None) or ()
    sent = _answer(moment, proxy)
    yield from responses.prepare_delta(sent)
    body = responses.delta(ADDRESS, EMPTY, sent, frozenset((EVERYTHING,)), ALL)
    assert body.size > len(sent) * 100, "every workload is told of"


def _pieces(work: Iterator[None]) -> Iterator[float]:
    """CPU seconds of each."""
    is_left = True
    while is_left:
        begun = time.process_time()
        is_left = next(work, True) is None
        yield time.process_time() - begun


def _answer(moment: Moment, proxy: Proxy) -> ResourceSet:
    made = moment.resources_for(proxy, ADDRESS, None)
    assert made is not None
    return made


def _events(document: dict[str, object]) -> Iterator[Event]:
    for each in decode_document(document):
        if each.key is not None and each.object is not None:
            yield Event(each.key, each.object)


def pod(number: int, services: int, version: str) -> dict[str, object]:
    """A Pod in ambient mode; its labels say which version it is."""
    account, address = f"a{number % services}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"p{number}",
            "namespace": f"ns-{number % services % NAMESPACES}",
            "uid": f"u{number}",
            "labels": {"app": account, "version": version},
            "annotations": {"ambient.istio.io/redirection": "enabled"},
        },
        "spec": {"serviceAccountName": account, "nodeName": f"n{number % 100}"},
        "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def service(number: int) -> dict[str, object]:
    """A Service of every so many Pods."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"s{number}", "namespace": f"ns-{number % NAMESPACES}"},
        "spec": {
            "clusterIP": f"172.16.{number >> 8}.{number & 255}",
            "selector": {"app": f"a{number}"},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
        },
    }


def node(number: int) -> Any:
    """What a ztunnel says of itself."""
    made = Node(id=f"ztunnel~10.250.0.{number}~ztunnel-{number}.istio-system~istio-system.svc.cluster.local")
    json_format.ParseDict({"NAMESPACE": "istio-system", "NODE_NAME": f"n{number}"}, made.metadata)
    return made


@click.command()
@click.option("--workloads", default=20_000, show_default=True)
@click.option("--services", default=1000, show_default=True)
@click.option("--ztunnels", default=100, show_default=True)
def main(workloads: int, services: int, ztunnels: int) -> None:
    """Measures workload discovery in this process; some seconds."""
    console = Console()
    with console.status(f"{workloads} workloads of {services} services"):
        memory.prepare()
        found, factor = measure(workloads, services, ztunnels), calibration.factor()
    table = Table("what", "CPU", f"adjusted (factor {factor:.2f})", title=f"{workloads} workloads, {ztunnels} ztunnels")
    rows = (
        ("listed objects become a snapshot", found.model),
        ("the first answer to the first ztunnel", found.first),
        ("the longest piece of it", found.piece),
        (f"one pod changes, for all {ztunnels}", found.change),
    )
    for what, seconds in rows:
        table.add_row(what, f"{seconds * 1000:.1f} ms", f"{seconds / factor * 1000:.1f} ms")
    console.print(table)


if __name__ == "__main__":
    main()
