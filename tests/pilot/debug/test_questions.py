import json
from datetime import UTC, datetime
from types import GeneratorType

from pilot.debug.console import Console, Question
from pilot.debug.questions import diff_entry, explain_entry, live_entry, why_entry
from pilot.mesh import Mesh
from pilot.xds.discovery import Connection
from pilot.xds.history import History
from pilot.xds.pushes import Change
from tests.pilot.explain.worlds import proxy, snapshot

SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: s{0}, namespace: app}}
spec: {{clusterIP: 10.97.0.{0}, ports: [{{name: tcp, port: 7000}}]}}
"""


def console() -> Console:
    mesh = Mesh(snapshot())
    stream = Connection("caller.app-1", "n", "p", "delta", datetime.now(UTC), proxy(mesh.snapshot), ())
    history = History()
    history.published(Change(reasons=("config",)))
    made = Console()
    made.add(
        explain_entry(mesh, lambda: [stream]),
        live_entry(mesh, lambda: [stream]),
        why_entry(history),
        diff_entry(mesh, lambda: [stream]),
    )
    return made


async def test_pages_answer() -> None:
    pages = console()
    told = await pages.answer("explain", Question({"proxyID": "caller", "url": "http://web/", "headers": "a: b"}))
    assert json.loads(told.body)["allowed"]
    live = await pages.answer("live", Question({"kind": "gateway", "namespace": "app", "name": "g"}))
    assert json.loads(live.body)["live"]
    why = await pages.answer("why", Question({"limit": "5"}))
    assert json.loads(why.body)[0]["reasons"] == ["config"]
    change = "{apiVersion: v1, kind: Service, metadata: {name: n, namespace: app}, spec: {ports: [{port: 1}]}}"
    diff = await pages.answer("diff", Question({}, "", change))
    assert json.loads(diff.body)["proxies"] == 1


def test_what_is_long_is_done_in_pieces() -> None:
    services = "---".join(SERVICE.format(number) for number in range(40))
    mesh = Mesh(snapshot(services))
    stream = Connection("caller.app-1", "n", "p", "delta", datetime.now(UTC), proxy(mesh.snapshot), ())
    url = Question({"proxyID": "caller", "url": "http://web/"})
    change = Question({}, "", SERVICE.format(99))
    for entry, question in ((explain_entry, url), (diff_entry, change)):
        work = entry(mesh, lambda: [stream]).page(question)
        assert isinstance(work, GeneratorType)
        assert sum(1 for _ in work) >= 40, entry


async def test_nonsense_is_refused_with_a_reason() -> None:
    pages = console()
    assert (await pages.answer("explain", Question({"proxyID": "none", "url": "http://web"}))).status == 404
    assert (await pages.answer("explain", Question({"proxyID": "caller", "url": "ftp://web"}))).status == 400
    assert (await pages.answer("live", Question({"kind": "gateway"}))).status == 404
    assert (await pages.answer("diff", Question())).status == 400
