from pilot.model.endpoint import Endpoint
from pilot.model.endpoint_index import (
    NO_ENDPOINTS,
    EndpointChange,
    EndpointIndex,
    ServiceEndpoints,
    combine,
    keep_unchanged,
    replace_parts,
)
from pilot.model.service import Hostname, Namespace

WEB = (Hostname("web.app"), Namespace("app"))
SLICE_A = ("Kubernetes", "c", "EndpointSlice", "a")
SLICE_B = ("Kubernetes", "c", "EndpointSlice", "b")
ENTRY = ("External", "c", "", "ext", "000000", "ServiceEntry", "ext")


def endpoint(address: str, account: str = "", tls_mode: str = "istio", port_name: str = "http") -> Endpoint:
    return Endpoint((address,), 8080, port_name, "c", service_account=account, tls_mode=tls_mode)


def test_parts_are_put_together_by_shard_then_by_name() -> None:
    edits = {SLICE_B: (endpoint("2"),), ENTRY: (endpoint("3"),), SLICE_A: (endpoint("1"),)}
    index, _ = replace_parts(EndpointIndex(), {WEB: edits})
    assert [each.address for each in index.endpoints[WEB].endpoints] == ["3", "1", "2"]
    index, _ = replace_parts(index, {WEB: {ENTRY: (), SLICE_A: (endpoint("4"),)}})
    assert [each.address for each in index.endpoints[WEB].endpoints] == ["4", "2"]


def test_an_address_in_two_slices_counts_once_a_port() -> None:
    made = combine({SLICE_A: (endpoint("1"),), SLICE_B: (endpoint("1"), endpoint("1", port_name="tcp"))})
    assert [(each.address, each.port_name) for each in made.endpoints] == [("1", "http"), ("1", "tcp")]


def test_an_entry_counts_as_often_as_it_is_listed() -> None:
    second = (*ENTRY[:4], "000001", *ENTRY[5:])
    assert len(combine({ENTRY: (endpoint("1"),), second: (endpoint("1"),)}).endpoints) == 2


def test_identities_and_mutual_tls_of_all_are_summed_up() -> None:
    made = combine({SLICE_A: (endpoint("1", "b"), endpoint("2", "a"), endpoint("3"))})
    assert made.accounts == ("a", "b")
    assert not made.plaintext
    assert combine({SLICE_A: (endpoint("1", tls_mode="disabled"),)}).plaintext
    assert combine({}) is NO_ENDPOINTS


def test_an_endpoint_that_says_the_same_stays_the_same_object() -> None:
    old = (endpoint("1"), endpoint("2"))
    assert keep_unchanged(old, (endpoint("1"), endpoint("2"))) is old
    kept = keep_unchanged(old, (endpoint("2"), endpoint("1", "sa"), endpoint("3")))
    assert kept[0] is old[1]
    assert kept[1] == endpoint("1", "sa")


def test_replaced_parts_change_only_their_service() -> None:
    index, changes = replace_parts(EndpointIndex(), {WEB: {SLICE_A: (endpoint("1"),)}})
    (change,) = changes
    assert change.old is NO_ENDPOINTS
    assert index.endpoints[WEB] is change.new
    same, none = replace_parts(index, {WEB: {SLICE_A: (endpoint("1"),), SLICE_B: ()}})
    assert same is index
    assert none == ()
    empty, _ = replace_parts(index, {WEB: {SLICE_A: ()}})
    assert empty == EndpointIndex()


def test_parts_that_say_nothing_new_together_are_no_change() -> None:
    index, _ = replace_parts(EndpointIndex(), {WEB: {SLICE_A: (endpoint("1"),)}})
    more, changes = replace_parts(index, {WEB: {SLICE_B: (endpoint("1"),)}})
    assert changes == ()
    assert more.endpoints is index.endpoints
    assert SLICE_B in more.parts[WEB]


def test_what_makes_a_change_structural() -> None:
    one = ServiceEndpoints((endpoint("1"),), ("a",), False)
    assert EndpointChange(WEB, NO_ENDPOINTS, one).is_structural
    assert EndpointChange(WEB, one, ServiceEndpoints((endpoint("1"),), ("b",), False)).is_structural
    assert EndpointChange(WEB, one, ServiceEndpoints((endpoint("1"),), ("a",), True)).is_structural
    assert not EndpointChange(WEB, one, ServiceEndpoints((endpoint("2"),), ("a",), False)).is_structural
