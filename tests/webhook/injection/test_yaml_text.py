"""YAML's plain words as Go takes them."""

from typing import Any

import pytest

from webhook.injection import yaml_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-01-01", "2024-01-01"), ("1:30", "1:30"), ("1e3", 1000.0), ("0x1F", 31), ("010", 8), ("0o10", 8),
        ("1_000", 1000), ("yes", True), ("off", False), ("~", None), ("", None), ("1.5", 1.5), ("08", 8.0),
        ("v1", "v1"), ("'1'", "1"), ("-5", -5), ("1.2.3", "1.2.3"), ("=", "="),
    ],
)  # fmt: skip
def test_plain_words(text: str, value: Any) -> None:
    found = yaml_text.load(f"a: {text}")["a"]
    assert (found, type(found)) == (value, type(value))


def test_merge_keys_and_anchors_are_understood() -> None:
    assert yaml_text.load("a: &a {x: 1}\nb: {<<: *a, z: 2}")["b"] == {"x": 1, "z": 2}


@pytest.mark.parametrize(
    "value", ["1e3", "010", "yes", "null", "~", "2024-01-01", "a\nb\n", "", " x ", "1:30", "é", "on"]
)
def test_text_stays_text(value: str) -> None:
    assert yaml_text.load(yaml_text.dump({"a": value})) == {"a": value}


def test_keys_are_text_as_in_json() -> None:
    assert yaml_text.load("{2: a, true: b, null: c, 1.5: d}") == {"2": "a", "true": "b", "null": "c", "1.5": "d"}


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "a: &a {b: *a}",
        "\n".join(["x0: &x0 [1, 1]"] + [f"x{n}: &x{n} [*x{n - 1}, *x{n - 1}]" for n in range(1, 40)]),
    ],
)
def test_what_aliases_blow_up_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"levels|characters"):
        yaml_text.load(text)
    with pytest.raises(ValueError, match=r"levels|characters"):
        list(yaml_text.load_all(text))


def test_documents_are_told_apart() -> None:
    assert list(yaml_text.load_all("a: 1\n---\n---\nb: 2\n")) == [{"a": 1}, None, {"b": 2}]


@pytest.mark.parametrize("text", ["a: [", "!!python/object/apply:os.system [x]", "a: *nowhere", "[" * 5000])
def test_what_is_no_yaml_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="no YAML"):
        yaml_text.load(text)
    with pytest.raises(ValueError, match="no YAML"):
        list(yaml_text.load_all(text))
