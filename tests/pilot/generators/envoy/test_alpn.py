import pytest

from pilot.generators.envoy import alpn
from pilot.generators.envoy.alpn import Speaks
from pilot.model.features import Features
from pilot.view.proxy import Flavour

ISTIO = Flavour()
STOCK = Flavour(frozenset({"envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"}), (1, 40, 0))
FEATURES = Features()


def test_istio_proxy_offers_peer_exchange_first() -> None:
    assert alpn.upstream_protocols(Speaks.HTTP1, FEATURES, ISTIO) == ("istio-peer-exchange", "istio")
    assert alpn.upstream_protocols(Speaks.HTTP2, FEATURES, ISTIO) == ("istio-peer-exchange", "istio", "h2")


@pytest.mark.parametrize("features", [Features(metadata_exchange=False), Features(mx_alpn=False)])
def test_peer_exchange_is_not_offered_where_it_is_switched_off(features: Features) -> None:
    assert alpn.upstream_protocols(Speaks.ANY, features, ISTIO) == ("istio",)
    assert alpn.downstream_protocols(http=False, features=features, flavour=ISTIO) == ("h2", "http/1.1")


@pytest.mark.parametrize(
    ("speaks", "first"),
    [
        (Speaks.HTTP1, "istio-http/1.1"),
        (Speaks.HTTP2, "istio-h2"),
        (Speaks.ANY, "istio-http/1.1"),
        (Speaks.TCP, "istio"),
    ],
)
def test_stock_envoy_says_in_its_list_what_istios_filter_would_say(speaks: Speaks, first: str) -> None:
    offered = alpn.upstream_protocols(speaks, FEATURES, STOCK)

    assert offered[0] == first
    assert "istio-peer-exchange" not in offered


def test_a_server_can_choose_the_version_only_if_it_is_known() -> None:
    server = set(alpn.downstream_protocols(http=True, features=FEATURES, flavour=STOCK))

    assert server & set(alpn.upstream_protocols(Speaks.HTTP1, FEATURES, STOCK)) == {"http/1.1"}
    assert server & set(alpn.upstream_protocols(Speaks.HTTP2, FEATURES, STOCK)) == {"h2"}
    assert not server & set(alpn.upstream_protocols(Speaks.ANY, FEATURES, STOCK))


def test_a_tcp_chain_accepts_peer_exchange_only_with_its_filter() -> None:
    assert "istio-peer-exchange" in alpn.downstream_protocols(http=False, features=FEATURES, flavour=ISTIO)
    assert "istio-peer-exchange" not in alpn.downstream_protocols(http=True, features=FEATURES, flavour=ISTIO)
    assert "istio-peer-exchange" not in alpn.downstream_protocols(http=False, features=FEATURES, flavour=STOCK)


def test_bytes_to_a_cluster_that_speaks_anything_override_the_protocol_on_stock_envoy_only() -> None:
    assert alpn.overrides_tcp(Speaks.ANY, STOCK) is alpn.TCP_OVERRIDE
    assert alpn.overrides_tcp(Speaks.TCP, STOCK) is None
    assert alpn.overrides_tcp(Speaks.ANY, ISTIO) is None
