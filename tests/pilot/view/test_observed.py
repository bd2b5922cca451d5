"""What a proxy observes, and where its collectors are."""

from pilot.view.observed import Observed, unobserved
from tests.pilot.generators import worlds

COLLECTOR = """
apiVersion: v1
kind: Service
metadata: {name: collector, namespace: otel}
spec: {clusterIP: 10.0.0.7, ports: [{name: grpc, port: 4317}]}
"""
TRACES = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec: {tracing: [{providers: [{name: otel}]}]}
"""
HOST = "collector.otel.svc.cluster.local"


def mesh(service: str = HOST, port: int = 4317, kind: str = "opentelemetry") -> str:
    return f"extensionProviders: [{{name: otel, {kind}: {{service: {service}, port: {port}}}}}]"


def observed(objects: str, settings: str = "", **metadata: str) -> Observed:
    found = worlds.view(objects, worlds.sidecar(**metadata), settings).observed
    assert found is not None
    return found


def test_a_collector_is_found_by_its_host_with_its_namespace_or_without() -> None:
    for named in (HOST, f"otel/{HOST}"):
        assert observed(f"{COLLECTOR}---{TRACES}", mesh(named)).hosts == {(named, 4317): HOST}


def test_a_collector_that_is_not_there_has_no_host() -> None:
    for settings in (mesh("nobody.example.com"), mesh(f"other/{HOST}"), mesh(port=1)):
        assert not observed(f"{COLLECTOR}---{TRACES}", settings).hosts


def test_only_providers_in_use_are_looked_up() -> None:
    assert not observed(COLLECTOR, mesh()).hosts


def test_what_a_proxy_calls_itself_counts_only_where_a_tracer_is_told() -> None:
    assert observed(f"{COLLECTOR}---{TRACES}", mesh()).names_itself
    assert not observed(f"{COLLECTOR}---{TRACES}", mesh(kind="zipkin")).names_itself
    assert not observed(COLLECTOR, mesh()).names_itself
    assert worlds.view(f"{COLLECTOR}---{TRACES}", settings_of_client(), mesh()).proxy.node_cluster == "client.default"
    assert worlds.view(COLLECTOR, settings_of_client(), mesh()).proxy.node_cluster == ""


def settings_of_client() -> dict[str, object]:
    return worlds.sidecar()


def test_the_version_of_a_proxy_counts_only_for_zipkin() -> None:
    assert observed(f"{COLLECTOR}---{TRACES}", mesh(kind="zipkin"), ISTIO_VERSION="1.28.3").zipkin_version == (1, 28)
    assert observed(f"{COLLECTOR}---{TRACES}", mesh(kind="zipkin"), ISTIO_VERSION="1.40.0").zipkin_version == (1, 29)
    assert observed(f"{COLLECTOR}---{TRACES}", mesh(), ISTIO_VERSION="1.28.3").zipkin_version > (1, 29)


def test_without_a_view_the_defaults_of_the_mesh_hold() -> None:
    settings = worlds.mesh_config("defaultProviders: {metrics: [prometheus]}")
    assert len(unobserved(settings).client.statistics) == 1
    assert unobserved(settings) is unobserved(settings)


def test_a_change_of_endpoints_or_services_that_no_collector_is_leaves_it_as_it_is() -> None:
    first = observed(f"{COLLECTOR}---{TRACES}", mesh())
    second = observed(f"{COLLECTOR}---{TRACES}---{worlds.REVIEWS}", mesh())
    assert first.hosts is second.hosts
