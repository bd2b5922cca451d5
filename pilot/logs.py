"""Log output in istiod's two forms: tab-separated text, or JSON lines; levels by scope that can change at run time.

Scopes are logger names (`ads`, `ca`, `file`, ...). Labels given as `extra={"labels": {...}}` become `key=value` columns
or JSON keys. Does not decide what is logged. Source: operations 11.
"""

import json
import logging
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
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
SCOPES: Final = {
    "default": "what has no scope of its own",
    "ads": "streams of proxies: who comes, what they are sent and refuse",
    "ca": "the certificate authority",
    "envoy": "the Envoy of an agent",
    "agent": "the agent beside an Envoy",
    "file": "configuration in files",
    "grpc": "the gRPC library",
    "injection": "the injection webhook",
    "jwks": "keys of token issuers",
    "kube": "clusters: watches and writes",
    "leader": "elections",
    "mesh": "the configuration of the mesh",
    "sds": "secrets served by agents",
    "trustBundle": "everything that the mesh trusts",
    "validation": "the validation webhook",
    "wle": "workloads that register themselves",
}
"""Scopes by name, with what they tell; more come with the loggers that are used."""
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
        if caller := getattr(record, "caller", ""):
            columns.append(caller)
        columns.append(record.getMessage())
        columns += [f"{key}={value}" for key, value in getattr(record, "labels", {}).items()]
        line = "\t".join(columns)
        line = f"{line}\n{record.__dict__['stack']}" if getattr(record, "stack", "") else line
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `level`, `time`, `scope`, `msg`, labels, `stack`."""

    def format(self, record: logging.LogRecord) -> str:
        """Labels never replace the fixed keys."""
        row = {**getattr(record, "labels", {}), "level": _level(record), "time": _time(record), "scope": record.name}
        row["msg"] = record.getMessage()
        if getattr(record, "caller", ""):
            row["caller"] = record.__dict__["caller"]
        if getattr(record, "stack", ""):
            row["stack"] = record.__dict__["stack"]
        if record.exc_info:
            row["stack"] = self.formatException(record.exc_info)
        return json.dumps(row, default=str)


class _Details(logging.Filter):
    """Adds to records what their scope wants: where they come from, and the calls that led there."""

    def __init__(self) -> None:
        super().__init__()
        self.stacks: dict[str, int] = {}
        """Level from which on a scope's records bring a stack trace."""
        self.callers: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets everything pass."""
        if record.name in self.callers or (self.callers and "all" in self.callers):
            record.caller = f"{record.filename}:{record.lineno}"
        if self.stacks and record.levelno >= self.stacks.get(record.name, self.stacks.get("all", LEVELS["none"] + 1)):
            record.stack = "".join(traceback.format_stack()[:-1]).rstrip()
        return True


_DETAILS: Final = _Details()


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope as it is now; levels are words of `LEVELS`."""

    name: str
    description: str
    output_level: str
    stack_trace_level: str
    log_callers: bool


def scopes() -> list[Scope]:
    """All that are known or used, by name."""
    used = (name for name, each in logging.root.manager.loggerDict.items() if isinstance(each, logging.Logger))
    own = {name for name in used if "." not in name and name in SCOPES}
    return [_scope(name) for name in sorted({*SCOPES, *own})]


def find_scope(name: str) -> Scope | None:
    """One of them."""
    return _scope(name) if name in SCOPES else None


def change_scope(name: str, *, output: str = "", stack_trace: str = "", callers: bool | None = None) -> None:
    """Changes a scope from now on; words that are no levels change nothing."""
    if output in LEVELS:
        _logger(name).setLevel(LEVELS[output])
    if stack_trace in LEVELS:
        _DETAILS.stacks[name] = LEVELS[stack_trace]
        if stack_trace == "none":
            del _DETAILS.stacks[name]
    if callers is not None:
        (_DETAILS.callers.add if callers else _DETAILS.callers.discard)(name)


def _scope(name: str) -> Scope:
    stack = _DETAILS.stacks.get(name, _DETAILS.stacks.get("all", LEVELS["none"]))
    return Scope(
        name, SCOPES.get(name, ""), _word(_logger(name).getEffectiveLevel()), _word(stack), name in _DETAILS.callers
    )


def _word(level: int) -> str:
    return next((word for word, number in LEVELS.items() if level <= number), "none")


def _logger(scope: str) -> logging.Logger:
    return logging.getLogger(None if scope == "default" else scope)


def parse_levels(text: str) -> dict[str, int]:
    """`warn` or `default:info,ads:debug` -> levels by scope. Raises: ValueError."""
    levels: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        scope, _, level = part.rpartition(":")
        if level not in LEVELS:
            raise ValueError(f"log level: expected one of {', '.join(LEVELS)}, got {level!r}")
        levels[scope or "default"] = LEVELS[level]
    return levels


def configure(
    levels: str = "info",
    *,
    as_json: bool = False,
    targets: Iterable[str] = ("stdout",),
    stack_trace_levels: str = "",
    callers: str = "",
) -> None:
    """Sends everything to the targets: `stdout`, `stderr`, files. What is unreadable is logged and left out."""
    faults: list[str] = []
    handlers = [found for each in targets if (found := _handler(each, faults)) is not None]
    for handler in handlers:
        handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
        handler.addFilter(_DETAILS)
    logging.basicConfig(handlers=handlers or [logging.StreamHandler(sys.stdout)], level=logging.INFO, force=True)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it reports every write, ours is what became of it
    wanted, stacks = _levels(levels, faults), _levels(stack_trace_levels, faults)
    for scope in sorted(wanted, key=lambda each: each != "all"):
        for name in SCOPES if scope == "all" else (scope,):
            _logger(name).setLevel(wanted[scope])
    _DETAILS.stacks = {scope: level for scope, level in stacks.items() if level != LEVELS["none"]}
    _DETAILS.callers = {each.strip() for each in callers.split(",") if each.strip()}
    for fault in faults:
        logging.getLogger("default").warning("%s", fault)


def _handler(target: str, faults: list[str]) -> logging.Handler | None:
    if target in ("stdout", "stderr"):
        return logging.StreamHandler(sys.stdout if target == "stdout" else sys.stderr)
    try:
        return logging.FileHandler(target)
    except OSError as error:
        faults.append(f"log target {target}: {error}")
        return None


def _levels(text: str, faults: list[str]) -> dict[str, int]:
    try:
        return parse_levels(text)
    except ValueError as error:
        faults.append(str(error))
        return {}
