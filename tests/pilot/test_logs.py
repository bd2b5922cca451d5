"""Log lines have istiod's two forms."""

import json
import logging
import re
from pathlib import Path

import pytest

from pilot.logs import (
    SCOPES,
    JsonFormatter,
    TextFormatter,
    change_scope,
    configure,
    find_scope,
    parse_levels,
    scopes,
)


def record(name: str = "ads", **labels: str) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, "", 0, "push of %s", ("CDS",), None)
    made.labels = labels
    return made


def test_text_line_is_tab_separated() -> None:
    line = TextFormatter().format(record(node="a.default"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\twarn\tads\tpush of CDS\tnode=a.default", line)


def test_default_scope_has_no_column() -> None:
    assert TextFormatter().format(record("default")).count("\t") == 2


def test_json_line_keeps_labels_as_keys() -> None:
    row = json.loads(JsonFormatter().format(record(node="a.default", level="forged")))
    assert (row["level"], row["scope"], row["msg"], row["node"]) == ("warn", "ads", "push of CDS", "a.default")


def test_levels_by_scope() -> None:
    assert parse_levels("default:info,ads:debug") == {"default": logging.INFO, "ads": logging.DEBUG}
    assert parse_levels("error") == {"default": logging.ERROR}


def test_unknown_level_says_what_is_expected() -> None:
    with pytest.raises(ValueError, match="expected one of debug, info, warn, error, fatal, none, got 'loud'"):
        parse_levels("ads:loud")


def test_configured_scopes_have_their_level(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    try:
        configure("default:warn,ads:debug")
        logging.getLogger("ads").debug("seen")
        logging.getLogger("other").info("not seen")
    finally:
        root.handlers[:], root.level = before[0], before[1]
        logging.getLogger("ads").setLevel(logging.NOTSET)
    assert [line.split("\t")[-1] for line in capsys.readouterr().out.splitlines()] == ["seen"]


def test_a_scope_changes_while_running(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    try:
        configure("info", callers="ads", stack_trace_levels="ads:error")
        change_scope("ads", output="debug")
        logging.getLogger("ads").debug("seen")
        logging.getLogger("ads").error("bad")
        change_scope("ads", output="none", stack_trace="none", callers=False)
        logging.getLogger("ads").error("not seen")
        found = find_scope("ads")
    finally:
        root.handlers[:], root.level = before[0], before[1]
        logging.getLogger("ads").setLevel(logging.NOTSET)
    first, second, *stack = capsys.readouterr().out.splitlines()
    assert re.search(r"\tads\ttest_logs.py:\d+\tseen$", first)
    assert second.endswith("\tbad")
    assert any("test_logs.py" in line for line in stack)
    assert found is not None
    assert (found.output_level, found.stack_trace_level, found.log_callers) == ("none", "none", False)


def test_all_scopes_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    try:
        configure("all:error,ads:debug")
        told = {each.name: each.output_level for each in scopes()}
    finally:
        root.handlers[:], root.level = before[0], before[1]
        for name in SCOPES:
            logging.getLogger(None if name == "default" else name).setLevel(logging.NOTSET)
        root.setLevel(before[1])
    assert (told["default"], told["ca"], told["ads"]) == ("error", "error", "debug")


def test_a_file_can_be_the_target_and_what_cannot_be_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    try:
        configure("loud", targets=("stdout", str(tmp_path / "x.log"), str(tmp_path / "no" / "x.log")))
        for each in root.handlers:
            each.close()
    finally:
        root.handlers[:], root.level = before[0], before[1]
    text = (tmp_path / "x.log").read_text()
    assert "expected one of debug" in text
    assert "x.log" in text
    assert text == capsys.readouterr().out
