from pilot.generators.clusters.context import context_of
from pilot.view.proxy import Flavour, ProxyKind
from tests.pilot.generators.samples import STOCK, scope, traits, view


def test_proxies_of_other_namespaces_share_a_context() -> None:
    one = context_of(view(scope(), traits=traits(namespace="a")))

    assert context_of(view(scope(), traits=traits(namespace="b"))) is one
    assert context_of(view(scope(), traits=traits(kind=ProxyKind.ROUTER))) is not one


def test_tunnels_need_a_proxy_that_knows_their_socket() -> None:
    lacking = Flavour(frozenset(), (1, 40, 0))

    assert context_of(view(scope(), traits=traits(sends_hbone=True))).tunnels
    assert context_of(view(scope(), traits=traits(sends_hbone=True, flavour=STOCK))).tunnels
    assert not context_of(view(scope(), traits=traits(sends_hbone=True, flavour=lacking))).tunnels
    assert not context_of(view(scope(), traits=traits())).tunnels


def test_the_nodes_own_proxy_config_says_whether_the_case_of_headers_is_kept() -> None:
    plain = view(scope())
    said = {"proxyHeaders": {"preserveHttp1HeaderCase": True}}
    keeping = view(scope(), proxy_config=said)

    assert not context_of(plain).preserve_case
    assert context_of(keeping).preserve_case


def test_metadata_is_exchanged_by_istios_envoy_and_gateways_do_not_sniff() -> None:
    made = context_of(view(scope(), traits=traits(kind=ProxyKind.ROUTER, flavour=STOCK)))

    assert made.is_router
    assert not made.exchanges_metadata
    assert context_of(view(scope())).exchanges_metadata
