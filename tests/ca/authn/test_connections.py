from ca.authn.connections import Connection, Connections

MINE = Connection("10.0.0.1:5", ("spiffe://cluster.local/ns/a/sa/b",))


def test_call_finds_what_the_handshake_proved() -> None:
    connections = Connections()
    connections.add("unix:/run/x/1", MINE)
    assert connections.find("unix:/run/x/1") is MINE
    assert len(connections) == 1


def test_peer_that_did_not_come_through_the_secure_port_is_unknown() -> None:
    assert Connections().find("ipv4:10.0.0.1:5") is None
    assert Connections().find("ipv6:%5B::1%5D:5") is None


def test_connection_that_is_gone_is_still_not_a_plaintext_one() -> None:
    connections = Connections()
    connections.add("unix:/run/x/1", MINE)
    connections.remove("unix:/run/x/1")
    connections.remove("unix:/run/x/1")
    gone = connections.find("unix:/run/x/1")
    assert gone is not None
    assert gone.certificate_names == ()
