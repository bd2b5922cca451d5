"""Log output in istiod's two forms: tab-separated text, or JSON lines. Source: operations 11.

Scopes are logger names (`ads`, `ca`, `file`, ...). Labels given as `extra={"labels": {...}}` become `key=value` columns
or JSON keys. Does not decide what is logged.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "none": logging.CRITICAL + 10,
}
_NAMES: Final = {logging.WARNING: "warn", logging.CRITICAL: "fatal"}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _level(record: logging.LogRecord) -> str:
    return _NAMES.get(record.levelno, record.levelname.lower())


class TextFormatter(logging.Formatter):
    """`time TAB level TAB [scope TAB] message [TAB key=value ...]`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback follows on lines of its own."""
        columns = [_time(record), _level(record)]
        if record.name not in ("root", "default"):
            columns.append(record.name)
        columns.append(record.getMessage())
        columns += [f"{key}={value}" for key, value in getattr(record, "labels", {}).items()]
        line = "\t".join(columns)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `level`, `time`, `scope`, `msg`, labels, `stack`."""

    def format(self, record: logging.LogRecord) -> str:
        """Labels never replace the fixed keys."""
        row = {**getattr(record, "labels", {}), "level": _level(record), "time": _time(record), "scope": record.name}
        row["msg"] = record.getMessage()
        if record.exc_info:
            row["stack"] = self.formatException(record.exc_info)
        return json.dumps(row, default=str)


def parse_levels(text: str) -> dict[str, int]:
    """`warn` or `default:info,ads:debug` -> levels by scope. Raises: ValueError."""
    levels: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        scope, _, level = part.rpartition(":")
        if level not in LEVELS:
            raise ValueError(f"log level: expected one of {', '.join(LEVELS)}, got {level!r}")
        levels[scope or "default"] = LEVELS[level]
    return levels


def configure(levels: str = "info", *, as_json: bool = False) -> None:
    """Sends everything to standard output. An unreadable `levels` is logged and `info` taken."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it reports every write, ours is what became of it
    try:
        wanted = parse_levels(levels)
    except ValueError as error:
        logging.getLogger("default").warning("%s", error)
        return
    for scope, level in wanted.items():
        logging.getLogger(None if scope in ("default", "all") else scope).setLevel(level)
