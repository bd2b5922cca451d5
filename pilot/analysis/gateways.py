"""Gateways of Istio: their pods, ports, certificates, and each other.

In: a store. Out: messages. Source: operations 18 (IST0101, 0138, 0145, 0161, 0162).
"""

import base64
import binascii
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pilot.analysis.item import Item
from pilot.analysis.message import Message, message
from pilot.analysis.store import ISTIO, Store, overlap
from pilot.analysis.values import Value, labels_at, mapping_at, mappings_at, number_at, selects, text_at, texts_at


def _gateways(store: Store) -> list[Item]:
    return store.of("Gateway", ISTIO[0])


def _selector(gateway: Item) -> dict[str, str]:
    return labels_at(gateway.spec, "selector")


def _shown(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def pods(store: Store) -> Iterator[Message]:
    """Gateways that no pod serves."""
    for each in _gateways(store):
        if _selector(each) and not store.pods(None, _selector(each)):
            yield message("IST0101", each, "selected gateway pod", _shown(_selector(each)), path=("spec", "selector"))


def ports(store: Store) -> Iterator[Message]:
    """Ports that cannot be reached through the gateway's services."""
    for each in _gateways(store):
        served = store.pods(None, _selector(each)) if _selector(each) else []
        if not served:
            continue
        services = [one for one in store.of("Service", "") if _serves(one, served)]
        known = {port for one in services for port in _numbers(one)}
        for index, server in enumerate(mappings_at(each.spec, "servers")):
            number = number_at(server, "port", "number")
            if number not in known:
                path = ("spec", "servers", index, "port", "number")
                yield message("IST0162", each, number, _shown(_selector(each)), path=path)


def _serves(service: Item, served: list[Item]) -> bool:
    selector = labels_at(service.spec, "selector")
    return bool(selector) and any(
        service.namespace == pod.namespace and selects(selector, pod.labels) for pod in served
    )


def _numbers(service: Item) -> Iterator[int]:
    for port in mappings_at(service.spec, "ports"):
        yield number_at(port, "port")
        yield number_at(port, "targetPort")


def secrets(store: Store) -> Iterator[Message]:
    """Certificates that are not there, or none."""
    for each in _gateways(store):
        places = dict.fromkeys(pod.namespace for pod in store.pods(None, _selector(each)) if _selector(each))
        for index, server in enumerate(mappings_at(each.spec, "servers")):
            for name in _credentials(server):
                path = ("spec", "servers", index, "tls", "credentialName")
                for namespace in places:
                    found = store.find("Secret", namespace, name)
                    if found is None:
                        yield message("IST0101", each, "credentialName", name, path=path)
                    elif not _is_certificate(found):
                        yield message("IST0161", each, name, namespace, path=path)


def _credentials(server: Value) -> list[str]:
    one = text_at(server, "tls", "credentialName")
    return [each for each in ([one] if one else texts_at(server, "tls", "credentialNames")) if "://" not in each]


def _is_certificate(secret: Item) -> bool:
    data, texts = mapping_at(secret.value, "data"), mapping_at(secret.value, "stringData")
    for certificate, key in (("tls.crt", "tls.key"), ("cert", "key")):
        try:
            found = [
                text_at(texts, name).encode() or base64.b64decode(text_at(data, name)) for name in (certificate, key)
            ]
            if all(found):
                x509.load_pem_x509_certificates(found[0])
                load_pem_private_key(found[1], None)
                return True
        except (ValueError, TypeError, binascii.Error):
            return False
    return False


def conflicts(store: Store) -> Iterator[Message]:
    """Gateways that listen for the same requests."""
    known = _gateways(store)
    for each in known:
        for index, server in enumerate(mappings_at(each.spec, "servers")):
            rivals = [one for one in known if one is not each and _meet(each, one) and _same(server, one)]
            if rivals:
                names = ",".join(one.title for one in rivals)
                port = number_at(server, "port", "number")
                hosts = ",".join(texts_at(server, "hosts"))
                path = ("spec", "servers", index)
                yield message("IST0145", each, names, _shown(_selector(each)), port, hosts, path=path)


def _meet(one: Item, other: Item) -> bool:
    """Whether the pods of one are pods of the other."""
    mine, theirs = _selector(one), _selector(other)
    return selects(mine, theirs) or selects(theirs, mine)


def _same(server: Value, other: Item) -> bool:
    return any(
        number_at(server, "port", "number") == number_at(each, "port", "number")
        and (text_at(server, "bind") == text_at(each, "bind"))
        and any(_overlap(one, another) for one in texts_at(server, "hosts") for another in texts_at(each, "hosts"))
        for each in mappings_at(other.spec, "servers")
    )


def _overlap(one: str, other: str) -> bool:
    scope, slash, host = one.rpartition("/")
    its_scope, its_slash, its_host = other.rpartition("/")
    if slash and its_slash and scope != its_scope and "*" not in (scope, its_scope):
        return False
    return overlap(host, its_host)


def shared_certificates(store: Store) -> Iterator[Message]:
    """One certificate in several Gateways of the same pods."""
    known = [(each, set(_used(each))) for each in _gateways(store)]
    for each, own in known:
        rivals = [one for one, used in known if one is not each and own & used and _meet(each, one)]
        if rivals:
            names = " ".join(one.title for one in (each, *rivals))
            yield message("IST0138", each, f"[{names}]")


def _used(gateway: Item) -> Iterator[tuple[str, str]]:
    for server in mappings_at(gateway.spec, "servers"):
        yield from (("", name) for name in _credentials(server))
        certificate = text_at(server, "tls", "serverCertificate")
        if certificate:
            yield certificate, text_at(server, "tls", "privateKey")
