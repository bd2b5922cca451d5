"""ControlZ: the process as its operator sees it, on a port of its own for this machine.

In: the process; log scopes. Out: an aiohttp application: JSON at `/<topic>j/`, tables at `/<topic>z/`. `istioctl admin
log` and `meshpilot admin log` change log levels here. Source: operations 4.
"""

import asyncio
import gc
import os
import platform
import resource
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Final

import msgspec
from aiohttp import web

from pilot import logs
from pilot.version import ISTIO_VERSION, VERSION

_SECRET: Final = ("TOKEN", "SECRET", "PASSWORD", "KEY", "CREDENTIAL")
"""Parts of names of variables whose values are not shown."""
_TOPICS: Final = ("scope", "mem", "env", "proc", "arg", "version", "signal")
_LINGER: Final = 1.0
"""Seconds from the order to end until the process does."""


def application(stop: Callable[[], None]) -> web.Application:
    """The pages; `stop` has the process end as a signal does."""
    made = web.Application()
    add = made.router
    add.add_get("/scopej", _scopes)
    add.add_get("/scopej/", _scopes)
    add.add_get("/scopej/{name}", _scope)
    add.add_put("/scopej/{name}", _change_scope)
    for topic, show in _READ.items():
        add.add_get(f"/{topic}j/", _as_json(show))
        add.add_get(f"/{topic}j", _as_json(show))
    add.add_put("/memj/forcecollection", _collect)
    add.add_route("*", "/signalj/SIGUSR1", _signal)
    add.add_put("/homej/exit", _exit(stop))
    add.add_get("/", _home)
    add.add_get("/{topic:[a-z]+}z/", _table)
    return made


async def _scopes(_: web.Request) -> web.Response:
    return _json([_scope_object(each) for each in logs.scopes()])


async def _scope(request: web.Request) -> web.Response:
    found = logs.find_scope(request.match_info["name"])
    return _json(_scope_object(found)) if found is not None else _unknown(request)


async def _change_scope(request: web.Request) -> web.Response:
    """Unknown words change nothing; whether callers are logged is always taken over."""
    name = request.match_info["name"]
    if logs.find_scope(name) is None:
        return _unknown(request)
    try:
        wanted = msgspec.json.decode(await request.read(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        return web.Response(status=400, text=f"expected a scope as JSON: {error}\n")
    logs.change_scope(
        name,
        output=str(wanted.get("output_level", "")),
        stack_trace=str(wanted.get("stack_trace_level", "")),
        callers=bool(wanted.get("log_callers")),
    )
    return web.Response(status=202)


def _unknown(request: web.Request) -> web.Response:
    return web.Response(status=400, text=f"unknown scope name: {request.match_info['name']}\n")


def _scope_object(each: logs.Scope) -> dict[str, object]:
    return {
        "name": each.name,
        "description": each.description,
        "output_level": each.output_level,
        "stack_trace_level": each.stack_trace_level,
        "log_callers": each.log_callers,
    }


def _memory() -> object:
    used = resource.getrusage(resource.RUSAGE_SELF)
    counts = gc.get_stats()
    return {
        "maxResidentBytes": used.ru_maxrss * 1024,
        "minorFaults": used.ru_minflt,
        "majorFaults": used.ru_majflt,
        "collections": [each["collections"] for each in counts],
        "collected": sum(each["collected"] for each in counts),
    }


def _environment() -> object:
    return [
        {"name": name, "value": "[redacted]" if any(part in name.upper() for part in _SECRET) else value}
        for name, value in sorted(os.environ.items())
    ]


def _process() -> object:
    try:
        tasks = len(asyncio.all_tasks())
    except RuntimeError:
        tasks = 0
    return {
        "egid": os.getegid(),
        "euid": os.geteuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "pid": os.getpid(),
        "ppid": os.getppid(),
        "uid": os.getuid(),
        "wd": os.getcwd(),
        "hostname": socket.gethostname(),
        "tempdir": tempfile.gettempdir(),
        "threads": threading.active_count(),
        "goroutines": tasks,
    }


def version() -> dict[str, str]:
    """What is running."""
    return {
        "version": ISTIO_VERSION,
        "revision": f"meshpilot-{VERSION}",
        "golang_version": f"python{platform.python_version()}",
        "status": "Clean",
        "tag": ISTIO_VERSION,
    }


_READ: Final[Mapping[str, Callable[[], object]]] = {
    "mem": _memory,
    "env": _environment,
    "proc": _process,
    "arg": lambda: sys.argv,
    "version": version,
    "home": lambda: {"topics": list(_TOPICS)},
}


def _as_json(show: Callable[[], object]) -> Callable[[web.Request], Any]:
    async def answer(_: web.Request) -> web.Response:
        return _json(show())

    return answer


async def _collect(_: web.Request) -> web.Response:
    gc.collect()
    return web.Response(status=202)


async def _signal(request: web.Request) -> web.Response:
    if request.method not in ("PUT", "POST"):
        return web.Response(status=405)
    if signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL:  # whoever handles it wants it; else it would end us
        os.kill(os.getpid(), signal.SIGUSR1)
    return web.Response(status=202)


def _exit(stop: Callable[[], None]) -> Callable[[web.Request], Any]:
    async def answer(_: web.Request) -> web.Response:
        asyncio.get_running_loop().call_later(_LINGER, stop)
        return web.Response(status=202)

    return answer


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


async def _home(_: web.Request) -> web.Response:
    links = "".join(f'<li><a href="/{each}z/">{each}</a></li>' for each in _TOPICS if each != "signal")
    return _html("ControlZ", f"<ul>{links}</ul>")


async def _table(request: web.Request) -> web.Response:
    topic = request.match_info["topic"]
    if topic == "scope":
        value: Any = [_scope_object(each) for each in logs.scopes()]
    elif topic in _READ:
        value = _READ[topic]()
    else:
        return web.Response(status=404)
    rows = value if isinstance(value, list) else [{"name": key, "value": each} for key, each in value.items()]
    cells = (each.values() if isinstance(each, dict) else (each,) for each in rows)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(one))}</td>' for one in row)}</tr>" for row in cells)
    return _html(topic, f"<table>{body}</table>")


def _html(title: str, body: str) -> web.Response:
    style = "<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui;margin:2em}td{padding:0 1em 0 0}</style>"
    text = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>{style}<h1>{title}</h1>{body}'
    return web.Response(text=text, content_type="text/html")
