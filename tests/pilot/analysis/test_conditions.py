from pilot.analysis.conditions import deprecated, negative, networks
from tests.pilot.analysis.worlds import said


def test_what_controllers_refuse_is_told() -> None:
    text = "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r, namespace: shop}, status: {parents: [{conditions: [{type: ResolvedRefs, status: 'VALUE', reason: R, message: m}]}]}}"  # noqa: E501
    assert said(negative, text.replace("VALUE", "False")) == [("IST0171", "HTTPRoute shop/r")]
    assert said(negative, text.replace("VALUE", "True")) == []
    mine = "{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g, namespace: shop}, status: {conditions: [{type: Accepted, status: 'False'}]}}"  # noqa: E501
    assert said(negative, mine) == []  # not the Gateway API's


def test_networks_are_of_clusters_that_we_know() -> None:
    config = "{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: istio-system}, data: {meshNetworks: '{networks: {n: {endpoints: [{fromRegistry: c2}]}}}'}}"  # noqa: E501
    secret = "{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: istio-system, labels: {istio/multiCluster: 'true'}}, data: {c2: eA==}}"  # noqa: E501
    assert said(networks, config) == [("IST0126", "MeshNetworks istio-system/meshnetworks")]
    assert said(networks, config, secret) == []
    assert said(networks, config.replace("'{net", "'{{net")) == []


def test_what_will_go_away_is_told() -> None:
    sidecar = "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: s, namespace: shop}, spec: {outboundTrafficPolicy: {egressProxy: {host: x}}}}"  # noqa: E501
    assert said(deprecated, sidecar) == [("IST0002", "Sidecar shop/s")]
    fault = "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v, namespace: shop}, spec: {http: [{fault: {delay: {percent: 5}}}]}}"  # noqa: E501
    assert said(deprecated, fault) == [("IST0002", "VirtualService shop/v")]
    tracing = "{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: t, namespace: shop}, spec: {tracing: [{providers: [{name: l}]}]}}"  # noqa: E501
    mesh = {"extensionProviders": [{"name": "l", "lightstep": {}}]}
    assert said(deprecated, tracing, mesh=mesh) == [("IST0002", "Telemetry shop/t")]
    kind = "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: clusterrbacconfigs.rbac.istio.io}}"  # noqa: E501
    assert said(deprecated, kind) == [("IST0002", "CustomResourceDefinition clusterrbacconfigs.rbac.istio.io")]
