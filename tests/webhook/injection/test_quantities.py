"""Quantities as the API server writes them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.injection.quantities import canonical, to_canonical


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("2000m", "2"), ("1024Mi", "1Gi"), ("100m", "100m"), ("0.5", "500m"), ("1.5Gi", "1536Mi"), ("1000", "1k"),
        ("1500", "1500"), ("0", "0"), ("1e3", "1e3"), ("0.1", "100m"), ("100000000n", "100m"), ("300Mi", "300Mi"),
        ("512Ki", "512Ki"), ("-1", "-1"), ("1E", "1E"), ("1u", "1u"), ("0.5Ki", "512"),
        ("1e60", "9223372036854775807"), ("0e60", "0"),
    ],
)  # fmt: skip
def test_canonical_forms(written: str, form: str) -> None:
    assert canonical(written) == form


@pytest.mark.parametrize("written", ["", "abc", "1 Gi", "1ki", "1Mi1", "--1", "1e", "9" * 100])
def test_what_is_no_quantity(written: str) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        canonical(written)


def test_numbers_are_quantities_and_other_things_stay() -> None:
    assert [to_canonical(each) for each in (2, 0.5, "x", None, True)] == ["2", "500m", "x", None, True]


@given(
    st.from_regex(
        re.compile(r"[+-]?\d{1,12}(\.\d{0,12})?([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d{1,2})?", re.ASCII), fullmatch=True
    )
)
def test_the_form_is_its_own_form(written: str) -> None:
    form = canonical(written)
    assert canonical(form) == form
