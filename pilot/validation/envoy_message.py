"""Whether JSON is one of Envoy's messages.

In: JSON that somebody wrote, and what it is to be. Out: what does not fit. Applies nothing.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from pilot.model.envoy_filter import ApplyTo

KINDS: Final[Mapping[ApplyTo, str]] = {
    ApplyTo.LISTENER: "envoy.config.listener.v3.Listener",
    ApplyTo.FILTER_CHAIN: "envoy.config.listener.v3.FilterChain",
    ApplyTo.NETWORK_FILTER: "envoy.config.listener.v3.Filter",
    ApplyTo.LISTENER_FILTER: "envoy.config.listener.v3.ListenerFilter",
    ApplyTo.HTTP_FILTER: "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
    ApplyTo.ROUTE_CONFIGURATION: "envoy.config.route.v3.RouteConfiguration",
    ApplyTo.VIRTUAL_HOST: "envoy.config.route.v3.VirtualHost",
    ApplyTo.HTTP_ROUTE: "envoy.config.route.v3.Route",
    ApplyTo.CLUSTER: "envoy.config.cluster.v3.Cluster",
    ApplyTo.EXTENSION_CONFIG: "envoy.config.core.v3.TypedExtensionConfig",
    ApplyTo.BOOTSTRAP: "envoy.config.bootstrap.v3.Bootstrap",
}
"""What the value of a patch is, by what it changes."""
_PACKAGE: Final = re.compile(r"((?:envoy|xds|udpa)(?:\.[a-z][a-z0-9_]*)+)\.[A-Z][A-Za-z0-9_.]*")
_OURS: Final = {
    "stats.PluginConfig": "istio_api.stats_pb2",
    "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig": "istio_api.alpn_pb2",
    "envoy.tcp.metadataexchange.config.MetadataExchange": "istio_api.metadata_exchange_pb2",
    "envoy.extensions.filters.network.mysql_proxy.v3.MySQLProxy": "istio_api.mysql_proxy_pb2",
}
_OLD: Final = re.compile(r"envoy\.(?:.*\.)?v2(?:alpha\d*)?\.\w+")
"""Types of the second version of Envoy's API, which no proxy of today reads."""
_WRONG: Final = (json_format.ParseError, TypeError, ValueError, AttributeError, KeyError, RecursionError, DecodeError)
"""What the parser raises for JSON that does not fit."""
_LONGEST: Final = 200  # of what is told about a value


@lru_cache(maxsize=4096)
def message_class(name: str) -> Any | None:
    """The class of a message by its full name; its package is loaded. None where nobody here knows it."""
    found = _PACKAGE.fullmatch(name)
    try:
        if name in _OURS:
            import_module(_OURS[name])
        elif found is not None:
            package = import_module(found.group(1))
            for module in iter_modules(package.__path__):
                if module.name.endswith("_pb2"):
                    import_module(f"{found.group(1)}.{module.name}")
        return GetMessageClass(Default().FindMessageTypeByName(name))
    except (ImportError, AttributeError, KeyError, TypeError):
        return None


def unknown_types(value: object) -> Iterator[str]:
    """Every `@type` that nobody here knows, or no proxy of today."""
    if isinstance(value, Mapping):
        url = value.get("@type")
        name = url.rpartition("/")[2] if isinstance(url, str) else ""
        if isinstance(url, str) and (_OLD.fullmatch(name) or message_class(name) is None):
            yield url
        for each in value.values():
            yield from unknown_types(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from unknown_types(each)


def value_faults(kind: str, value: Mapping[str, object]) -> tuple[str | None, str | None]:
    """Why it is no message of this kind, and which field the message does not have; None where there is nothing."""
    made, plain = message_class(kind), dict(value)
    assert made is not None, kind
    try:
        json_format.ParseDict(plain, made())
        return None, None
    except _WRONG as error:
        strange = str(error)
    try:
        json_format.ParseDict(plain, made(), ignore_unknown_fields=True)
        return None, strange[:_LONGEST]
    except _WRONG as error:
        return f"expected a {kind}: {str(error)[:_LONGEST]}", None


def unconfigured(kind: str, value: Mapping[str, object]) -> list[str]:
    """Names of extensions in a message of this kind that have no configuration; those in lists are not looked at."""
    made = message_class(kind)
    assert made is not None, kind
    return list(_unconfigured(json_format.ParseDict(dict(value), made(), ignore_unknown_fields=True)))


def _unconfigured(message: Any) -> Iterator[str]:
    given = {field.name: each for field, each in message.ListFields()}
    for each in given.values():
        if isinstance(each, Message):
            yield from _unconfigured(each)
    if "typed_config" in message.DESCRIPTOR.fields_by_name and not given.keys() & {"typed_config", "config_discovery"}:
        yield str(given.get("name", ""))
