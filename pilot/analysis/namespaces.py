"""Namespaces, and pods that their namespaces promise something to.

In: a store. Out: messages. Source: operations 18 (IST0102, 0103, 0123, 0148).
"""

from collections.abc import Iterator

from pilot.analysis.message import Message, message
from pilot.analysis.store import INJECT, INJECTION, MODE, PROXY, REVISION, Store, containers
from pilot.analysis.values import at, labels_at, text_at


def injection(store: Store) -> Iterator[Message]:
    """Namespaces that say nothing, and that say too much."""
    by_default = at(store.injector, "sidecarInjectorWebhook", "enableNamespacesByDefault") is True
    for each in store.of("Namespace"):
        if store.is_system(each.name):
            continue
        labels = each.labels
        said = [f"{key}={labels[key]}" for key in (INJECTION, REVISION, MODE) if key in labels]
        if len(said) > 1 and not _agree(labels):
            yield message("IST0123", each, ", ".join(said))
        if labels.get(MODE) == "ambient" or INJECTION in labels or REVISION in labels:
            continue
        yield message("IST0148" if by_default else "IST0102", each, each.name)


def _agree(labels: dict[str, str]) -> bool:
    """To keep proxies out of an ambient namespace is no contradiction."""
    return labels.get(MODE) == "none" or (labels.get(INJECTION) == "disabled" and REVISION not in labels)


def missing_proxies(store: Store) -> Iterator[Message]:
    """Pods without a proxy in namespaces with injection."""
    for each in store.of("Pod"):
        if not store.injects(each.namespace) or at(each.value, "spec", "hostNetwork") is True:
            continue
        if text_at(each.value, "status", "phase") in ("Succeeded", "Failed"):
            continue
        wanted = each.labels.get(INJECT) or labels_at(each.value, "metadata", "annotations").get(INJECT)
        if wanted != "false" and not any(text_at(one, "name") == PROXY for one in containers(each.value)):
            yield message("IST0103", each, each.title)
