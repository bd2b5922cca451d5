"""Configuration as the control plane has it: objects, kinds, policies, settings.

In: the snapshot. Out: `configz`, `resourcesz`, `authorizationz`, `telemetryz`, `mesh`, `sidecarz`, `push_status`,
`pushcontext`, `mcsz`, `clusterz`. Source: operations 3.2; recorded.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from enum import Enum
from typing import Any, Final

import msgspec
from msgspec.structs import fields

from pilot.debug import services
from pilot.debug.console import Answer, Entry, Later, Question
from pilot.debug.proxies import ProxyPages
from pilot.mesh import Mesh
from pilot.model import mcs
from pilot.model.authorization_policy import AuthorizationPolicy
from pilot.model.kubernetes import KubernetesService
from pilot.model.mesh_settings import is_ip
from pilot.model.objects import Object
from pilot.model.problem import Problem
from pilot.model.snapshot import Snapshot
from pilot.model.telemetry import Telemetry
from pilot.resources import Origin
from pilot.sources.kinds import KINDS, Kind
from pilot.view import build

_SHOWN: Final = ("istio.io", "gateway.networking.k8s.io", "gateway.networking.x-k8s.io")
_KIND_OF: Final = {each.struct: each for each in KINDS.values()}
_VERSIONS: Final = {"ReferenceGrant": "v1beta1", "TLSRoute": "v1alpha2"}
"""Those that istiod reads, where they are not the newest."""
_IMPLIED: Final = frozenset(
    (
        *("hboneIdleTimeout", "verifyCertificateAtClient", "pathNormalization"),
        *("fileFlushInterval", "fileFlushMinSizeKb", "statsCompression"),
    )
)
"""Fields of which istiod says nothing while they have their defaults."""
_ALSO: Final = (("gateway.networking.k8s.io", "v1alpha2", "UDPRoute"),)
"""Kinds that istiod knows by name only."""


class ObjectPages:
    """The pages."""

    def __init__(self, mesh: Mesh, proxies: ProxyPages, problems: Callable[[], Iterable[Problem]]) -> None:
        self._mesh, self._proxies, self._problems = mesh, proxies, problems

    def entries(self) -> Iterator[Entry]:
        """The pages."""
        yield Entry("configz", "All configuration objects, with those made of other APIs.", self._later(configurations))
        yield Entry("resourcesz", "The kinds of objects that are read.", lambda _: kinds())
        yield Entry("authorizationz", "AuthorizationPolicies by namespace.", self._later(authorizations))
        yield Entry("telemetryz", "Telemetries by namespace.", self._later(telemetries))
        yield Entry("mesh", "MeshConfig as it is in force.", self._later(mesh_config))
        yield Entry("sidecarz", "What a proxy may reach (proxyID).", self.sidecar)
        yield Entry("push_status", "What is wrong with the configuration, by kind of problem.", self.push_status)
        yield Entry("pushcontext", "Policies and gateways of networks.", self._later(push_context))
        yield Entry("mcsz", "Services of several clusters (MCS).", self._later(services_of_all))

    def _later(self, show: Callable[[Snapshot], object]) -> Callable[[Question], object]:
        def page(_: Question) -> object:
            snapshot = self._mesh.snapshot
            return Later(lambda: show(snapshot))

        return page

    def push_status(self, _: Question) -> object:
        """Problems by what they are called, then by object."""
        found: dict[str, dict[str, object]] = {}
        for each in self._problems():
            kind = each.key.kind if each.key is not None else "file"
            message = {"proxy": "", "message": str(each)}
            found.setdefault(f"meshpilot_problems_{kind}", {})[str(each.key or each.file)] = message
        return Answer(msgspec.json.format(msgspec.json.encode(found), indent=4))

    def sidecar(self, question: Question) -> object:
        """The scope of a proxy."""
        found = self._proxies.find(question)
        if isinstance(found, Answer):
            return found
        snapshot, traits = self._mesh.snapshot, found.proxy.traits
        scope = build.build(snapshot, found.proxy).scope
        name = scope.sidecar.name if scope.sidecar is not None else f"{traits.namespace}-sidecar"
        chosen = snapshot.seen.kinds.get("Sidecar", {}).get(scope.sidecar.namespace, {}) if scope.sidecar else {}

        def make() -> object:
            listed = [services.shown(each, snapshot) for each in scope.services]
            return {
                "version": "",
                "name": name,
                "namespace": traits.namespace,
                "outboundTrafficPolicy": {"mode": "ALLOW_ANY" if scope.allow_any else "REGISTRY_ONLY"},
                "services": listed,
                "egressListenerServices": [
                    [services.shown(each, snapshot) for each in listener.services] for listener in scope.egress
                ],
                "servicesByHostname": {each: services.shown(one, snapshot) for each, one in scope.by_host.items()},
                "sidecar": spec_of(chosen[name]) if name in chosen else None,
                "destinationRules": {
                    host: [_rule(rule, snapshot)] for host, rule in scope.rules.items() if host in scope.by_host
                },
            }

        return Later(make)


def _rule(merged: Any, snapshot: Snapshot) -> object:
    origins: tuple[Origin, ...] = merged.origins
    first = snapshot.known.kinds.get("DestinationRule", {}).get(origins[0].namespace, {}).get(origins[0].name)
    return {
        "exportTo": {each: {} for each in getattr(getattr(first, "spec", None), "export_to", ())},
        "from": [{"Namespace": each.namespace, "Name": each.name} for each in origins],
        "rule": _config(first) if first is not None else None,
    }


def _config(each: Object) -> object:
    """An object in the form that istiod has inside."""
    kind = _KIND_OF[type(each)]
    metadata = _metadata(each)
    return {
        "type": {"group": kind.group, "version": kind.versions[0], "kind": kind.name},
        **metadata,
        "domain": "cluster.local",
        "Spec": spec_of(each),
        "Status": {},
        "Extra": None,
    }


def _is_shown(kind: Kind) -> bool:
    return kind.group.endswith(_SHOWN) or kind.name == "Ingress"


def kinds() -> list[dict[str, str]]:
    """Group, version, kind: in the order of istiod's own names."""
    found = [
        (each.group, _VERSIONS.get(each.name, each.versions[0]), each.name)
        for each in KINDS.values()
        if _is_shown(each)
    ]
    return [
        {"group": group, "version": version, "kind": kind}
        for group, version, kind in sorted({*found, *_ALSO}, key=lambda row: (row[2], row[0]))
    ]


def configurations(snapshot: Snapshot) -> list[object]:
    """All objects of those kinds, by kind, namespace, name."""
    found = [each for each in snapshot.known.all() if type(each) in _KIND_OF and _is_shown(_KIND_OF[type(each)])]
    found.sort(key=lambda each: (_KIND_OF[type(each)].name, each.namespace, each.name))
    return [_manifest(each) for each in found]


def _manifest(each: Object) -> dict[str, object]:
    kind = _KIND_OF[type(each)]
    told = {"kind": kind.name, "apiVersion": _api_version(kind), "metadata": _metadata(each)}
    return told | {"spec": spec_of(each)}


def _api_version(kind: Kind) -> str:
    version = _VERSIONS.get(kind.name, kind.versions[0])
    return f"{kind.group}/{version}" if kind.group else version


def _metadata(each: Object) -> dict[str, object]:
    metadata: dict[str, object] = msgspec.to_builtins(each.metadata, enc_hook=_plain)
    metadata.pop("ownerReferences", None)
    return metadata


def spec_of(each: Object) -> Any:
    """The spec of an object as it was written, but for what says the same as nothing."""
    return _with_durations(msgspec.to_builtins(getattr(each, "spec", {}), enc_hook=_plain, builtin_types=(timedelta,)))


def _with_durations(value: Any) -> Any:
    """Lengths of time as protobuf's JSON has them: `10s`."""
    if isinstance(value, dict):
        return {key: _with_durations(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_durations(each) for each in value]
    return str(value) if isinstance(value, timedelta) else value


def _plain(value: Any) -> object:
    return dict(value) if hasattr(value, "keys") else str(value)


def authorizations(snapshot: Snapshot) -> object:
    """By namespace."""
    found: dict[str, list[object]] = {}
    for each in sorted(snapshot.seen.of(AuthorizationPolicy), key=lambda one: (one.namespace, one.created, one.name)):
        annotations = dict(each.metadata.annotations) or None
        told = {"name": each.name, "namespace": each.namespace, "annotations": annotations, "spec": spec_of(each)}
        found.setdefault(each.namespace, []).append(told)
    root = snapshot.mesh.root_namespace
    return {"authorization_policies": {"namespace_to_policies": found, "root_namespace": root}}


def telemetries(snapshot: Snapshot) -> object:
    """By namespace."""
    found: dict[str, list[object]] = {}
    for each in sorted(snapshot.seen.of(Telemetry), key=lambda one: (one.namespace, one.created, one.name)):
        told = {"name": each.name, "namespace": each.namespace, "spec": spec_of(each)}
        found.setdefault(each.namespace, []).append(told)
    return {"telemetries": {"namespace_to_telemetries": found, "root_namespace": snapshot.mesh.root_namespace}}


def services_of_all(snapshot: Snapshot) -> object:
    """Services that are exported or imported, by cluster; null without the MCS API."""
    if not snapshot.features.mcs_discovery:
        return None
    clusters = (snapshot.alone or snapshot, *snapshot.remotes.values())
    found = [row for each in clusters for row in _mcs_rows(each)]
    return sorted(found, key=lambda row: (row["Cluster"], row["Namespace"], row["Name"])) or None


def _mcs_rows(cluster: Snapshot) -> Iterator[dict[str, Any]]:
    places = {
        (each.namespace, each.name) for kind in (mcs.ServiceExport, mcs.ServiceImport) for each in cluster.seen.of(kind)
    }
    for namespace, name in places:
        declared = cluster.service_index.declared.get((KubernetesService.KIND, namespace, name), ())
        imported = cluster.seen.get(mcs.ServiceImport, namespace, name)
        yield {
            "Cluster": cluster.settings.cluster_id,
            "Name": name,
            "Namespace": namespace,
            "Exported": cluster.seen.get(mcs.ServiceExport, namespace, name) is not None,
            "Imported": imported is not None,
            "ClusterSetVIP": ",".join(mcs.vips_of(imported)),
            "Discoverability": {
                each.hostname: "AlwaysDiscoverable" if each.exported_from else "DiscoverableFromSameCluster"
                for each in declared
            },
        }


def push_context(snapshot: Snapshot) -> object:
    """What a push knows."""
    ways: Any = services.networks(snapshot) or []
    named: Any = services.networks(snapshot, named=True) or []
    policies: Any = authorizations(snapshot)
    return {
        "AuthorizationPolicies": policies["authorization_policies"],
        "NetworkGateways": ways,
        "UnresolvedGateways": [each for each in named if not is_ip(each["Addr"])],
    }


def mesh_config(snapshot: Snapshot) -> object:
    """MeshConfig with its defaults."""
    told: Any = effective(snapshot.mesh)
    told["defaultConfig"].setdefault("serviceCluster", "istio-proxy")
    return told


def effective(message: Any) -> object:
    """A message with its defaults, as protobuf's JSON has it: zero values are left out, empty messages are not."""
    if isinstance(message, msgspec.Struct):
        told = {}
        for each in fields(message):
            value = getattr(message, each.name)
            if each.encode_name in _IMPLIED and value == each.default:
                continue
            if isinstance(value, Enum):
                if value is not next(iter(type(value))):
                    told[each.encode_name] = value.value
            elif isinstance(value, msgspec.Struct | timedelta) or value not in (None, "", 0, False, (), {}):
                told[each.encode_name] = effective(value)
        return told
    if isinstance(message, Enum):
        return message.value
    if isinstance(message, tuple | list | frozenset):
        return [effective(each) for each in message]
    if hasattr(message, "keys"):
        return {key: effective(value) for key, value in message.items()}
    return message if isinstance(message, str | int | float) else str(message)
