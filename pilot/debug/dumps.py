"""What a connected proxy is to have, in the form of Envoy's own configuration dump.

In: a connection, the mesh. Out: sections (`envoy.admin.v3.ClustersConfigDump` ...) or plain resources, and their JSON.
Keys never leave: they are replaced by `[redacted]`. Source: operations 3.2 (config_dump, edsz, ecdsz, ndsz), 3.3.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from envoy.admin.v3 import config_dump_pb2 as wrapper_pb
from envoy.admin.v3 import config_dump_shared_pb2 as pb
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.extensions.filters.http.wasm.v3.wasm_pb2 import Wasm
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as Packed

from pilot.debug.console import Answer, Entry, Later, Question, text
from pilot.debug.proxies import ProxyPages
from pilot.mesh import Mesh
from pilot.resources import EMPTY, ResourceSet
from pilot.type_urls import (
    ADDRESS,
    CLUSTER,
    ENDPOINT,
    EXTENSION_CONFIG,
    LISTENER,
    NAME_TABLE,
    ROUTE,
    SECRET,
    SHORT_NAMES,
    WORKLOAD,
    TypeUrl,
)
from pilot.validation.envoy_message import message_class
from pilot.view.proxy import Proxy, ProxyKind
from pilot.xds.discovery import Connection

REDACTED: Final = b"[redacted]"
_PREFIX: Final = "type.googleapis.com/"
_UNKNOWN_TYPE: Final = "type_url: "
"""What the JSON writer of protobuf says before the name of a message that it does not know."""
_TYPES: Final[Mapping[str, tuple[TypeUrl, ...]]] = {
    **{name.lower(): (type_url,) for type_url, name in SHORT_NAMES.items()},
    "wds": (ADDRESS, WORKLOAD),
}


class Dumps:
    """The pages."""

    def __init__(self, mesh: Mesh, proxies: ProxyPages) -> None:
        self._mesh = mesh
        self._proxies = proxies

    def entries(self) -> Iterator[Entry]:
        """The pages."""
        summary = "What a proxy is to have, as Envoy's own dump (proxyID; types=cds,lds...; include_eds)."
        yield Entry("config_dump", summary, self.config_dump, open_to_all=True)
        for name, type_url in (("ecdsz", EXTENSION_CONFIG), ("edsz", ENDPOINT), ("ndsz", NAME_TABLE)):
            yield Entry(
                name, f"The {SHORT_NAMES[type_url]} of a proxy (proxyID).", self._one(type_url), name != "ecdsz"
            )

    def config_dump(self, question: Question) -> object:
        """All sections, or the resources of some types."""
        found = self._proxies.find(question)
        if isinstance(found, Answer):
            return found
        wanted = [each.strip() for each in question.get("types").split(",") if each.strip()]
        unknown = sorted(set(wanted) - _TYPES.keys())
        if unknown:
            return text(f"types: expected some of {', '.join(sorted(_TYPES))}, got {', '.join(unknown)}\n", 400)
        if wanted:
            return self._flat(found, [each for name in wanted for each in _TYPES[name]])
        held, endpoints = self.held(found), "include_eds" in question.query
        return Later(lambda: as_json(sections(held, with_endpoints=endpoints)))

    def held(self, found: Connection) -> Mapping[TypeUrl, ResourceSet]:
        """What a proxy is to have now of each type that it watches; a ztunnel of addresses always."""
        sets: dict[TypeUrl, ResourceSet] = {}
        for row in found.watches:
            made = self._mesh.resources_for(found.proxy, row.type_url, None if row.wildcard else row.names)
            sets[row.type_url] = made if made is not None else EMPTY
        if isinstance(found.proxy, Proxy) and found.proxy.traits.kind is ProxyKind.ZTUNNEL:
            sets[ADDRESS] = self._mesh.resources_for(found.proxy, ADDRESS, None) or EMPTY
        return sets

    def _one(self, type_url: TypeUrl) -> Any:
        def page(question: Question) -> object:
            found = self._proxies.find(question)
            return found if isinstance(found, Answer) else self._flat(found, [type_url])

        return page

    def _flat(self, found: Connection, types: Iterable[TypeUrl]) -> Later:
        held = self.held(found)
        sets = [held[each] for each in types if each in held]
        return Later(lambda: as_json([each for made in sets for each in packed(made)]))


def packed(made: ResourceSet) -> Iterator[Packed]:
    """The resources of a set, without what is secret in them."""
    for each in made.resources.values():
        message = Packed.FromString(each.body)
        if message.type_url == SECRET:
            _redact_secret(message)
        elif message.type_url == EXTENSION_CONFIG:
            _redact_plugin(message)
        yield message


def _redact_secret(message: Packed) -> None:
    secret = Secret()
    message.Unpack(secret)
    if secret.HasField("tls_certificate"):
        held = secret.tls_certificate
        for source in (held.private_key, held.password):
            if source.WhichOneof("specifier") in ("inline_bytes", "inline_string"):
                source.inline_bytes = REDACTED
        held.ClearField("private_key_provider")
    elif secret.HasField("generic_secret"):
        secret.generic_secret.secret.inline_bytes = REDACTED
    elif secret.HasField("session_ticket_keys"):
        for source in secret.session_ticket_keys.keys:
            source.inline_bytes = REDACTED
    message.Pack(secret)


def _redact_plugin(message: Packed) -> None:
    """Credentials for images go to proxies as environment of the plugin."""
    extension, plugin = TypedExtensionConfig(), Wasm()
    message.Unpack(extension)
    if not extension.typed_config.Is(Wasm.DESCRIPTOR):
        return
    extension.typed_config.Unpack(plugin)
    values = plugin.config.vm_config.environment_variables.key_values
    for key in [each for each in values if "SECRET" in each]:
        values[key] = REDACTED.decode()
    extension.typed_config.Pack(plugin)
    message.Pack(extension)


def sections(held: Mapping[TypeUrl, ResourceSet], *, with_endpoints: bool = False) -> list[Packed]:
    """The parts of a dump, in istiod's order."""
    parts: list[Any] = [wrapper_pb.BootstrapConfigDump()]
    parts.append(
        pb.ClustersConfigDump(
            version_info=_version(held, CLUSTER),
            dynamic_active_clusters=[pb.ClustersConfigDump.DynamicCluster(cluster=each) for each in _of(held, CLUSTER)],
        )
    )
    if with_endpoints:
        endpoints = [pb.EndpointsConfigDump.DynamicEndpointConfig(endpoint_config=each) for each in _of(held, ENDPOINT)]
        parts.append(pb.EndpointsConfigDump(dynamic_endpoint_configs=endpoints))
    parts += (_listeners(held), pb.ScopedRoutesConfigDump())
    routes = [
        pb.RoutesConfigDump.DynamicRouteConfig(version_info=_version(held, ROUTE), route_config=each)
        for each in _of(held, ROUTE)
    ]
    parts.append(pb.RoutesConfigDump(dynamic_route_configs=routes))
    secrets = [
        wrapper_pb.SecretsConfigDump.DynamicSecret(name=name, secret=each) for name, each in _named(held, SECRET)
    ]
    parts.append(wrapper_pb.SecretsConfigDump(dynamic_active_secrets=secrets))
    plugins = [pb.EcdsConfigDump.EcdsFilterConfig(ecds_filter=each) for each in _of(held, EXTENSION_CONFIG)]
    parts.append(pb.EcdsConfigDump(ecds_filters=plugins))
    packages = [_pack(each) for each in parts]
    return [*packages, *_of(held, ADDRESS)]


def _listeners(held: Mapping[TypeUrl, ResourceSet]) -> Any:
    dynamic = pb.ListenersConfigDump
    found = [
        dynamic.DynamicListener(name=name, active_state=dynamic.DynamicListenerState(listener=each))
        for name, each in _named(held, LISTENER)
    ]
    return dynamic(version_info=_version(held, LISTENER), dynamic_listeners=found)


def _pack(message: Any) -> Packed:
    made = Packed()
    made.Pack(message)
    return made


def _version(held: Mapping[TypeUrl, ResourceSet], type_url: TypeUrl) -> str:
    return held[type_url].version if type_url in held else ""


def _of(held: Mapping[TypeUrl, ResourceSet], type_url: TypeUrl) -> Iterator[Packed]:
    return packed(held.get(type_url, EMPTY))


def _named(held: Mapping[TypeUrl, ResourceSet], type_url: TypeUrl) -> Iterator[tuple[str, Packed]]:
    made = held.get(type_url, EMPTY)
    return zip(made, packed(made), strict=True)


def as_json(parts: list[Packed]) -> object:
    """The parts as JSON of a dump: `{"configs": [...]}`, without the key where there are none."""
    found = [message_json(each) for each in parts]
    return {"configs": found} if found else {}


def message_json(message: Any) -> Any:
    """A message in protobuf's JSON; types inside of it that were never used here are loaded."""
    while True:
        try:
            return json_format.MessageToDict(message)
        except TypeError as error:
            _, known, missing = str(error).partition(_UNKNOWN_TYPE)
            name = missing.strip().strip("'\".").removeprefix(_PREFIX)
            if not known or message_class(name) is None:
                raise
