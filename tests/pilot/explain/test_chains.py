from envoy.config.listener.v3.listener_pb2 import Listener

from pilot.explain.chains import Connection, find_chain
from tests.pilot.explain.worlds import message

LISTENER = {
    "filter_chains": [
        {"name": "port", "filter_chain_match": {"destination_port": 8080}},
        {"name": "wide", "filter_chain_match": {"prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]}},
        {"name": "near", "filter_chain_match": {"prefix_ranges": [{"address_prefix": "10.1.0.0", "prefix_len": 16}]}},
        {"name": "tls", "filter_chain_match": {"transport_protocol": "tls", "server_names": ["a.test"]}},
        {"name": "any tls", "filter_chain_match": {"transport_protocol": "tls", "server_names": ["*.test"]}},
        {"name": "http", "filter_chain_match": {"application_protocols": ["http/1.1"]}},
    ],
    "default_filter_chain": {"name": "default"},
}


def test_chains_are_chosen_as_envoy_chooses_them() -> None:
    listener = message(Listener, LISTENER)

    def name(connection: Connection) -> str:
        chain = find_chain(listener, connection)
        return str(chain.name) if chain is not None else ""

    assert name(Connection("10.1.0.1", 8080)) == "port"
    assert name(Connection("10.1.0.1", 80)) == "near"
    assert name(Connection("10.2.0.1", 80)) == "wide"
    assert name(Connection("1.1.1.1", 80, "a.test", True)) == "tls"
    assert name(Connection("1.1.1.1", 80, "b.test", True)) == "any tls"
    assert name(Connection("1.1.1.1", 80, "", False, ("http/1.1",))) == "http"
    assert name(Connection("1.1.1.1", 80)) == "default"


def test_without_a_chain_the_connection_is_closed() -> None:
    listener = message(Listener, {"filter_chains": LISTENER["filter_chains"]})
    assert find_chain(listener, Connection("no address", 80)) is None
