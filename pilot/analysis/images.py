"""The containers of pods: whose image, whose user.

In: a store. Out: messages. Source: operations 18 (IST0144, 0146, 0147, 0158).
"""

from collections.abc import Iterator, Mapping

from pilot.analysis.item import Item
from pilot.analysis.message import Message, message
from pilot.analysis.store import INJECTION, PROXY, REVISION, Store, containers
from pilot.analysis.values import Value, at, labels_at, mappings_at, number_at, selects_by, text_at

RESERVED_USER = 1337
_VARIANTS = ("-distroless", "-debug")


def users(store: Store) -> Iterator[Message]:
    """Applications that run as the proxy's user."""
    for each in (*store.of("Pod"), *store.of("Deployment")):
        if not store.in_mesh(each):
            continue
        template = store.pod_of(each)
        own = number_at(template, "spec", "securityContext", "runAsUser")
        found = [own] if any(text_at(one, "name") != PROXY for one in containers(template)) else []
        found += [_user(one) for one in containers(template) if text_at(one, "name") != PROXY]
        if RESERVED_USER in found:
            yield message("IST0144", each)


def _user(container: Value) -> int:
    return number_at(container, "securityContext", "runAsUser")


def automatic(store: Store) -> Iterator[Message]:
    """`image: auto` that an injector was to replace."""
    for each in store.of("Pod"):
        if _has_auto(each.value):
            yield message("IST0147", each, "pod", each.name)
    for each in store.of("Deployment"):
        template = store.pod_of(each)
        if _has_auto(template) and not _is_injected(store, each, labels_at(template, "metadata", "labels")):
            yield message("IST0146", each, "deployment", each.name)


def _has_auto(template: Value) -> bool:
    return any(text_at(one, "name") == PROXY and text_at(one, "image") == "auto" for one in containers(template))


def _is_injected(store: Store, item: Item, labels: Mapping[str, str]) -> bool:
    namespace = store.namespaces.get(item.namespace)
    own = namespace.labels if namespace is not None else {}
    return any(
        selects_by(at(hook, "namespaceSelector"), own) and selects_by(at(hook, "objectSelector"), labels)
        for each in store.of("MutatingWebhookConfiguration")
        for hook in mappings_at(each.value, "webhooks")
        if text_at(hook, "name").endswith("istio.io")
    )


def mismatches(store: Store) -> Iterator[Message]:
    """Pods whose proxy is not the one that the injector gives to new ones; nothing where no injector is known."""
    for namespace in store.of("Namespace"):
        labels = namespace.labels
        if not store.injects(namespace.name):
            continue
        revision = store.revision if INJECTION in labels else labels.get(REVISION, "")
        wanted = _image(store.injector_of(revision))
        if not wanted:
            continue
        other = [each.name for each in store.pods(namespace.name, {}) if _differs(each, wanted)]
        if other:
            yield message("IST0158", namespace, f"[{' '.join(other)}]", wanted)


def _differs(pod: Item, wanted: str) -> bool:
    images = [text_at(each, "image") for each in containers(pod.value) if text_at(each, "name") == PROXY]
    return any(_plain(each) != _plain(wanted) for each in images)


def _plain(image: str) -> str:
    """Without the variant."""
    for suffix in _VARIANTS:
        image = image.removesuffix(suffix)
    return image


def _image(values: Value) -> str:
    """What the injector's values make of an image: a whole one, or parts of it."""
    image = text_at(values, "global", "proxy", "image") or "proxyv2"
    if "/" in image:
        return image
    hub, tag = text_at(values, "global", "hub"), text_at(values, "global", "tag")
    return f"{hub}/{image}:{tag}" if hub and tag else ""
