"""Random authorization policies, and random calls that have something to do with them.

Comes in: nothing. Goes out: hypothesis strategies. Values come from small sets, so that they often meet.
"""

from typing import Any

from hypothesis import strategies as st

from tests.pilot.generators.security.reference import Call, Http

DOMAINS = ("example.td", "old.td", "cluster.local", "other.td")
NAMESPACES = ("default", "a", "team-a", "sa", "b.c")
ACCOUNTS = ("web", "sa", "x.y", "xzy")
IDENTITIES = tuple(f"{domain}/ns/{ns}/sa/{sa}" for domain in DOMAINS for ns in NAMESPACES for sa in ACCOUNTS)
ADDRESSES = ("10.0.0.1", "10.0.7.9", "192.168.1.1", "203.0.113.7", "2001:db8::1", "2001:db9::1")
RANGES = ("10.0.0.0/8", "10.0.7.0/24", "10.0.7.9", "192.168.1.1/16", "0.0.0.0/0", "2001:db8::/32", "::1")
ISSUERS = ("https://iss.example.com", "iss", "i")
SUBJECTS = ("alice", "bob", "")
HOSTS = ("web.example.com", "WEB.example.com", "web.example.com:8080", "other", "a.b")
METHODS = ("GET", "POST", "PUT")
PATHS = ("/", "/a", "/a/b", "/a/b/c", "/admin", "/x/a?q=/admin")
TEMPLATES = ("/a/{*}", "/{*}/b", "/a/{**}", "/a/{*}/{**}", "/{**}/c")
HEADERS = ("x-a", "x-b")
TEXTS = ("v", "vv", "w.", "wx", "")
SNIS = ("web.example.com", "x.example.com", "")
PORTS = (8080, 9000)


def _patterns(values: tuple[str, ...]) -> st.SearchStrategy[str]:
    """The values, their beginnings and ends, and anything."""
    plain = st.sampled_from([each for each in values if each])
    return st.one_of(
        plain,
        plain.flatmap(lambda text: st.integers(1, len(text)).map(lambda end: text[:end] + "*")),
        plain.flatmap(lambda text: st.integers(0, len(text) - 1).map(lambda start: "*" + text[start:])),
        st.just("*"),
    )


def _some(values: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(values, min_size=1, max_size=2)


def _fields(**values: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, list[str]]]:
    """One to three fields, each as it is or negated."""
    every = {
        spelled: _some(strategy)
        for name, strategy in values.items()
        for spelled in (name, "not" + name[0].upper() + name[1:])
    }
    chosen = st.lists(st.sampled_from(sorted(every)), min_size=1, max_size=3, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: every[name] for name in names}))


def _principals() -> st.SearchStrategy[str]:
    return _patterns(IDENTITIES)


def _namespaces() -> st.SearchStrategy[str]:
    return st.one_of(_patterns(NAMESPACES), st.sampled_from(("t*a", "*a", "*sa", "d*t")))


def _accounts() -> st.SearchStrategy[str]:
    names = st.sampled_from(ACCOUNTS)
    return st.one_of(names, st.tuples(st.sampled_from(NAMESPACES), names).map("/".join))


def _request_principals() -> st.SearchStrategy[str]:
    issuers, subjects = st.sampled_from(ISSUERS), st.sampled_from(SUBJECTS[:2])
    return st.one_of(
        st.tuples(issuers, subjects).map("/".join),
        st.tuples(issuers, st.just("*")).map("/".join),
        st.tuples(st.just("*"), subjects).map("/".join),
        st.sampled_from(("*", "iss", "i*", "*ce", "https*", "iss/al*", "*ss/bob")),
    )


_RANGES = st.sampled_from(RANGES)
_PORTS = st.sampled_from(PORTS).map(str)
_SOURCES = _fields(
    principals=_principals(),
    requestPrincipals=_request_principals(),
    namespaces=_namespaces(),
    serviceAccounts=_accounts(),
    ipBlocks=_RANGES,
    remoteIpBlocks=_RANGES,
)
_OPERATIONS = _fields(
    hosts=_patterns(HOSTS),
    methods=_patterns(METHODS),
    paths=st.one_of(_patterns(tuple(each.partition("?")[0] for each in PATHS)), st.sampled_from(TEMPLATES)),
    ports=_PORTS,
)
_CONDITIONS: dict[str, st.SearchStrategy[str]] = {
    "source.principal": _principals(),
    "source.namespace": _namespaces(),
    "source.serviceAccount": _accounts(),
    "source.ip": _RANGES,
    "remote.ip": _RANGES,
    "request.auth.principal": _request_principals(),
    "request.auth.audiences": _patterns(TEXTS),
    "request.auth.presenter": _patterns(TEXTS),
    "request.auth.claims[groups]": _patterns(TEXTS),
    "request.auth.claims[deep][er]": _patterns(TEXTS),
    "request.headers[x-a]": _patterns(TEXTS),
    "request.headers[x-b]": _patterns(TEXTS),
    "destination.ip": _RANGES,
    "destination.port": _PORTS,
    "connection.sni": _patterns(SNIS),
}


@st.composite
def _condition(draw: st.DrawFn) -> dict[str, Any]:
    key = draw(st.sampled_from(sorted(_CONDITIONS)))
    values = _some(_CONDITIONS[key])
    names = draw(st.sampled_from((("values",), ("notValues",), ("values", "notValues"))))
    return {"key": key, **{name: draw(values) for name in names}}


def _rules() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "from": st.lists(_SOURCES.map(lambda each: {"source": each}), min_size=1, max_size=2),
            "to": st.lists(_OPERATIONS.map(lambda each: {"operation": each}), min_size=1, max_size=2),
            "when": st.lists(_condition(), min_size=1, max_size=2),
        },
    )


@st.composite
def policies(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One to three policies of namespace `default`."""
    found = []
    for number in range(draw(st.integers(1, 3))):
        metadata: dict[str, Any] = {"name": f"p{number}", "namespace": "default"}
        action = draw(st.sampled_from(("ALLOW", "ALLOW", "DENY", "AUDIT")))
        if action != "AUDIT" and draw(st.integers(0, 4)) == 0:
            metadata["annotations"] = {"istio.io/dry-run": "true"}
        spec = {"action": action, "rules": draw(st.lists(_rules(), max_size=2))}
        found.append({"metadata": metadata, "spec": spec})
    return found


def _claims() -> st.SearchStrategy[dict[str, Any]]:
    texts = st.sampled_from(TEXTS)
    either = st.one_of(texts, st.lists(texts, max_size=2))
    token: dict[str, st.SearchStrategy[Any]] = {"iss": st.sampled_from(ISSUERS)}
    optional: dict[str, st.SearchStrategy[Any]] = {
        "sub": st.sampled_from(SUBJECTS),
        "aud": either,
        "azp": texts,
        "groups": either,
        "deep": st.one_of(texts, st.fixed_dictionaries({"er": either})),
    }
    return st.one_of(st.just({}), st.fixed_dictionaries(token, optional=optional))


def calls(*, http: bool) -> st.SearchStrategy[Call]:
    """Requests, or connections."""
    request = st.builds(
        Http,
        host=st.sampled_from(HOSTS),
        method=st.sampled_from(METHODS),
        path=st.sampled_from(PATHS),
        headers=st.dictionaries(st.sampled_from(HEADERS), st.sampled_from(TEXTS), max_size=2),
        claims=_claims(),
    )
    addresses = st.sampled_from(ADDRESSES)
    return st.builds(
        Call,
        identity=st.one_of(st.just(""), st.sampled_from(IDENTITIES)),
        source=addresses,
        remote=addresses,
        destination=addresses,
        port=st.sampled_from(PORTS),
        sni=st.sampled_from(SNIS),
        http=request if http else st.none(),
    )
