"""Webhook configurations: injectors that meet, services and URLs that are not there.

In: a store. Out: messages. Source: operations 18 (IST0139, 0163, 0164).
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from itertools import islice, product
from urllib.parse import urlsplit

from pilot.analysis.item import Item
from pilot.analysis.message import Message, message
from pilot.analysis.store import INJECT, INJECTION, REVISION, Store
from pilot.analysis.values import Value, at, labels_at, mapping_at, mappings_at, selects_by, text_at, texts_at

_MOST = 20_000
"""Combinations of labels that are tried; arbitrary, far more than any installation needs."""
_OF_ISTIO: Mapping[str, str] = {
    "ValidatingWebhookConfiguration": "istio-validator",
    "MutatingWebhookConfiguration": "istio-sidecar-injector",
}
"""How the names of its configurations begin."""
_Labels = Mapping[str, str]


def injectors(store: Store) -> Iterator[Message]:
    """Injectors of Istio that would both inject one pod, or that nobody answers."""
    found = [
        (each, hook)
        for each in store.of("MutatingWebhookConfiguration")
        for hook in mappings_at(each.value, "webhooks")
        if text_at(hook, "name").endswith("istio.io")
    ]
    for each, hook in found:
        service = mapping_at(hook, "clientConfig", "service")
        name, namespace = text_at(service, "name"), text_at(service, "namespace")
        if name and store.find("Service", namespace, name) is None:
            yield message("IST0139", each, f"the service of webhook {text_at(hook, 'name')} does not exist: "
                          f"{namespace}/{name}")  # fmt: skip
    cases = list(_cases([hook for _, hook in found]))
    for each, hook in found:
        rivals = [f"{one.name}/{text_at(other, 'name')}" for one, other in found
                  if other is not hook and _meet(hook, other, cases)]  # fmt: skip
        if rivals:
            yield message("IST0139", each, f"webhook {text_at(hook, 'name')} and {', '.join(rivals)} select the same "
                          "pods, which would be injected twice")  # fmt: skip


def _meet(one: Value, other: Value, cases: list[tuple[_Labels, _Labels]]) -> bool:
    return any(_matches(one, *case) and _matches(other, *case) for case in cases)


def _matches(hook: Value, namespace: _Labels, pod: _Labels) -> bool:
    return selects_by(at(hook, "namespaceSelector"), namespace) and selects_by(at(hook, "objectSelector"), pod)


def _cases(hooks: list[Value]) -> Iterator[tuple[_Labels, _Labels]]:
    """Labels of namespaces and pods, in all combinations of the values that selectors speak of."""
    namespaces = list(_combinations(hooks, "namespaceSelector", (INJECTION, REVISION)))
    pods = list(_combinations(hooks, "objectSelector", (INJECT, REVISION)))
    yield from islice(product(namespaces, pods), _MOST)


def _combinations(hooks: list[Value], selector: str, keys: tuple[str, ...]) -> Iterator[_Labels]:
    values: dict[str, set[str]] = {key: set() for key in keys}
    for hook in hooks:
        for key, value in labels_at(hook, selector, "matchLabels").items():
            values.setdefault(key, set()).add(value)
        for each in mappings_at(hook, selector, "matchExpressions"):
            values.setdefault(text_at(each, "key"), set()).update(texts_at(each, "values") or ["any"])
    choices: list[list[str | None]] = [[None, *sorted(each)] for each in values.values()]
    for chosen in islice(product(*choices), _MOST):
        yield {key: value for key, value in zip(values, chosen, strict=True) if value is not None}


def addresses(store: Store) -> Iterator[Message]:
    """URLs of Istio's webhooks: of a control plane outside the cluster."""
    for kind, beginning in _OF_ISTIO.items():
        for each in store.of(kind):
            if not each.name.startswith(beginning):
                continue
            for index, hook in enumerate(mappings_at(each.value, "webhooks")):
                path = ("webhooks", index, "clientConfig", "url")
                if at(hook, "clientConfig", "url") is not None:
                    yield from _address(each, hook, path)
                elif at(hook, "clientConfig", "service") is None:
                    yield message("IST0163", each, "", text_at(hook, "name"), "is blank", path=path)


def _address(item: Item, hook: Value, path: tuple[str | int, ...]) -> Iterator[Message]:
    url, name = text_at(hook, "clientConfig", "url"), text_at(hook, "name")
    try:
        host = urlsplit(url).hostname or ""
        _ = urlsplit(url).port
    except ValueError as error:
        yield message("IST0163", item, url, name, error, path=path)
        return
    if not host:
        yield message("IST0163", item, url, name, "expected a URL with a host" if url else "is empty", path=path)
        return
    try:
        ip_address(host)
    except ValueError:
        return
    yield message("IST0164", item, url, name, path=path)
