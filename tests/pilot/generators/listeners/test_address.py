from google.protobuf import json_format

from pilot.generators.listeners.address import additional, listen_on, listener_name


def test_listeners_are_named_after_where_they_listen() -> None:
    assert listener_name("0.0.0.0", 80) == "0.0.0.0_80"
    assert listener_name("unix:///a/b", 80) == "unix:///a/b_0"


def test_addresses_are_sockets_or_pipes() -> None:
    assert json_format.MessageToDict(listen_on("::", 80)) == {"socketAddress": {"address": "::", "portValue": 80}}
    assert json_format.MessageToDict(listen_on("unix:///a/b", 0)) == {"pipe": {"path": "/a/b"}}
    assert [json_format.MessageToDict(each) for each in additional(("::",), 80)] == [
        {"address": {"socketAddress": {"address": "::", "portValue": 80}}}
    ]
