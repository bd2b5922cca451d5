import base64

from google.protobuf.any_pb2 import Any as Packed

from pilot.explain.change import answer, tried
from pilot.memo import finish
from tests.pilot.explain.worlds import proxy, snapshot

LOST = "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: web, namespace: app}, spec: {hosts: [web], http: [{route: [{destination: {host: gone}}]}]}}"  # noqa: E501


def test_a_change_is_tried_and_not_made() -> None:
    before = snapshot()
    found = finish(
        tried(
            before,
            f"{LOST}\n---\nkind: {{\n---\n{{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {{name: x}}, spec: 7}}",  # noqa: E501
        )
    )
    assert found.objects == ("VirtualService app/web",)
    assert len(found.refused) == 2
    assert any("gone" in each for each in found.problems)
    assert before.virtual_services != found.after.virtual_services


def test_the_answer_has_numbers_and_resources_for_an_envoy() -> None:
    before = snapshot()
    found = finish(answer(before, LOST, [("a", proxy(before)), ("b", proxy(before, "edge"))], with_bodies=True))
    assert (found["proxies"], found["of"], len(found["classes"])) == (1, 2, 1)
    (resource,) = found["classes"][0]["resources"]
    assert Packed.FromString(base64.b64decode(resource["body"])).type_url == resource["type"]
    assert "resources" not in finish(answer(before, LOST, [("a", proxy(before))]))["classes"][0]
