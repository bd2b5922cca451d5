"""What is wrong with an object is said on it."""

from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem, Severity
from pilot.status.translation import with_mistakes
from tests.pilot.model.meshes import mesh_of

POLICY = ObjectKey("AuthorizationPolicy", "app", "p")
MESH = mesh_of("""
kind: AuthorizationPolicy
apiVersion: security.istio.io/v1
metadata: {name: p, namespace: app, generation: 3}
spec: {}
---
kind: Service
metadata: {name: web, namespace: app}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
""")


def test_all_mistakes_of_an_object_are_one_condition_beside_its_others() -> None:
    problems = [
        Problem("expected an address, got 'x'", POLICY, field="spec.rules[0]"),
        Problem("denied", POLICY),
        Problem("denied", POLICY),
    ]
    known = {POLICY: {"conditions": [{"type": "ZtunnelAccepted"}]}}
    (other, mine) = with_mistakes(known, problems, MESH)[POLICY]["conditions"]
    assert other == {"type": "ZtunnelAccepted"}
    assert mine == {
        "type": "Translated",
        "status": "False",
        "reason": "Invalid",
        "message": "spec.rules[0]: expected an address, got 'x'; denied",
        "observedGeneration": "3",
    }


def test_warnings_objects_that_are_gone_and_kinds_of_others_are_not_spoken_of() -> None:
    problems = [
        Problem("look", POLICY, severity=Severity.WARNING),
        Problem("bad", ObjectKey("AuthorizationPolicy", "app", "gone")),
        Problem("bad", ObjectKey("Service", "app", "web")),
        Problem("bad"),
    ]
    assert with_mistakes({}, problems, MESH) == {}


def test_endless_lists_end() -> None:
    problems = [Problem(f"mistake {number}", POLICY) for number in range(10_000)]
    assert len(with_mistakes({}, problems, MESH)[POLICY]["conditions"][0]["message"]) == 4096
