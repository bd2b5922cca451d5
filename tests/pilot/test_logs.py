"""Log lines have istiod's two forms."""

import json
import logging
import re

import pytest

from pilot.logs import JsonFormatter, TextFormatter, configure, parse_levels


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
