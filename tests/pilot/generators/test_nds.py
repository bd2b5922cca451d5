from dataclasses import replace
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage

from istio_api import nds_pb2
from pilot.generators import nds
from pilot.model.endpoint import Endpoint, Health
from pilot.model.features import Features
from pilot.model.service import Registry, Resolution
from pilot.view.proxy import IpMode
from tests.pilot.generators.samples import as_json, behind, endpoint, entry, keyed, scope, service, traits, view

HEADLESS = service("db", resolution=Resolution.PASSTHROUGH, address="0.0.0.0")
STATIC = {"resolution": Resolution.CLIENT_SIDE}


def table(*args: Any, **more: Any) -> Any:
    made = nds.build(view(*args, **more))
    assert list(made) == [""]
    message = nds_pb2.NameTable.FromString(AnyMessage.FromString(made[""].body).value)
    return as_json(message).get("table", {})


def ips(*args: Any, **more: Any) -> dict[str, list[str]]:
    return {host: each["ips"] for host, each in table(*args, **more).items()}


def test_a_kubernetes_service_is_known_by_its_host_with_name_and_namespace() -> None:
    assert table(scope(service())) == {
        "reviews.default.svc.cluster.local": {
            "ips": ["10.0.0.1"],
            "registry": "Kubernetes",
            "shortname": "reviews",
            "namespace": "default",
        }
    }


def test_an_entry_is_known_by_its_host_only() -> None:
    made = table(scope(entry(address="240.240.0.1")))

    assert made == {"api.example.com": {"ips": ["240.240.0.1"], "registry": "External"}}


def test_ranges_and_entries_without_address_are_not_listed() -> None:
    assert table(scope(entry(address="10.0.0.0/8"), entry("b.example.com"))) == {}


def test_allocated_addresses_are_for_proxies_that_use_them() -> None:
    allocated = entry(auto_allocated_v4="240.240.0.7", auto_allocated_v6="2001:2::7")
    asking = traits(dns_auto_allocate=True)
    dual = traits(dns_auto_allocate=True, ip_mode=IpMode.DUAL)

    assert ips(scope(allocated)) == {}
    assert ips(scope(allocated), traits=asking) == {"api.example.com": ["240.240.0.7"]}
    both = ips(scope(allocated), traits=dual, features=Features(dual_stack=True))
    assert both == {"api.example.com": ["240.240.0.7", "2001:2::7"]}


def test_addresses_of_entries_for_one_host_add_up_and_kubernetes_replaces_them() -> None:
    first, second = entry(address="1.1.1.1"), entry(address="2.2.2.2")
    own = service("api", hostname=first.hostname, registry=Registry.KUBERNETES)

    assert ips(scope(first, second)) == {"api.example.com": ["1.1.1.1", "2.2.2.2"]}
    assert ips(scope(first, own, second)) == {"api.example.com": ["10.0.0.1"]}


def test_a_headless_service_stands_for_its_ready_pods_of_the_first_port() -> None:
    found = keyed(
        (
            HEADLESS,
            behind(
                endpoint("10.1.0.1"),
                endpoint("10.1.0.2", health=Health.UNHEALTHY),
                endpoint("10.1.0.3", port_name="other"),
                replace(endpoint(), addresses=("10.1.0.4", "fd00::4")),
            ),
        )
    )

    assert ips(scope(HEADLESS), found) == {"db.default.svc.cluster.local": ["10.1.0.1", "10.1.0.4", "fd00::4"]}
    unready = replace(HEADLESS, publish_not_ready=True)
    assert "10.1.0.2" in str(ips(scope(unready), found))
    assert ips(scope(HEADLESS)) == {}


def test_pods_that_cannot_be_dialled_are_not_listed() -> None:
    found = keyed((HEADLESS, behind(endpoint(network="far"))))

    assert ips(scope(HEADLESS), found, traits=traits(network="near")) == {}
    other_cluster = keyed((HEADLESS, behind(endpoint("10.2.0.1", cluster_id="other"))))
    assert list(ips(scope(HEADLESS), other_cluster).values()) == [["10.2.0.1"]]


def test_pods_with_names_are_known_by_them() -> None:
    found = keyed(
        (HEADLESS, behind(endpoint("10.1.0.1", hostname="db-0", subdomain="db"), endpoint("10.1.0.2", hostname="x")))
    )
    made = table(scope(HEADLESS), found)

    assert set(made) == {"db.default.svc.cluster.local", "db-0.db.default.svc.cluster.local"}
    assert made["db-0.db.default.svc.cluster.local"] == {
        "ips": ["10.1.0.1"],
        "registry": "Kubernetes",
        "shortname": "db-0.db",
        "namespace": "default",
    }


def test_pods_of_other_clusters_have_names_where_this_one_has_none_of_that_name() -> None:
    def pod(address: str, name: str, **more: str) -> Endpoint:
        return endpoint(address, hostname=name, subdomain="db", **more)

    far = (pod("10.2.0.1", "db-0", cluster_id="other"), pod("10.2.0.2", "db-1", cluster_id="other"))
    found = keyed((HEADLESS, behind(*far, pod("10.1.0.1", "db-0"))))

    assert ips(scope(HEADLESS), found) == {
        "db.default.svc.cluster.local": ["10.2.0.1", "10.2.0.2", "10.1.0.1"],
        "db-0.db.default.svc.cluster.local": ["10.1.0.1"],
        "db-1.db.default.svc.cluster.local": ["10.2.0.2"],
    }


def test_hosts_of_several_clusters_have_no_short_name() -> None:
    shared = service(hostname="reviews.default.svc.clusterset.local")

    assert "shortname" not in table(scope(shared))["reviews.default.svc.clusterset.local"]


def test_an_endpoint_of_a_service_with_an_address_leaves_the_table_as_it_is() -> None:
    of = service()
    within = scope(of, HEADLESS)
    pods = behind(endpoint())
    first = nds.build(view(within, keyed((of, behind(endpoint())), (HEADLESS, pods))))

    assert nds.build(view(within, keyed((of, behind(endpoint("10.5.5.5"))), (HEADLESS, pods)))) is first
    assert nds.build(view(within, keyed((HEADLESS, behind(endpoint("10.5.5.5")))))) is not first
