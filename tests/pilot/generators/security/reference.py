"""What authorization policies mean, written down once more from their description, as short as it can be.

Comes in: policies as people write them (plain values), a request or a connection. Goes out: whether it may pass.
Shares nothing with the product: tests compare the two.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

TRUST_DOMAIN = "example.td"
ALIASES = ("old.td",)
OURS = {TRUST_DOMAIN, *ALIASES, "cluster.local"}
Value = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Http:
    """The part of a request that connections lack."""

    host: str = "web.example.com"
    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    claims: Mapping[str, Any] = field(default_factory=dict)
    """Of a token that was good; none without token."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request, or without `http` a connection."""

    identity: str = ""
    """`domain/ns/namespace/sa/account`; empty: plaintext."""
    source: str = "10.0.0.1"
    remote: str = "10.0.0.1"
    destination: str = "10.1.0.1"
    port: int = 8080
    sni: str = ""
    http: Http | None = None


def is_allowed(policies: Iterable[Value], call: Call) -> bool:
    """DENY wins; with ALLOW policies one of them must fit."""
    enforced = [each for each in policies if each["metadata"].get("annotations", {}).get("istio.io/dry-run") != "true"]
    if any(_fits(each, call) for each in enforced if each["spec"].get("action") == "DENY"):
        return False
    allowing = [each for each in enforced if each["spec"].get("action", "ALLOW") == "ALLOW"]
    return not allowing or any(_fits(each, call) for each in allowing)


def _fits(policy: Value, call: Call) -> bool:
    refuses = policy["spec"].get("action", "ALLOW") != "ALLOW"
    return any(_rule(each, call, refuses=refuses) for each in policy["spec"].get("rules", ()))


def _rule(rule: Value, call: Call, *, refuses: bool) -> bool:
    """A rule that allows cannot hold for a connection where it asks for HTTP; one that refuses leaves that out."""

    def judge(verdicts: Iterable[bool | None]) -> bool:
        return all(refuses if verdict is None else verdict for verdict in verdicts)

    sources = [_fields(each["source"], call, SOURCE) for each in rule.get("from", ())]
    operations = [_fields(each["operation"], call, OPERATION) for each in rule.get("to", ())]
    conditions = [verdict for each in rule.get("when", ()) for verdict in _condition(each, call)]
    if not refuses and any(None in each for each in (*sources, *operations, conditions)):
        return False
    any_source = not sources or any(map(judge, sources))
    any_operation = not operations or any(map(judge, operations))
    return any_source and any_operation and judge(conditions)


Test = Callable[[Call, str], bool | None]


def _fields(given: Value, call: Call, tests: Mapping[str, Test]) -> list[bool | None]:
    """A verdict for each field: None where connections do not have it."""
    verdicts: list[bool | None] = []
    for name, test in tests.items():
        negative = "not" + name[0].upper() + name[1:]
        if name in given:
            verdicts.append(_one(test, call, given[name]))
        if negative in given:
            verdict = _one(test, call, given[negative])
            verdicts.append(None if verdict is None else not verdict)
    return verdicts


def _one(test: Test, call: Call, values: Iterable[str]) -> bool | None:
    found = [test(call, value) for value in values]
    return None if None in found else any(found)


def _condition(condition: Value, call: Call) -> list[bool | None]:
    key = condition["key"]
    test = WHEN.get(key)
    if test is None and key.startswith("request.headers["):
        name = key[len("request.headers[") : -1]
        test = _of_http(lambda http, value: name in http.headers and (value == "*" or text(http.headers[name], value)))
    elif test is None:
        way = re.findall(r"\[(.+?)\]", key)
        test = _of_http(lambda http, value: _claim(http.claims, way, value))
    assert test is not None
    given = {"values": "x", "notValues": "notX"}
    return _fields({given[name]: condition[name] for name in given if name in condition}, call, {"x": test})


def text(actual: str, value: str) -> bool:
    """Exact, `prefix*`, `*suffix`, `*` for anything but nothing."""
    if value == "*":
        return bool(actual)
    if value.startswith("*"):
        return actual.endswith(value[1:])
    return actual.startswith(value[:-1]) if value.endswith("*") else actual == value


def _of_http(test: Callable[[Http, str], bool]) -> Test:
    return lambda call, value: None if call.http is None else test(call.http, value)


def _principal(call: Call, value: str) -> bool:
    if not call.identity:
        return False
    if "*" in value:
        return text(call.identity, value)
    wanted, slash, rest = value.partition("/ns/")
    actual, _, own = call.identity.partition("/ns/")
    if slash and "/sa/" in rest and wanted in OURS:
        return rest == own and actual in OURS - ({"cluster.local"} - {TRUST_DOMAIN})
    return value == call.identity


def _account(call: Call, value: str) -> bool:
    namespace, _, name = value.rpartition("/")
    return bool(call.identity) and call.identity.split("/")[1:] == ["ns", namespace or "default", "sa", name]


def _namespace(call: Call, value: str) -> bool:
    glob = ".*".join(map(re.escape, value.split("*")))
    return bool(call.identity) and re.fullmatch(glob, call.identity.split("/")[2]) is not None


def _request_principal(http: Http, value: str) -> bool:
    issuer, subject = http.claims.get("iss", ""), http.claims.get("sub", "")
    if "iss" not in http.claims or "sub" not in http.claims:
        return False
    if value == "*":
        return bool(issuer and subject)
    wanted, slash, person = value.rpartition("/")
    if slash:
        return text(issuer, wanted) and text(subject, person)
    if value.startswith("*"):
        return bool(issuer) and text(subject, value)
    if value.endswith("*"):
        return text(issuer, value) and bool(subject)
    return bool(issuer == value and subject == "")


def _claim(claims: Any, way: list[str], value: str) -> bool:
    for key in way:
        if not isinstance(claims, dict) or key not in claims:
            return False
        claims = claims[key]
    actual = claims if isinstance(claims, list) else [claims]
    return any(isinstance(each, str) and text(each, value) for each in actual)


def _path(http: Http, value: str) -> bool:
    path = http.path.partition("?")[0]
    if "{*}" not in value and "{**}" not in value:
        return text(path, value)
    parts = re.split(r"(\{\*\*?\})", value)
    regex = "".join({"{*}": "[^/]+", "{**}": ".*"}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(regex, path) is not None


def _in(address: str, value: str) -> bool:
    network = ip_network(value, strict=False)
    return ip_address(address).version == network.version and ip_address(address) in network


SOURCE: Mapping[str, Test] = {
    "principals": _principal,
    "requestPrincipals": _of_http(_request_principal),
    "namespaces": _namespace,
    "serviceAccounts": _account,
    "ipBlocks": lambda call, value: _in(call.source, value),
    "remoteIpBlocks": lambda call, value: _in(call.remote, value),
}
OPERATION: Mapping[str, Test] = {
    "hosts": _of_http(lambda http, value: text(http.host.lower(), value.lower())),
    "methods": _of_http(lambda http, value: text(http.method, value)),
    "paths": _of_http(_path),
    "ports": lambda call, value: call.port == int(value),
}
WHEN: Mapping[str, Test] = {
    "source.principal": _principal,
    "source.namespace": _namespace,
    "source.serviceAccount": _account,
    "source.ip": SOURCE["ipBlocks"],
    "remote.ip": SOURCE["remoteIpBlocks"],
    "request.auth.principal": SOURCE["requestPrincipals"],
    "request.auth.audiences": _of_http(lambda http, value: _claim(http.claims, ["aud"], value)),
    "request.auth.presenter": _of_http(lambda http, value: _claim(http.claims, ["azp"], value)),
    "destination.ip": lambda call, value: _in(call.destination, value),
    "destination.port": OPERATION["ports"],
    "connection.sni": lambda call, value: text(call.sni, value),
}
