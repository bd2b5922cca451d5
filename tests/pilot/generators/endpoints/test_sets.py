import dataclasses

from pilot.generators import endpoints
from pilot.generators.endpoints import assignment
from pilot.model.peer_authentication import MtlsMode
from pilot.model.peer_authentications import PeerAuthentications
from tests.pilot.generators.samples import behind, endpoint, keyed, scope, service, traits, view, workload

ONE, TWO = service("one"), service("two")
NAMES = frozenset({f"outbound|80||{ONE.hostname}", f"outbound|80||{TWO.hostname}", "nothing"})
SCOPE = scope(ONE, TWO)
FIRST, SECOND = behind(endpoint("10.0.0.1")), behind(endpoint("10.0.0.2"))
ENDPOINTS = keyed((ONE, FIRST), (TWO, SECOND))


def test_every_name_has_an_answer_and_no_other() -> None:
    made = endpoints.build(view(SCOPE, ENDPOINTS), NAMES)

    assert set(made) == NAMES
    assert made["nothing"].body == assignment.build_unknown("nothing").body
    assert endpoints.build(view(SCOPE, ENDPOINTS), frozenset()).resources == {}


def test_an_unchanged_set_is_the_same_object_for_all_who_share_it() -> None:
    first = endpoints.build(view(SCOPE, ENDPOINTS), NAMES)

    assert endpoints.build(view(SCOPE, ENDPOINTS), frozenset(set(NAMES))) is first
    elsewhere = view(SCOPE, ENDPOINTS, traits=traits(namespace="other"), workload=workload(locality="r/z"))
    assert endpoints.build(elsewhere, NAMES) is first


def test_a_change_of_one_service_remakes_only_its_assignment() -> None:
    before = endpoints.build(view(SCOPE, ENDPOINTS), NAMES)
    calls = assignment.build.calls
    after = endpoints.build(view(SCOPE, keyed((ONE, FIRST), (TWO, behind(endpoint("10.0.0.9"))))), NAMES)

    assert assignment.build.calls == calls + 1
    same, changed = f"outbound|80||{ONE.hostname}", f"outbound|80||{TWO.hostname}"
    assert after[same] is before[same]
    assert after[changed].version != before[changed].version


def test_a_peer_authentication_that_leaves_mutual_tls_on_remakes_nothing() -> None:
    first = endpoints.build(view(SCOPE, ENDPOINTS), NAMES)
    strict = view(SCOPE, ENDPOINTS, peer_authentications=PeerAuthentications(mesh=MtlsMode.STRICT))
    off = dataclasses.replace(strict, peer_authentications=PeerAuthentications(mesh=MtlsMode.DISABLE))

    assert endpoints.build(strict, NAMES) is first
    assert endpoints.build(off, NAMES).version != first.version
