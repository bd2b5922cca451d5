from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors

from pilot.generators.envoy.wire import Extension, embed, embed_all, extension, supported, text
from pilot.view.proxy import Flavour


def test_pieces_put_together_parse_as_the_message() -> None:
    filters = [Filter(name="a").SerializeToString(), Filter(name="b" * 300).SerializeToString()]
    parsed = FilterChain.FromString(text(7, "chain") + embed_all(3, filters))

    assert parsed == FilterChain(name="chain", filters=[Filter(name="a"), Filter(name="b" * 300)])


def test_an_empty_string_is_left_out_and_an_empty_message_is_not() -> None:
    assert text(7, "") == b""
    assert FilterChain.FromString(embed(1, b"")).HasField("filter_chain_match")


def test_an_extension_names_the_type_that_a_proxy_must_have() -> None:
    made = extension("envoy.filters.http.cors", Cors())

    assert made.url == "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors"
    assert Filter.FromString(made.body).typed_config.type_url == made.url


def test_extensions_that_a_stock_envoy_does_not_list_are_left_out() -> None:
    known, unknown = Extension("a", "type.googleapis.com/x.Known", b""), Extension("b", "x.Unknown", b"")

    assert supported([known, None, unknown], Flavour(frozenset({"x.Known"}))) == (known,)
    assert supported([known, None, unknown], Flavour()) == (known, unknown)


def test_what_keeps_others_out_is_never_left_out() -> None:
    needed = extension("envoy.filters.http.cors", Cors(), required=True)

    assert supported([needed], Flavour(frozenset())) == (needed,)
