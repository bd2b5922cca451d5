"""A bug that one object brings to light costs that object only, and is told."""

from collections.abc import Iterator

import pytest

from pilot import memo
from pilot.generators import clusters, endpoints, isolation, routes
from pilot.generators.clusters import outbound
from pilot.generators.endpoints import assignment
from pilot.generators.isolation import isolated
from pilot.model.service import Service
from pilot.resources import Origin
from tests.pilot.generators.samples import behind, endpoint, keyed, scope, service, view

WEB = Origin("Service", "a", "web")


@pytest.fixture(autouse=True)
def nothing_failed() -> Iterator[None]:
    memo.clear_all()
    isolation._FAILED.clear()
    yield
    isolation._FAILED.clear()


def made_by(faults: list[str]) -> isolation.Isolated[[Origin, int], str]:
    @isolated(lambda origin, _: origin, lambda _, __: (), lambda *_: "nothing")
    def make(origin: Origin, number: int) -> str:
        if faults:
            raise ValueError(faults[0])
        return f"{origin} {number}"

    return make


def test_the_last_good_result_stays_and_the_failure_is_a_problem() -> None:
    faults: list[str] = []
    make = made_by(faults)
    assert make(WEB, 1) == "Service a/web 1"

    faults.append("what is this?")
    assert make(WEB, 2) == "Service a/web 1"
    (problem,) = isolation.failures()
    assert problem.key is not None
    assert (problem.key.kind, problem.key.namespace, problem.key.name) == ("Service", "a", "web")
    assert problem.message.endswith("ValueError: what is this?")

    faults.clear()
    assert make(WEB, 3) == "Service a/web 3"
    assert isolation.failures() == ()


def test_what_never_succeeded_is_nothing() -> None:
    assert made_by(["no"])(WEB, 1) == "nothing"


def test_few_failures_and_results_are_remembered() -> None:
    faults: list[str] = []
    make = made_by(faults)
    for number in range(isolation.GOOD + 10):
        make(Origin("Service", "a", str(number)), number)
    assert len(make._good) == isolation.GOOD
    faults.append("no")
    for number in range(isolation.FAILED + 10):
        make(Origin("Service", "a", str(number)), number)
    assert len(isolation.failures()) == isolation.FAILED


ONE, TWO = service("alone"), service("bewildering")
NAMES = frozenset({f"outbound|80||{ONE.hostname}", f"outbound|80||{TWO.hostname}"})


def test_a_service_that_cannot_be_translated_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_for_two(of: Service, *rest: object) -> object:
        if of is TWO:
            raise RuntimeError("a bug")
        return build(of, *rest)  # type: ignore[arg-type]

    build = outbound.build
    monkeypatch.setattr(outbound, "build", fails_for_two)
    made = clusters.build(view(scope(ONE, TWO)))

    assert f"outbound|80||{ONE.hostname}" in made
    assert f"outbound|80||{TWO.hostname}" not in made
    assert [str(each.key and each.key.name) for each in isolation.failures()] == [TWO.origin.name]


def test_endpoints_that_cannot_be_translated_stay_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    before = endpoints.build(view(scope(ONE, TWO), keyed((ONE, behind(endpoint("10.0.0.1"))))), NAMES)

    def fails(*_: object, **__: object) -> bytes:
        raise RuntimeError("a bug")

    monkeypatch.setattr(assignment, "load_assignment", fails)
    changed = keyed((ONE, behind(endpoint("10.0.0.9"))))
    after = endpoints.build(view(scope(ONE, TWO), changed), NAMES)

    assert after is before
    assert len(isolation.failures()) == 1


def test_routes_of_a_service_that_fails_cost_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from pilot.generators.routes import sidecar

    def fails_for_two(of: Service, *rest: object) -> object:
        if of is TWO:
            raise RuntimeError("a bug")
        return build(of, *rest)  # type: ignore[arg-type]

    build = sidecar._default_host
    monkeypatch.setattr(sidecar, "_default_host", fails_for_two)
    (made,) = routes.build(view(scope(ONE, TWO)), frozenset(("80",))).resources.values()

    assert ONE.hostname.encode() in made.body
    assert TWO.hostname.encode() not in made.body
