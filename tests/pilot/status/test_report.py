"""Statuses as lists."""

from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem
from pilot.status.acknowledgement import Progress
from pilot.status.report import Question, entries, select
from tests.pilot.gatewayapi.worlds import HTTP, route, world

FOUND = entries(
    world(HTTP, route("HTTPRoute", "rules: []")),
    {
        ObjectKey("KubernetesGateway", "gws", "main"): Progress(2, 1),
        ObjectKey("Gateway", "x", "old"): Progress(1, 1),
    },
)


def test_objects_are_named_as_documents_name_them() -> None:
    assert [(each["apiVersion"], each["kind"], *each["metadata"].values()) for each in FOUND] == [
        ("gateway.networking.k8s.io/v1", "Gateway", "main", "gws"),
        ("networking.istio.io/v1", "Gateway", "old", "x"),
        ("gateway.networking.k8s.io/v1", "GatewayClass", "istio"),
        ("gateway.networking.k8s.io/v1", "GatewayClass", "istio-remote"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute", "r", "app"),
    ]


def test_what_proxies_serve_says_how_far_it_has_come() -> None:
    assert FOUND[0]["proxies"] == {"connected": 2, "acknowledged": 1}
    assert "proxies" not in FOUND[4]
    assert FOUND[1]["status"] == {}


def test_problems_stand_beside_their_objects() -> None:
    wrong = Problem("no", ObjectKey("Secret", "gws", "s"), field="data"), Problem("nobody's")
    (found,) = select(entries(world(), problems=wrong), Question(kind="secret"))
    assert (found["apiVersion"], found["problems"]) == ("v1", ["data: no"])


def test_questions_choose() -> None:
    assert len(select(FOUND, Question())) == 5
    assert [each["metadata"]["name"] for each in select(FOUND, Question(kind="gateway"))] == ["main", "old"]
    assert [each["metadata"]["name"] for each in select(FOUND, Question(kind="Gateway", namespace="x"))] == ["old"]
    assert [each["kind"] for each in select(FOUND, Question(name="r"))] == ["HTTPRoute"]
