from typing import Any

import pytest

from pilot.generators.routes.domains import domains_of, service_domains, short_names
from pilot.model.features import Features
from pilot.model.service import Alias, Hostname, Namespace, Resolution, Service
from pilot.view.proxy import Traits
from tests.pilot.generators.samples import entry, service
from tests.pilot.generators.worlds import traits

HOST = "reviews.default.svc.cluster.local"


def names(made: Service, port: int = 0, proxy: Traits | None = None, **features: Any) -> tuple[str, ...]:
    return service_domains(made, port, proxy or traits(), Features(**features)).names


def test_clients_of_the_same_namespace_have_the_shortest_name() -> None:
    assert names(service()) == (
        HOST, f"{HOST}.", "reviews", "reviews.default.svc", "reviews.default", "10.0.0.1"
    )  # fmt: skip


def test_clients_of_other_namespaces_say_the_namespace() -> None:
    foreign = traits(namespace="other", domain="other.svc.cluster.local")

    assert names(service(), proxy=foreign) == (HOST, f"{HOST}.", "reviews.default", "reviews.default.svc", "10.0.0.1")


def test_names_with_a_final_dot_can_be_turned_off_and_addresses_have_none() -> None:
    assert f"{HOST}." not in names(service(), absolute_fqdn_domains=False)
    assert names(entry("1.2.3.4", address="1.2.3.4")) == ("1.2.3.4",)


def test_with_a_port_every_name_has_both_forms() -> None:
    assert names(entry(), 8080) == (
        "api.example.com",
        "api.example.com:8080",
        "api.example.com.",
        "api.example.com.:8080",
    )


def test_aliases_are_names_of_the_service() -> None:
    made = names(service(aliases=(Alias(Namespace("other"), Hostname("old.other.svc.cluster.local")),)))

    assert {"old.other.svc.cluster.local", "old.other.svc.cluster.local.", "old.other", "old.other.svc"} <= set(made)


def test_pods_of_a_headless_service_have_names_below_its() -> None:
    made = names(service(resolution=Resolution.PASSTHROUGH, address="0.0.0.0"))

    assert {f"*.{HOST}", "*.reviews", "*.reviews.default"} <= set(made)
    assert "0.0.0.0" not in made
    assert not [name for name in names(entry(resolution=Resolution.PASSTHROUGH)) if name.startswith("*")]


def test_addresses_are_written_as_in_urls() -> None:
    assert names(service(address="fd00::1"))[-1] == "[fd00::1]"
    assert names(entry(address="192.0.2.0/24"))[-1] == "192.0.2.0/24"


@pytest.mark.parametrize(
    ("host", "domain", "short"),
    [
        ("a.b.example.com", "example.com", ["a.b", "a.b.example"]),
        ("a.example.com", "example.com", ["a"]),
        ("a.b.c.example.com", "example.com", ["a.b.c"]),
        ("a.example.org", "example.com", []),
        ("example.com", "example.com", []),
        ("*.example.com", "example.com", []),
        ("a.example.com", "", []),
        ("*.default.svc.cluster.local", "default.svc.cluster.local", []),
        ("api.example.com", "default.svc.cluster.local", []),
    ],
)
def test_short_names_are_what_the_search_list_completes(host: str, domain: str, short: list[str]) -> None:
    assert list(short_names(host, domain)) == short


def test_domains_are_folded_for_comparison() -> None:
    made = domains_of(("A.b", "c"))

    assert made.names == ("A.b", "c")
    assert made.folded == {"a.b", "c"}
    assert service_domains(service(), 0, traits(), Features()).short == {
        "reviews", "reviews.default", "reviews.default.svc"
    }  # fmt: skip
