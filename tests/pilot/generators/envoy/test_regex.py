import re2

from pilot.generators.envoy.regex import MAX_PROGRAM_SIZE, quote, regex_error


def test_what_re2_takes_is_no_error() -> None:
    assert regex_error(r"^/a(/.*)?$") is None
    assert regex_error("") is None


def test_what_re2_refuses_is_said_in_its_words() -> None:
    assert regex_error("a(b") == "regex 'a(b' does not compile: missing ): a(b"
    assert regex_error(r"(?=x)") == "regex '(?=x)' does not compile: invalid perl operator: (?="
    assert regex_error(r"(a)\1") is not None


def test_only_what_has_a_meaning_is_quoted() -> None:
    assert quote("a-b&c~#") == "a-b&c~#"
    text = "".join(map(chr, range(32, 127))) + "ä€"
    assert re2.fullmatch(quote(text), text)


def test_a_regex_that_envoy_would_find_too_large_is_an_error() -> None:
    error = regex_error("a{999}" * 40)

    assert error is not None
    assert f"is too large: expected a program of {MAX_PROGRAM_SIZE}, got 39" in error
