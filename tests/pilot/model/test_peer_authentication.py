from pilot.model.decoding import decode_value
from pilot.model.peer_authentication import MtlsMode, MutualTLS, PeerAuthentication
from pilot.model.selectors import WorkloadSelector


def test_every_field_of_a_peer_authentication_arrives() -> None:
    value = {
        "metadata": {"name": "a", "namespace": "b"},
        "spec": {
            "selector": {"matchLabels": {"app": "x"}},
            "mtls": {"mode": "STRICT"},
            "portLevelMtls": {"8080": {"mode": "DISABLE"}, "8081": {}},
        },
    }
    policy, faults = decode_value(value, PeerAuthentication)
    assert faults == ()
    assert policy is not None
    assert policy.spec.selector == WorkloadSelector(match_labels={"app": "x"})
    assert policy.spec.mtls == MutualTLS(mode=MtlsMode.STRICT)
    assert policy.spec.port_level_mtls == {"8080": MutualTLS(mode=MtlsMode.DISABLE), "8081": MutualTLS()}


def test_a_mode_that_is_not_given_is_unset() -> None:
    assert MutualTLS().mode is MtlsMode.UNSET
    assert PeerAuthentication().spec.mtls is None
