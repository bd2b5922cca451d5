import pytest

from ca import distribution
from ca.bundle import encode_certificate
from tests.ca.makers import ec_key, make_leaf, make_root

ROOT, OTHER = make_root(ec_key()), make_root(ec_key(1), name="other")


def test_data_of_config_maps_is_the_bundles_text() -> None:
    assert distribution.root_data(ROOT) == {"root-cert.pem": ROOT.roots}
    assert distribution.revocation_data(ROOT) == {"ca-crl.pem": ""}


@pytest.mark.parametrize(
    ("existing", "merged"),
    [
        (None, {"k": "new"}),
        ({}, {"k": "new"}),
        ({"k": "old", "other": "x"}, {"k": "new", "other": "x"}),
        ({"k": "new", "other": "x"}, None),
    ],
)
def test_only_our_key_is_changed(existing: dict[str, str] | None, merged: dict[str, str] | None) -> None:
    assert distribution.merge_data(existing, {"k": "new"}) == merged


def test_roots_of_many_sources_are_one_sorted_list_without_repetition() -> None:
    roots, problems = distribution.merge_roots([("a", ROOT.roots + OTHER.roots), ("b", OTHER.roots)])
    assert roots == tuple(sorted((ROOT.roots, OTHER.roots)))
    assert problems == ()


def test_source_that_is_broken_or_holds_a_leaf_is_left_out_and_named() -> None:
    leaf = encode_certificate(make_leaf(ROOT, ec_key(2).public_key()))
    roots, problems = distribution.merge_roots([("a", ROOT.roots), ("b", "?"), ("c", OTHER.roots + leaf)])
    assert roots == (ROOT.roots,)
    assert [each.partition(":")[0] for each in problems] == ["b", "c"]
