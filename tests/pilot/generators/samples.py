"""Small meshes for tests of generators: services, endpoints, rules, with everything that a test does not care about."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import json_format

from pilot.generators.clusters.context import Context
from pilot.generators.endpoints.client import Client
from pilot.model.destination_rule import MergedRule, Subset
from pilot.model.endpoint import Endpoint, Health
from pilot.model.endpoint_index import ServiceEndpoints
from pilot.model.features import Features
from pilot.model.mesh import MeshConfig
from pilot.model.service import Hostname, Namespace, PortProtocol, Registry, Resolution, Service, ServicePort
from pilot.model.traffic_policy import TrafficPolicy
from pilot.resources import Origin
from pilot.view.proxy import ClientFiles, Flavour, IpMode, ProxyKind, Traits
from pilot.view.proxy_view import Particulars, ProxyView
from pilot.view.scope import EgressListener, Endpoints, Scope
from pilot.view.workload import InboundMtls, Workload

HTTP = ServicePort("http", 80, PortProtocol.HTTP, 8080)
TCP = ServicePort("tcp", 9000, PortProtocol.TCP)
GRPC = ServicePort("grpc", 7070, PortProtocol.GRPC)
SNIFFED = ServicePort("what", 6000, PortProtocol.UNKNOWN)
UDP = ServicePort("dns", 53, PortProtocol.UDP)


def service(name: str = "reviews", *ports: ServicePort, namespace: str = "default", **more: Any) -> Service:
    """A Kubernetes service `reviews.default` with port 80, or the ports given."""
    return Service(
        **{
            "hostname": Hostname(f"{name}.{namespace}.svc.cluster.local"),
            "namespace": Namespace(namespace),
            "name": name,
            "ports": ports or (HTTP,),
            "resolution": Resolution.CLIENT_SIDE,
            "registry": Registry.KUBERNETES,
            "origin": Origin("Service", namespace, name),
            "address": "10.0.0.1",
            **more,
        }
    )


def entry(host: str = "api.example.com", *ports: ServicePort, **more: Any) -> Service:
    """A service that a ServiceEntry outside of the mesh declares, found by DNS."""
    return service(
        host,
        *ports,
        **{
            "hostname": Hostname(host),
            "resolution": Resolution.DNS,
            "registry": Registry.EXTERNAL,
            "origin": Origin("ServiceEntry", "default", "api"),
            "address": "0.0.0.0",
            "mesh_external": True,
            **more,
        },
    )


def endpoint(address: str = "10.1.0.1", **more: Any) -> Endpoint:
    """A healthy endpoint of port `http` with a sidecar."""
    return Endpoint(
        **{
            "addresses": (address,),
            "port": 8080,
            "port_name": "http",
            "cluster_id": "Kubernetes",
            "namespace": "default",
            "workload": "reviews-v1",
            "service_account": "spiffe://cluster.local/ns/default/sa/reviews",
            "labels": {"app": "reviews", "version": "v1"},
            "tls_mode": "istio",
            "health": Health.HEALTHY,
            **more,
        }
    )


def rule(policy: TrafficPolicy | None = None, *subsets: Subset, **more: Any) -> MergedRule:
    """The DestinationRule `default/reviews`."""
    origin = Origin("DestinationRule", "default", "reviews")
    return MergedRule(
        **{
            "origin": origin,
            "host": "reviews.default.svc.cluster.local",
            "traffic_policy": policy,
            "subsets": subsets,
            "origins": (origin,),
            **more,
        }
    )


def as_json(message: Any) -> Any:
    """A message as JSON values; `Any`s are unpacked."""
    return json_format.MessageToDict(message)


def fields_as_json(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Field values as JSON values, under their names in protobuf."""
    return {key: as_json(each) if hasattr(each, "DESCRIPTOR") else each for key, each in fields.items()}


def client(**more: Any) -> Client:
    """A sidecar without a locality."""
    return Client(
        **{
            "kind": ProxyKind.SIDECAR,
            "cluster_id": "Kubernetes",
            "network": "",
            "requested_networks": frozenset(),
            "tunnels": False,
            **more,
        }
    )


def context(**more: Any) -> Context:
    """An IPv4 sidecar of Istio's flavour that opens tunnels."""
    return Context(
        **{
            "mesh": MeshConfig(),
            "features": Features(),
            "flavour": Flavour(),
            "kind": ProxyKind.SIDECAR,
            "ip_mode": IpMode.V4,
            "tunnels": True,
            "client_files": ClientFiles(),
            "own_file_socket": False,
            "credential_socket": False,
            "preserve_case": False,
            **more,
        }
    )


def traits(**more: Any) -> Traits:
    """An IPv4 sidecar in namespace default."""
    return Traits(
        **{
            "kind": ProxyKind.SIDECAR,
            "namespace": "default",
            "domain": "default.svc.cluster.local",
            "cluster_id": "Kubernetes",
            "network": "",
            "ip_mode": IpMode.V4,
            "flavour": Flavour(),
            **more,
        }
    )


STOCK = Flavour(
    frozenset(
        {
            "envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport",
            "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
            "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
        }
    ),
    (1, 40, 0),
)
"""An upstream Envoy without Istio's extensions."""


def behind(*endpoints: Endpoint) -> ServiceEndpoints:
    """These endpoints with what the model concludes from them."""
    return ServiceEndpoints(
        endpoints,
        tuple(sorted({each.service_account for each in endpoints if each.service_account})),
        not endpoints or any(each.tls_mode != "istio" for each in endpoints),
    )


def scope(*services: Service, rules: Sequence[tuple[Service, MergedRule]] = (), **more: Any) -> Scope:
    """A scope that imports these services by one implied egress listener."""
    return Scope(
        **{
            "services": services,
            "by_host": {each.hostname: each for each in services},
            "egress": (EgressListener(None, services, ()),),
            "rules": {of.hostname: each for of, each in rules},
            "gateway_virtual_services": (),
            "allow_any": True,
            "egress_proxy": None,
            "sidecar": None,
            "ingress": (),
            **more,
        }
    )


def workload(**more: Any) -> Workload:
    """A workload in namespace default without services."""
    return Workload(
        **{
            "namespace": "default",
            "labels": {},
            "locality": "",
            "network": "",
            "targets": (),
            "mtls": InboundMtls(),
            "canonical_name": "client",
            "canonical_revision": "latest",
            **more,
        }
    )


def view(of: Scope, endpoints: Endpoints | None = None, **more: Any) -> ProxyView:
    """What a sidecar in namespace default sees; `traits` may be given."""
    kept = more.pop("traits", None) or traits()
    addresses = more.pop("ip_addresses", ("10.9.0.1",))
    return ProxyView(
        **{
            "proxy": Particulars("", more.pop("proxy_config", {}), addresses),
            "traits": kept,
            "mesh": MESH,
            "features": FEATURES,
            "scope": of,
            "names": of.egress,
            "workload": WORKLOAD,
            "endpoints": endpoints or {},
            **more,
        }
    )


def keyed(*entries: tuple[Service, ServiceEndpoints]) -> Endpoints:
    """Endpoints as a view has them."""
    return {(of.hostname, of.namespace): found for of, found in entries}


MESH = MeshConfig()
FEATURES = Features()
WORKLOAD = workload()
