"""Backends as destinations."""

from pilot.gatewayapi.backends import NOWHERE, Context, destination
from pilot.gatewayapi.faults import Fault, Reason
from pilot.gatewayapi.grants import Grants, Referrer
from pilot.gatewayapi.route import WeightedBackend

GATEWAY = Context(Grants(), Referrer("HTTPRoute", "app"), "cluster.local", is_mesh=False)
MESH = Context(Grants(), Referrer("HTTPRoute", "app"), "cluster.local", is_mesh=True)


def host(backend: WeightedBackend, context: Context = GATEWAY) -> str:
    """Where requests go."""
    found, fault = destination(backend, context)
    assert not fault
    return f"{found.host}:{found.port.number if found.port else ''}"


def test_services_hostnames_and_imports() -> None:
    assert host(WeightedBackend(name="web", port=80)) == "web.app.svc.cluster.local:80"
    assert host(WeightedBackend(name="web", port=80, group="core", namespace="app")) == "web.app.svc.cluster.local:80"
    ext = WeightedBackend(group="networking.istio.io", kind="Hostname", name="ext.example.com", port=443)
    assert host(ext) == "ext.example.com:443"
    imported = WeightedBackend(group="multicluster.x-k8s.io", kind="ServiceImport", name="web", port=80)
    assert host(imported) == "web.app.svc.clusterset.local:80"


def test_what_may_not_be_followed_goes_nowhere() -> None:
    foreign = WeightedBackend(name="web", namespace="other", port=80)
    fault = Fault("expected a ReferenceGrant for Service other/web, got none", Reason.REF_NOT_PERMITTED)
    assert destination(foreign, GATEWAY) == (NOWHERE, fault)
    assert host(foreign, MESH) == "web.other.svc.cluster.local:80"


def test_what_is_not_understood_goes_nowhere() -> None:
    found, fault = destination(WeightedBackend(name="web"), GATEWAY)
    assert (found, fault) == (
        NOWHERE,
        Fault("expected a port of Service app/web, got none", Reason.INVALID_DESTINATION),
    )
    found, fault = destination(WeightedBackend(kind="Bucket", group="example.com", name="b", port=1), GATEWAY)
    message = "expected a Service, Hostname or ServiceImport, got example.com Bucket"
    assert (found, fault) == (NOWHERE, Fault(message, Reason.INVALID_KIND))
