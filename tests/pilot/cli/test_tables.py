"""Tables, JSON, YAML."""

import pytest

from pilot.cli import tables


def test_columns_are_five_blanks_apart_and_plain_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(("NAME", "STATUS"), [("a", "SYNCED (3m)"), ("longer", "ERROR")])
    assert capsys.readouterr().out == "NAME       STATUS\na          SYNCED (3m)\nlonger     ERROR\n"


def test_words_have_colours_where_a_person_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    tables.show(("STATUS",), [("ERROR",), ("outbound|404",)])
    _, bad, plain = capsys.readouterr().out.splitlines()
    assert "\x1b[" in bad
    assert plain == "outbound|404"


def test_long_lines_are_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(("A",), [("x" * 500,)])
    assert "x" * 500 in capsys.readouterr().out


@pytest.mark.parametrize(("form", "text"), [("json", '{\n  "a": 1\n}\n'), ("yaml", "a: 1\n")])
def test_data_for_programs(form: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    tables.dump({"a": 1}, form)
    assert capsys.readouterr().out == text
