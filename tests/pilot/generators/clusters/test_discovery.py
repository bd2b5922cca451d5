from dataclasses import replace

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from pilot.generators.clusters import discovery
from pilot.model.features import Features
from pilot.model.service import Resolution
from pilot.view.proxy import Flavour, IpMode
from tests.pilot.generators.samples import HTTP, as_json, context, entry, service


@pytest.mark.parametrize(
    ("resolution", "kind"),
    [
        (Resolution.CLIENT_SIDE, Cluster.EDS),
        (Resolution.DNS, Cluster.STRICT_DNS),
        (Resolution.DNS_ROUND_ROBIN, Cluster.LOGICAL_DNS),
        (Resolution.PASSTHROUGH, Cluster.ORIGINAL_DST),
    ],
)
def test_the_resolution_of_a_service_decides(resolution: Resolution, kind: int) -> None:
    assert discovery.discovery_type(service(resolution=resolution), context()) == kind


def test_names_that_stand_for_others_have_no_cluster() -> None:
    assert not discovery.has_cluster(service(resolution=Resolution.ALIAS))
    assert not discovery.has_cluster(entry(resolution=Resolution.DYNAMIC_DNS))
    assert discovery.has_cluster(service())
    assert discovery.is_dns(entry())
    assert not discovery.is_dns(service())


def test_names_are_resolved_with_the_meshs_settings() -> None:
    made = as_json(Cluster(**discovery.dns_fields(context())))

    assert made["typedDnsResolverConfig"]["typedConfig"]["udpMaxQueries"] == 100
    del made["typedDnsResolverConfig"]
    assert made == {
        "dnsLookupFamily": "V4_ONLY",
        "dnsRefreshRate": "60s",
        "dnsJitter": "0.100s",
        "respectDnsTtl": True,
    }


def test_a_resolver_that_the_proxy_lacks_is_left_out() -> None:
    lacking = context(flavour=Flavour(frozenset(), (1, 40, 0)))

    assert "typed_dns_resolver_config" not in discovery.dns_fields(lacking)


@pytest.mark.parametrize(
    ("mode", "dual", "family"),
    [
        (IpMode.V4, True, Cluster.V4_ONLY),
        (IpMode.V6, False, Cluster.V6_ONLY),
        (IpMode.DUAL, False, Cluster.V4_ONLY),
        (IpMode.DUAL, True, Cluster.ALL),
    ],
)
def test_the_family_of_addresses_follows_the_proxy(mode: IpMode, dual: bool, family: int) -> None:
    made = discovery.dns_fields(context(ip_mode=mode, features=Features(dual_stack=dual)))

    assert made["dns_lookup_family"] == family


def test_only_an_entrys_number_overrides_the_port() -> None:
    assert discovery.original_dst_fields(entry(), HTTP)["original_dst_lb_config"].upstream_port_override.value == 8080
    assert discovery.original_dst_fields(service(), HTTP) == {}
    assert discovery.original_dst_fields(entry(), replace(HTTP, target_port="web")) == {}
