from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pilot.sources import yaml_text
from pilot.sources.yaml_text import BrokenText, first_line, lines_of, parse_yaml, split_documents
from tests.shared import GOLDEN


def value_of(text: str) -> object:
    return parse_yaml(text).value


def broken(text: str) -> tuple[int, str]:
    with pytest.raises(BrokenText) as error:
        parse_yaml(text)
    return error.value.line, error.value.reason


# --- documents ------------------------------------------------------------------------------------------------------


def test_documents_are_cut_at_separators_with_their_lines() -> None:
    text = "a: 1\n---\nb: 2\n--- # comment\nc: 3\n...\n---\nd: 4"
    assert [(chunk.line, value_of(chunk.text)) for chunk in split_documents(text)] == [
        (1, {"a": 1}),
        (2, {"b": 2}),
        (4, {"c": 3}),
        (7, {"d": 4}),
    ]


def test_a_document_may_begin_on_the_line_of_its_separator() -> None:
    assert [value_of(chunk.text) for chunk in split_documents("--- {a: 1}\n--- [2]\n")] == [{"a": 1}, [2]]


def test_empty_documents_comments_and_directives_are_no_documents() -> None:
    text = "%YAML 1.1\n---\n# nothing\n---\n\n---\n   \n--- # end\n"
    assert list(split_documents(text)) == []
    assert list(split_documents("")) == []


def test_dashes_elsewhere_do_not_separate() -> None:
    text = "a: |\n  ---\n  b\nc: '--- x'\n----: 1\n"
    assert [value_of(chunk.text) for chunk in split_documents(text)] == [{"a": "---\nb\n", "c": "--- x", "----": 1}]


def test_windows_line_ends_are_line_ends() -> None:
    chunks = list(split_documents("a: 1\r\n---\r\nb: 2\r\n"))
    assert [(chunk.line, value_of(chunk.text)) for chunk in chunks] == [(1, {"a": 1}), (2, {"b": 2})]


# --- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("abc", "abc"),
        ("'1'", "1"),
        ('"yes"', "yes"),
        ("", None),
        ("~", None),
        ("null", None),
        ("yes", True),
        ("on", True),
        ("True", True),
        ("no", False),
        ("off", False),
        ("12", 12),
        ("-12", -12),
        ("+1_000", 1000),
        ("0x1F", 31),
        ("0b101", 5),
        ("0755", 493),
        ("0o17", 15),
        ("0", 0),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("1e3", 1000.0),
        ("1.2.3.4", "1.2.3.4"),
        ("1m", "1m"),
        (".", "."),
        ("12:30:45", "12:30:45"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("1" * 40, "1" * 40),
        ("!!str 1", "1"),
        ("!!int '12'", 12),
        ("!!float 1", 1.0),
        ("!!bool 'yes'", True),
        ("!!null ''", None),
    ],
)
def test_scalars_mean_what_they_mean_to_kubernetes(text: str, value: object) -> None:
    found = value_of(f"- {text}")
    assert isinstance(found, list)
    assert [(each, type(each)) for each in found] == [(value, type(value))]


def test_keys_are_text_as_written() -> None:
    assert value_of("{8080: a, true: b, 1.10: c, ~: d}") == {"8080": "a", "true": "b", "1.10": "c", "~": "d"}


def test_anchors_and_merge_keys_work() -> None:
    text = "base: &b {a: 1, c: 2}\none: {<<: *b, c: 3}\ntwo: {<<: [*b, {z: 9}]}\nthree: *b\nquoted: {'<<': 1}\n"
    assert value_of(text) == {
        "base": {"a": 1, "c": 2},
        "one": {"a": 1, "c": 3},
        "two": {"a": 1, "c": 2, "z": 9},
        "three": {"a": 1, "c": 2},
        "quoted": {"<<": 1},
    }


def test_a_key_given_twice_is_noted_and_the_last_counts() -> None:
    parsed = parse_yaml("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert parsed.value == {"a": {"b": 3, "c": 2}}
    assert parsed.repeated == [(4, ("a", "b"))]


@pytest.mark.parametrize(
    "scenario", sorted(GOLDEN.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_recorded_files_read_as_pyyaml_reads_them(scenario: object) -> None:
    text = scenario.read_text()  # type: ignore[attr-defined]

    class WithoutTimestamps(yaml.CSafeLoader):
        yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own attribute
            first: [each for each in resolvers if "timestamp" not in each[0]]
            for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
        }

    expected = [each for each in yaml.load_all(text, WithoutTimestamps) if each is not None]
    assert [value_of(chunk.text) for chunk in split_documents(text)] == expected


# --- what is broken -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: b: c", 1, "mapping values are not allowed in this context"),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "while parsing a flow sequence, did not find expected ',' or ']'"),
        ("a:\n\tb: 1", 2, "while scanning for the next token, found character that cannot start any token"),
        ("a: 'x", 1, "while scanning a quoted scalar, found unexpected end of stream"),
        ("a: 1\nb: *nope", 2, "found undefined alias"),
        ("a: x\nb: \x01", 2, "control characters are not allowed"),
        ("? [a]\n: b", 1, "expected a key, got a list or a mapping"),
        ("<<: 3", 1, 'expected a mapping after "<<", got the number 3'),
        ("a: !!python/name:os.system", 1, "the tag tag:yaml.org,2002:python/name:os.system does not fit"),
        ("a: !!int x", 1, "the tag tag:yaml.org,2002:int does not fit"),
        ("a: !mine x", 1, "the tag !mine does not fit"),
    ],
)
def test_broken_text_says_line_and_reason(text: str, line: int, reason: str) -> None:
    found_line, found_reason = broken(text)
    assert found_line == line
    assert found_reason.startswith(reason)


def test_deep_nesting_ends_early() -> None:
    for text in ("[" * 100_000, "- " * 100_000 + "x", "{a: " * 100_000):
        assert broken(text)[1] == "nested deeper than 100 levels"


def test_an_alias_inside_of_its_own_anchor_ends_early() -> None:
    assert broken("a: &a [*a]") == (1, "nested deeper than 100 levels")


def test_a_billion_laughs_end_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_text, "MAX_NODES", 10_000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert broken("\n".join(lines))[1] == "more than 10000 values once aliases are expanded"


# --- lines ----------------------------------------------------------------------------------------------------------

TEXT = """\
---
# a comment
kind: X
spec:
  http:
  - match: a
  - mach:
    - c
    timeout: 1s
"""


def test_every_place_has_its_line() -> None:
    places = {
        (): 3,
        ("kind",): 3,
        ("spec", "http"): 5,
        ("spec", "http", 1): 7,
        ("spec", "http", 1, "mach", 0): 8,
        ("spec", "http", 1, "timeout"): 9,
        ("spec", "http", 1, "timeout", "nope"): 9,
        ("spec", "http", 7): 5,
        ("nope", "nope"): 3,
    }
    assert lines_of(TEXT, places) == list(places.values())
    assert first_line(TEXT) == 3
    assert first_line("# nothing") == 1


def test_lines_of_broken_or_empty_text_are_as_good_as_can_be() -> None:
    assert lines_of("a: 1\nb: c: d", [("a",)]) == [2]
    assert lines_of("", [("a",), ()]) == [1, 1]


@given(
    st.text(alphabet=st.sampled_from("ab:-[]{},&*!'\"#|>% \n\t0.~<?é\x00\ufeff"), max_size=40) | st.text(max_size=40)
)
def test_any_text_is_a_value_or_broken(text: str) -> None:
    for chunk in split_documents(text):
        with suppress(BrokenText):
            parse_yaml(chunk.text)
        assert lines_of(chunk.text, [("a", 0)])[0] >= 1
