"""Meshes whose generation is measured, one for each kind of thing that can be many.

In: nothing. Out: named pieces of work: one type for one proxy, with nothing remembered. Source: operations 19.1.
"""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from envoy.config.core.v3.base_pb2 import Node
from google.protobuf import json_format

from pilot import memo, pipeline
from pilot.model.objects import Event
from pilot.model.snapshot import Snapshot
from pilot.sources.decode import decode_document
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, NAME_TABLE, ROUTE, SECRET, SHORT_NAMES, TypeUrl
from pilot.view import node as nodes
from pilot.view.proxy import Proxy

Work = Callable[[], object]
MANY = 100
NO_NAMES: frozenset[str] = frozenset()


def cases() -> Iterator[tuple[str, Work]]:
    """Every shape and the types that it is about."""
    for shape in ("http", "tcp", "tls", "auto"):
        mesh = services(MANY, shape)
        yield from _types(f"{MANY} services, {shape}", mesh, (CLUSTER, LISTENER, ROUTE, ENDPOINT))
    for mode in ("STRICT", "DISABLE"):
        mesh = services(MANY, "http") + policy(mode)
        yield from _types(f"{MANY} services, mTLS {mode.lower()}", mesh, (CLUSTER, LISTENER, ENDPOINT))
    yield from _types(f"{MANY} VirtualServices", services(MANY, "http") + virtual_services(MANY), (ROUTE,))
    gateway = {ROUTE: frozenset({"http.80"})}
    shared = gateways(1, MANY) + virtual_services(MANY, "gw-0")
    yield from _types(f"{MANY} hosts at one gateway", shared, (LISTENER, ROUTE, CLUSTER), "router", gateway)
    wide = gateways(1, 1000) + virtual_services(1000, "gw-0")
    yield from _types("1000 hosts at one gateway", wide, (LISTENER, ROUTE, CLUSTER), "router", gateway)
    knative = {ROUTE: frozenset({"http.80"})}
    yield from _types(f"{MANY} hosts by header and authority", serverless(MANY), (LISTENER, ROUTE), "router", knative)
    yield from _types(f"{MANY} DENY policies", services(1, "http") + authorization(MANY), (LISTENER,))
    yield from _types(f"{MANY} services, Telemetry", services(MANY, "http") + telemetry(), (CLUSTER, LISTENER, ROUTE))
    for count in (10, 1000):
        names = frozenset(f"kubernetes://sds-credential-{number}" for number in range(count))
        yield from _types(f"{count} secrets", secrets(count), (SECRET,), "router", {SECRET: names})
    many = gateways(MANY, 1)
    yield from _types(f"{MANY} gateways on one port", many, (LISTENER, ROUTE), "router", gateway)
    yield from _types(f"{MANY} ExternalName services", external_names(MANY), (CLUSTER, ROUTE, LISTENER))
    entries = service_entries(MANY, 10)
    yield from _types(f"{MANY} ServiceEntries of 10 WorkloadEntries", entries, (CLUSTER, ENDPOINT))
    yield from _types("1000 services", services(1000, "http"), (NAME_TABLE,))
    for count, each in ((1, 10_000), (10, 1000), (1000, 10)):
        yield from _types(f"{count} services x {each} endpoints", services(count, "http", each), (ENDPOINT,))


def _types(
    name: str,
    text: str,
    types: tuple[TypeUrl, ...],
    kind: str = "sidecar",
    names: dict[TypeUrl, frozenset[str]] | None = None,
) -> Iterator[tuple[str, Work]]:
    documents = list(yaml.load_all(text, yaml.CSafeLoader))
    found = [each for document in documents if document for each in decode_document(document)]
    events = [Event(each.key, each.object) for each in found if each.key is not None and each.object is not None]
    snapshot, _ = Snapshot.empty().apply(events)
    who = proxy(kind)
    clusters = pipeline.resources_for(snapshot, who, CLUSTER) or ()
    asked = {ENDPOINT: frozenset(clusters), ROUTE: frozenset({"8080"}), **(names or {})}
    for type_url in types:
        yield f"{name}: {SHORT_NAMES[type_url]}", _work(snapshot, who, type_url, asked.get(type_url, NO_NAMES))


def _work(snapshot: Snapshot, who: Proxy, type_url: TypeUrl, names: frozenset[str]) -> Work:
    def generate() -> object:
        memo.clear_all()
        return pipeline.resources_for(snapshot, who, type_url, names)

    return generate


def proxy(kind: str) -> Proxy:
    """A sidecar, or a gateway that every Gateway selects."""
    node = {
        "id": f"{kind}~10.9.0.1~bench.default~default.svc.cluster.local",
        "metadata": {"NAMESPACE": "default", "CLUSTER_ID": "Kubernetes", "LABELS": {"istio": "bench"}},
    }
    parsed = nodes.parse_node(json_format.ParseDict(node, Node()), Snapshot.empty().features)
    return replace(parsed, identity="spiffe://cluster.local/ns/default/sa/default")  # who may read secrets


def services(count: int, port: str, endpoints: int = 2) -> str:
    """Services of one port; the protocol is in its name, `auto`: in none."""
    return "".join(_service(number, port, endpoints) for number in range(count))


def _service(number: int, port: str, endpoints: int) -> str:
    rows = "".join(
        f"- {{addresses: [{_address(number * endpoints + i)}], conditions: {{ready: true}}}}\n"
        for i in range(endpoints)
    )
    ip = f"10.{100 + number // 65536}.{number // 256 % 256}.{number % 256}"
    return (
        f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{number}, namespace: default}}\n"
        f"spec: {{clusterIP: {ip}, ports: [{{name: {'p' if port == 'auto' else port}, port: 8080}}]}}\n"
        f"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n"
        f"metadata: {{name: s{number}, namespace: default, labels: {{kubernetes.io/service-name: s{number}}}}}\n"
        f"ports: [{{name: {'p' if port == 'auto' else port}, port: 8080}}]\nendpoints:\n{rows}"
    )


def _address(index: int) -> str:
    return f"10.{index // 65536}.{index // 256 % 256}.{index % 256}"


def policy(mode: str) -> str:
    """One mTLS mode for the mesh."""
    return (
        "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        f"metadata: {{name: default, namespace: istio-system}}\nspec: {{mtls: {{mode: {mode}}}}}\n"
    )


def virtual_services(count: int, gateway: str = "") -> str:
    """One for each service, weighted."""
    bound = f"  gateways: [{gateway}]\n" if gateway else ""
    return "".join(
        f"---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: s{n}, namespace: default}}\n"
        f"spec:\n  hosts: [{f'h{n}.example.com' if gateway else f's{n}'}]\n{bound}  http:\n  - route:\n"
        f"    - {{destination: {{host: s{n}}}, weight: 90}}\n    - {{destination: {{host: s{n + 1}}}, weight: 10}}\n"
        for n in range(count)
    )


def gateways(count: int, hosts: int) -> str:
    """Gateways on one port, each with hosts of its own."""
    return "".join(
        f"---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: gw-{n}, namespace: default}}\n"
        "spec:\n  selector: {istio: bench}\n  servers:\n  - port: {number: 80, name: http, protocol: HTTP}\n"
        f"    hosts: [{', '.join(f'h{n * hosts + i}.example.com' for i in range(hosts))}]\n"
        for n in range(count)
    )


def serverless(count: int) -> str:
    """VirtualServices as Knative makes them: by authority prefix and header, at two gateways."""
    ports = "".join(
        f"---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: default}}\n"
        f"spec: {{selector: {{istio: bench}}, servers: [{{port: {{number: {port}, name: http, protocol: HTTP}}, "
        "hosts: ['*']}]}\n"
        for name, port in (("outside", 80), ("inside", 8081))
    )
    return ports + "".join(
        f"---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: k{n}, namespace: default}}\n"
        f"spec:\n  hosts: [k{n}.example.com]\n  gateways: [outside, inside]\n  http:\n"
        f"  - match:\n    - {{authority: {{prefix: k{n}.example.com}}, headers: {{hash: {{exact: h{n}}}}}}}\n"
        f"    headers: {{request: {{set: {{revision: r{n}}}}}}}\n    route:\n    - {{destination: {{host: s{n}}}}}\n"
        for n in range(count)
    )


def authorization(count: int) -> str:
    """DENY policies of one namespace."""
    return "".join(
        "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
        f"metadata: {{name: a{n}, namespace: default}}\nspec:\n  action: DENY\n  rules:\n"
        f"  - from: [{{source: {{namespaces: [ns-{n}]}}}}]\n    to: [{{operation: {{methods: [POST]}}}}]\n"
        for n in range(count)
    )


def telemetry() -> str:
    """Metrics for Prometheus for the whole mesh."""
    return (
        "---\napiVersion: telemetry.istio.io/v1\nkind: Telemetry\n"
        "metadata: {name: default, namespace: istio-system}\nspec: {metrics: [{providers: [{name: prometheus}]}]}\n"
    )


def secrets(count: int) -> str:
    """TLS secrets with one certificate, each used by a server of a Gateway."""
    key, certificate = (base64.b64encode(each).decode() for each in _pair())
    servers = "".join(
        f"  - port: {{number: 443, name: https-{n}, protocol: HTTPS}}\n    hosts: [h{n}.example.com]\n"
        f"    tls: {{mode: SIMPLE, credentialName: sds-credential-{n}}}\n"
        for n in range(count)
    )
    return (
        "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gw, namespace: default}\n"
        f"spec:\n  selector: {{istio: bench}}\n  servers:\n{servers}"
    ) + "".join(
        f"---\napiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\n"
        f"metadata: {{name: sds-credential-{n}, namespace: default}}\n"
        f"data: {{tls.key: {key}, tls.crt: {certificate}}}\n"
        for n in range(count)
    )


def _pair() -> tuple[bytes, bytes]:
    """A key and a certificate for it, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def external_names(count: int) -> str:
    """Services that are other names of hosts outside."""
    return "".join(
        f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{n}, namespace: default}}\n"
        f"spec: {{type: ExternalName, externalName: h{n}.example.com, ports: [{{name: http, port: 8080}}]}}\n"
        for n in range(count)
    )


def service_entries(count: int, workloads: int) -> str:
    """ServiceEntries that select WorkloadEntries."""
    found = []
    for n in range(count):
        found.append(
            "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
            f"metadata: {{name: e{n}, namespace: default}}\n"
            f"spec: {{hosts: [h{n}.example.com], location: MESH_INTERNAL, resolution: STATIC,"
            f" ports: [{{number: 8080, name: http, protocol: HTTP}}], workloadSelector: {{labels: {{app: e{n}}}}}}}\n"
        )
        found += [
            "---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\n"
            f"metadata: {{name: w{n}-{i}, namespace: default}}\n"
            f"spec: {{address: {_address(n * workloads + i)}, labels: {{app: e{n}}}}}\n"
            for i in range(workloads)
        ]
    return "".join(found)
