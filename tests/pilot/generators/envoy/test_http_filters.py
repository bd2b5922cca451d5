from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from istio_api.stats_pb2 import PluginConfig
from pilot.generators.envoy.http_filters import HttpChain, Side, Slot, build_http_filters
from pilot.generators.envoy.wire import Extension, extension
from pilot.view.proxy import Flavour

STOCK = Flavour(
    frozenset(
        {
            "envoy.extensions.filters.http.cors.v3.Cors",
            "envoy.extensions.filters.http.fault.v3.HTTPFault",
            "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig",
            "envoy.extensions.filters.http.router.v3.Router",
        }
    )
)


ISTIO = Flavour()
STATS = extension("istio.stats", PluginConfig())


def names(chain: HttpChain, flavour: Flavour = ISTIO, **extra: Extension) -> list[str]:
    slots = {Slot[name]: (each,) for name, each in extra.items()}
    return [each.name for each in build_http_filters(chain, flavour, slots)]


def test_a_sidecar_tells_the_protocol_by_alpn_on_its_way_out_only() -> None:
    common = ["envoy.filters.http.grpc_stats"]
    rest = ["envoy.filters.http.fault", "envoy.filters.http.cors", "envoy.filters.http.router"]

    assert names(HttpChain(Side.OUTBOUND)) == ["istio.metadata_exchange", *common, "istio.alpn", *rest]
    assert names(HttpChain(Side.INBOUND)) == ["istio.metadata_exchange", *common, *rest]


def test_statistics_and_sessions_stand_before_the_router() -> None:
    made = names(HttpChain(Side.GATEWAY, stats=STATS, stateful_session=True, grpc_web=True))

    assert made[-3:] == ["istio.stats", "envoy.filters.http.stateful_session", "envoy.filters.http.router"]
    assert made.index("envoy.filters.http.grpc_web") < made.index("envoy.filters.http.grpc_stats")


def test_filters_of_other_layers_come_by_slot() -> None:
    wasm, rbac = Extension("wasm", "w", b""), Extension("rbac", "r", b"")
    made = names(HttpChain(Side.INBOUND), WASM_STATS=wasm, AUTHORIZATION=rbac)

    assert made[:4] == ["istio.metadata_exchange", "rbac", "wasm", "envoy.filters.http.grpc_stats"]


def test_a_stock_envoy_gets_only_what_it_has() -> None:
    assert names(HttpChain(Side.OUTBOUND, stats=STATS), STOCK) == [
        "envoy.filters.http.grpc_stats",
        "envoy.filters.http.fault",
        "envoy.filters.http.cors",
        "envoy.filters.http.router",
    ]


def test_peer_headers_can_be_kept_inside_of_the_mesh() -> None:
    (first, *_) = build_http_filters(HttpChain(Side.OUTBOUND, in_mesh_only=True), Flavour())

    assert b"skip_external_clusters" in first.body
    assert (
        b"skip_external_clusters"
        not in build_http_filters(HttpChain(Side.INBOUND, in_mesh_only=True), Flavour())[0].body
    )


def test_debug_headers_can_be_turned_off() -> None:
    (*_, usual) = build_http_filters(HttpChain(Side.OUTBOUND), ISTIO)
    (*_, quiet) = build_http_filters(HttpChain(Side.OUTBOUND, suppress_debug_headers=True), ISTIO)

    assert Router.FromString(HttpFilter.FromString(usual.body).typed_config.value) == Router()
    assert Router.FromString(HttpFilter.FromString(quiet.body).typed_config.value).suppress_envoy_headers
