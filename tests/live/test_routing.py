"""Routes of VirtualServices on a real Envoy: who gets a request, how often, how late, or who answers in its place."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio
from aiohttp import web

from tests.envoys import newest_envoy, oldest_envoy
from tests.live.client_side import Answer, Play, count, playing
from tests.pilot.agent.eventually import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90)]


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=[newest_envoy, oldest_envoy], ids=["newest", "oldest"]
)
async def play(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Play]:
    """One mesh with each Envoy for every test of this module."""
    async with playing(tmp_path_factory.mktemp("routing"), request.param()) as found:
        yield found


SUBSETS = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
  - {name: v3, labels: {version: v3}}
"""


def routes(http: str, host: str = "web", name: str = "web") -> str:
    """A VirtualService with these HTTP routes, and the subsets."""
    return f"""{SUBSETS}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: shop}}
spec:
  hosts: [{host}]
  http:
{http}
"""


async def test_a_header_chooses_the_version(play: Play) -> None:
    rules = routes("""
  - match: [{headers: {x-user: {exact: ann}}}]
    route: [{destination: {host: web, subset: v2}}]
  - match: [{headers: {x-user: {regex: "b.*"}}}]
    route: [{destination: {host: web, subset: v3}}]
  - route: [{destination: {host: web, subset: v1}}]
""")
    async with play.given(rules):
        assert count(await play.many(30, x_user="ann")) == {"web-2": 30}
        assert count(await play.many(30, x_user="bob")) == {"web-3": 30}
        assert count(await play.many(30)) == {"web-1": 30}


async def test_faults_abort_and_delay_what_they_are_for(play: Play) -> None:
    rules = routes("""
  - match: [{uri: {prefix: /teapot}}]
    fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
    route: [{destination: {host: web}}]
  - match: [{uri: {prefix: /slow}}]
    fault: {delay: {fixedDelay: 0.4s, percentage: {value: 100}}}
    route: [{destination: {host: web}}]
  - route: [{destination: {host: web}}]
""")
    async with play.given(rules):
        answer = await play.get(path="/teapot")
        assert (answer.status, answer.server) == (418, "")
        clock = asyncio.get_running_loop().time
        before = clock()
        assert (await play.get(path="/slow")).status == 200
        between = clock()
        assert (await play.get()).status == 200
        assert between - before > 0.39 > clock() - between  # Envoy counts in milliseconds


async def test_retries_are_seen_at_the_server(play: Play) -> None:
    rules = routes("""
  - match: [{uri: {prefix: /again}}]
    retries: {attempts: 3, retryOn: "5xx", backoff: 1ms, retryIgnorePreviousHosts: false}
    route: [{destination: {host: web, subset: v1}}]
  - match: [{uri: {prefix: /once}}]
    retries: {attempts: 0}
    route: [{destination: {host: web, subset: v1}}]
""")
    server = play.servers["web-1"]
    async with play.given(rules):
        left = iter([503, 500])

        async def fail_twice(_: web.Request) -> web.Response:
            return web.Response(status=next(left, 200))

        server.seen.clear()
        server.behave = fail_twice
        assert (await play.get(path="/again")).status == 200
        assert [each["x-envoy-attempt-count"] for each in server.seen] == ["1", "2", "3"]
        server.status(503)
        server.seen.clear()
        assert (await play.get(path="/again")).status == 503
        assert len(server.seen) == 4
        server.seen.clear()
        assert (await play.get(path="/once")).status == 503
        assert len(server.seen) == 1


async def test_a_mirror_gets_a_copy_and_its_answer_is_dropped(play: Play) -> None:
    rules = routes("""
  - route: [{destination: {host: web, subset: v1}}]
    mirrors: [{destination: {host: web, subset: v2}, percentage: {value: 100}}]
""")
    mirror = play.servers["web-2"]
    async with play.given(rules):
        mirror.status(500)
        answers = await play.many(20, together=1)
        assert {(each.server, each.status) for each in answers} == {("web-1", 200)}
        await eventually(lambda: sum(each[":path"] == "/" for each in mirror.seen) == 20)


async def test_a_weighted_split_is_kept_within_three_percent_over_2000_requests(play: Play) -> None:
    rules = routes("""
  - route:
    - {destination: {host: web, subset: v1}, weight: 90}
    - {destination: {host: web, subset: v2}, weight: 10}
""")
    async with play.given(rules):
        shares = count(await play.many(2000))
        assert shares.keys() == {"web-1", "web-2"}
        assert abs(shares["web-1"] / 2000 - 0.9) < 0.03  # four and a half standard deviations


async def only(play: Play, *servers: str) -> bool:
    """Whether these answer, and nobody else."""
    return count(await play.many(60)).keys() <= set(servers)


async def test_a_host_can_be_rewritten_redirected_and_answered_in_place(play: Play) -> None:
    rules = routes("""
  - match: [{uri: {prefix: /old}}]
    rewrite: {uri: /new, authority: web.example.com}
    headers: {request: {set: {x-by: mesh}}, response: {add: {x-went: through}}}
    route: [{destination: {host: web, subset: v1}}]
  - match: [{uri: {exact: /gone}}]
    redirect: {uri: /here, redirectCode: 308}
  - match: [{uri: {exact: /fixed}}]
    directResponse: {status: 202, body: {string: hello}}
""")
    async with play.given(rules):
        assert (await play.get(path="/fixed")).status == 202
        answer = await play.get(path="/gone")
        assert (answer.status, answer.headers["location"]) == (308, "http://web/here")
        answer = await play.get(path="/old/thing?q=1")
        assert (answer.server, answer.headers["x-went"]) == ("web-1", "through")
        seen = play.servers["web-1"].seen[-1]
        assert (seen[":path"], seen["host"], seen["x-by"]) == ("/new/thing?q=1", "web.example.com", "mesh")


async def test_what_no_service_has_is_refused_with_registry_only(play: Play) -> None:
    assert (await play.get("web")).status == 200
    answer = await play.get("nowhere.example.com")
    assert (answer.status, answer.server) == (502, "")


BAD = """
  - match: [{uri: {regex: "("}}]
    route: [{destination: {host: web, subset: v1}}]
  - match: [{uri: {prefix: /zero}}]
    route: [{destination: {host: web, subset: v1}, weight: 0}, {destination: {host: web, subset: v2}, weight: 0}]
  - match: [{uri: {prefix: /subset}}]
    route: [{destination: {host: web, subset: v9}}]
  - match: [{uri: {prefix: /nobody}}]
    route: [{destination: {host: nobody}}]
  - match: [{uri: {prefix: /abort}}]
    fault: {abort: {httpStatus: 99}}
    route: [{destination: {host: web, subset: v1}}]
  - match: [{uri: {prefix: /rewrite}}]
    rewrite: {uriRegexRewrite: {match: "[", rewrite: x}}
    route: [{destination: {host: web, subset: v1}}]
  - match: [{uri: {prefix: /operator}}]
    headers: {response: {set: {x-a: "%NONSENSE%"}}}
    route: [{destination: {host: web, subset: v1}}]
  - match: [{headers: {x-a: {regex: ""}}}]
    route: [{destination: {host: web, subset: v1}}]
  - route: [{destination: {host: web, subset: v2}}]
"""
SECOND = """---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web-again, namespace: shop, creationTimestamp: "2030-01-01T00:00:00Z"}
spec:
  hosts: [web]
  http: [{route: [{destination: {host: web, subset: v3}}]}]
"""
LATER = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: later, namespace: shop}
spec:
  hosts: [later]
  tls: [{match: [{sniHosts: [later]}], route: [{destination: {host: missing}}]}]
"""


async def test_good_routes_beside_bad_ones_keep_working_and_every_bad_one_is_told_once(play: Play) -> None:
    async with play.given(routes(BAD) + SECOND):
        assert count(await play.many(30)) == {"web-2": 30}
        for path in ("/zero", "/subset", "/nobody", "/abort", "/rewrite", "/operator"):
            answer = await play.get(path=path)
            assert (path, answer.status, answer.server) == (path, 503, "")
        assert await play.mesh.rejected() == {"client": 0}
        wanted = {
            "spec.http[0].match[0].uri",
            "spec.http[1].route",
            "spec.http[2].route[0].destination.subset",
            "spec.http[3].route[0].destination.host",
            "spec.http[4].fault.abort.httpStatus",
            "spec.http[5].rewrite.uriRegexRewrite.match",
            "spec.http[6].headers.response.set[x-a]",
            "spec.http[7].match[0].headers[x-a]",
            "spec.hosts[0]",
        }
        await eventually(lambda: told_once(play, wanted))
        assert {each["field"] for each in await play.mesh.problems()} >= wanted
        play.mesh.write("later.yaml", LATER)
        await eventually(lambda: play.mesh.control_plane.lines("shop/later", "'missing.shop.svc.cluster.local'"))
        assert told_once(play, wanted)
        play.mesh.remove("later.yaml")
    await eventually(lambda: no_problems(play))


def told_once(play: Play, fields: set[str]) -> bool:
    """Whether each field was named once, beside the verdict of admission."""
    lines = [each for each in play.mesh.control_plane.lines("") if "an API server would refuse it" not in each]
    return all(len([line for line in lines if f"{field}:" in line]) == 1 for field in fields)


async def no_problems(play: Play) -> bool:
    """Whether nothing is wrong any more."""
    return await play.mesh.problems() == []


def growing(number: int) -> str:
    """A route to a cluster that comes with it; all earlier ones stay. `/step` tells that it is live."""
    subsets = "".join(f"  - {{name: s{each}, labels: {{version: v1}}}}\n" for each in range(number + 1))
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: web, namespace: shop}}
spec:
  host: web
  subsets:
{subsets}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web, namespace: shop}}
spec:
  hosts: [web]
  http:
  - match: [{{uri: {{exact: /step}}}}]
    directResponse: {{status: {210 + number}}}
  - route: [{{destination: {{host: web, subset: s{number}}}}}]
"""


def is_step(status: int, answer: Answer) -> bool:
    return answer.status == status


async def test_a_route_that_comes_with_its_cluster_fails_no_request(play: Play) -> None:
    seen: list[int] = []

    async def ask() -> None:
        while True:
            seen.append((await play.get()).status)

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    try:
        for number in range(8):
            play.mesh.write("growing.yaml", growing(number))
            await eventually(partial(play.answers, partial(is_step, 210 + number), path="/step"))
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        play.mesh.remove("growing.yaml")
    assert len(seen) > 100
    assert set(seen) == {200}
