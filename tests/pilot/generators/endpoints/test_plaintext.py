from pilot.generators.endpoints.plaintext import plaintext_of
from pilot.model.peer_authentication import MtlsMode
from pilot.model.peer_authentications import PeerAuthentications, WorkloadPolicy
from pilot.resources import Origin

WEB = {"app": "web"}


def policy(mode: MtlsMode, **ports: MtlsMode) -> WorkloadPolicy:
    numbers = {int(port.removeprefix("p")): each for port, each in ports.items()}
    return WorkloadPolicy(Origin("PeerAuthentication", "a", "b"), WEB, mode, numbers)


def test_nobody_disables_mutual_tls_by_default() -> None:
    assert not plaintext_of(PeerAuthentications(), "a").wanted_by(WEB, 80)


def test_a_namespace_or_the_mesh_disables_it_for_all() -> None:
    of_mesh = PeerAuthentications(mesh=MtlsMode.DISABLE, namespaces={"b": MtlsMode.STRICT})

    assert plaintext_of(of_mesh, "a").wanted_by({}, 80)
    assert not plaintext_of(of_mesh, "b").wanted_by({}, 80)


def test_a_workload_disables_it_for_itself_and_a_port_says_otherwise() -> None:
    said = PeerAuthentications(workloads={"a": (policy(MtlsMode.DISABLE, p90=MtlsMode.STRICT, p91=MtlsMode.UNSET),)})
    found = plaintext_of(said, "a")

    assert (found.wanted_by(WEB, 80), found.wanted_by(WEB, 90), found.wanted_by(WEB, 91)) == (True, False, True)
    assert not found.wanted_by({"app": "other"}, 80)


def test_an_unset_mode_is_that_of_the_namespace() -> None:
    said = PeerAuthentications(
        namespaces={"a": MtlsMode.DISABLE}, workloads={"a": (policy(MtlsMode.UNSET), policy(MtlsMode.STRICT))}
    )

    assert plaintext_of(said, "a").wanted_by(WEB, 80)


def test_policies_that_disable_nothing_are_all_the_same() -> None:
    strict = PeerAuthentications(namespaces={"a": MtlsMode.STRICT}, workloads={"a": (policy(MtlsMode.PERMISSIVE),)})

    assert plaintext_of(strict, "a") is plaintext_of(PeerAuthentications(), "a")
