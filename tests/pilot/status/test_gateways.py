"""Status of Gateways, listeners and listener sets."""

from typing import Any

from tests.pilot.gatewayapi.worlds import OPEN, gateway, route
from tests.pilot.model.pems import pair, secret, tls_secret
from tests.pilot.status.worlds import brief, served, status

SET = """
---
kind: XListenerSet
metadata: {name: more, namespace: app}
spec: {parentRef: {name: main, namespace: gws}, listeners: [{name: own, port: 81, protocol: HTTP}]}
"""
ALLOWED = "allowedListeners: {namespaces: {from: All}}"


def listeners(declared: str, *documents: str, **features: Any) -> dict[str, dict[str, str]]:
    """Conditions by name of the listener."""
    found = status("KubernetesGateway", "gws/main", gateway(declared), *documents, **features)
    return {each["name"]: brief(each["conditions"]) for each in found["listeners"]}


def https(reference: str) -> str:
    """A listener with this certificate."""
    return f"[{{name: tls, port: 443, protocol: HTTPS, tls: {{certificateRefs: [{reference}]}}}}]"


def test_a_good_listener() -> None:
    assert listeners("[{name: http, port: 80, protocol: HTTP}]")["http"] == {
        "Accepted": "True Accepted",
        "Conflicted": "False NoConflicts",
        "Programmed": "True Programmed",
        "ResolvedRefs": "True ResolvedRefs",
    }


def test_certificates_that_cannot_be_used() -> None:
    def reason(reference: str, *documents: str) -> str:
        found = listeners(https(reference), *documents)["tls"]
        assert found["Accepted"] == "True Accepted"
        assert found["Programmed"] == "False Invalid"
        return found["ResolvedRefs"]

    assert reason("{name: missing}") == "False InvalidCertificateRef"
    assert reason("{kind: Bucket, name: b}") == "False InvalidCertificateRef"
    assert reason("{group: example.com, name: b}") == "False InvalidCertificateRef"
    assert reason("{name: c, namespace: app}", tls_secret("app", "c")) == "False RefNotPermitted"
    wrong_key = secret("gws", "c", tls_crt=pair("a")[0], tls_key=pair("b")[1])
    assert reason("{name: c}", wrong_key) == "False InvalidCertificateRef"
    malformed = secret("gws", "c", tls_crt="nothing", tls_key="nothing")
    assert reason("{name: c}", malformed) == "False InvalidCertificateRef"


def test_one_bad_certificate_of_two_is_told_and_the_other_served() -> None:
    found = listeners(https("{name: missing}, {name: c}"), tls_secret("gws", "c"))["tls"]
    assert found["ResolvedRefs"] == "False InvalidCertificateRef"
    assert found["Programmed"] == "True Programmed"


GRANT = """
---
kind: ReferenceGrant
metadata: {name: g, namespace: app}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: FROM}]
  to: [{group: "", kind: Secret NAME}]
"""


def test_grants_open_secrets_of_other_namespaces() -> None:
    def resolved(grant: str) -> str:
        return listeners(https("{name: c, namespace: app}"), tls_secret("app", "c"), grant)["tls"]["ResolvedRefs"]

    assert resolved(GRANT.replace("FROM", "gws").replace("NAME", "")) == "True ResolvedRefs"
    assert resolved(GRANT.replace("FROM", "gws").replace("NAME", ", name: c")) == "True ResolvedRefs"
    assert resolved(GRANT.replace("FROM", "gws").replace("NAME", ", name: other")) == "False RefNotPermitted"
    assert resolved(GRANT.replace("FROM", "other").replace("NAME", "")) == "False RefNotPermitted"


def test_kinds_of_routes() -> None:
    def kinds(declared: str) -> tuple[list[str], str]:
        one = f"[{{name: a, port: 80, protocol: HTTP, allowedRoutes: {{kinds: {declared}}}}}]"
        (found,) = status("KubernetesGateway", "gws/main", gateway(one))["listeners"]
        return [each["kind"] for each in found["supportedKinds"]], brief(found["conditions"])["ResolvedRefs"]

    assert kinds("[]") == (["HTTPRoute", "GRPCRoute"], "True ResolvedRefs")
    assert kinds("[{kind: GRPCRoute}]") == (["GRPCRoute"], "True ResolvedRefs")
    assert kinds("[{kind: Unknown}]") == ([], "False InvalidRouteKinds")
    assert kinds("[{kind: HTTPRoute}, {kind: Unknown}]") == (["HTTPRoute"], "False InvalidRouteKinds")


def test_protocols_that_are_not_served() -> None:
    found = listeners("[{name: a, port: 80, protocol: NONE}, {name: b, port: 15008, protocol: HBONE}]")
    assert {each["Accepted"] for each in found.values()} == {"False UnsupportedProtocol"}
    assert {each["Programmed"] for each in found.values()} == {"False Invalid"}
    streams = "[{name: a, port: 80, protocol: TCP}]"
    assert listeners(streams)["a"]["Accepted"] == "True Accepted"
    assert listeners(streams, alpha_gateway_api=False)["a"]["Accepted"] == "False UnsupportedProtocol"


def test_a_port_that_cannot_be_is_not_served() -> None:
    found = listeners("[{name: a, port: 0, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}]")
    assert (found["a"]["Accepted"], found["a"]["Programmed"]) == ("False PortUnavailable", "False Invalid")
    assert found["b"]["Accepted"] == "True Accepted"


def test_a_gateway_without_a_good_listener_is_not_accepted() -> None:
    def accepted(declared: str) -> str:
        return brief(status("KubernetesGateway", "gws/main", gateway(declared), served())["conditions"])["Accepted"]

    assert accepted("[{name: a, port: 80, protocol: NONE}]") == "False ListenersNotValid"
    assert accepted("[{name: a, port: 80, protocol: NONE}, {name: b, port: 80, protocol: HTTP}]") == "True Accepted"
    assert accepted(https("{name: missing}")) == "True Accepted"


def test_listeners_that_contradict_each_other() -> None:
    found = listeners("[{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: TCP}]")
    for each in found.values():
        assert each["Conflicted"] == "True ProtocolConflict"
        assert each["Accepted"] == "False ProtocolConflict"
        assert each["Programmed"] == "False Invalid"


def test_addresses_of_other_types_are_refused() -> None:
    spec = "addresses: [{type: Hostname, value: a}, {type: example.com/x, value: b}]"
    declared = gateway("[{name: a, port: 80, protocol: HTTP}]", spec)
    found = brief(status("KubernetesGateway", "gws/main", declared, served("a"))["conditions"])
    assert found == {"Accepted": "False UnsupportedAddress", "Programmed": "True Programmed"}


def test_the_generation_that_was_seen() -> None:
    declared = gateway("[{name: a, port: 80, protocol: HTTP}]", metadata="generation: 4")
    found = status("KubernetesGateway", "gws/main", declared)
    seen = [each["observedGeneration"] for each in (*found["conditions"], *found["listeners"][0]["conditions"])]
    assert set(seen) == {4}


def test_gateways_of_other_controllers_are_their_business() -> None:
    theirs = "\n---\nkind: GatewayClass\nmetadata: {name: istio}\nspec: {controllerName: example.com/x}\n"
    assert status("KubernetesGateway", "gws/main", gateway("[]"), theirs) is None


def test_gateways_that_others_serve() -> None:
    declared = gateway("[{name: a, port: 15008, protocol: HBONE}]", "addresses: [{value: 1.2.3.4}]")
    found = status(
        "KubernetesGateway", "gws/main", declared.replace("gatewayClassName: istio", "gatewayClassName: istio-remote")
    )
    assert brief(found["conditions"]) == {"Accepted": "True Accepted", "Programmed": "True Programmed"}
    assert found["addresses"] == [{"type": "IPAddress", "value": "1.2.3.4"}]
    assert "listeners" not in found


def test_listener_sets() -> None:
    attached = route("HTTPRoute", "parentRefs: [{group: gateway.networking.x-k8s.io, kind: XListenerSet, name: more}]")
    own = gateway(f"[{{name: a, port: 80, protocol: HTTP, {OPEN}}}]", ALLOWED)
    documents = (own, SET, attached, served(port=80), served("other"))
    found = status("XListenerSet", "app/more", *documents)
    assert brief(found["conditions"])["Accepted"] == "True Accepted"
    (listener,) = found["listeners"]
    assert (listener["name"], listener["port"], listener["attachedRoutes"]) == ("own", 81, 1)
    conditions = brief(status("KubernetesGateway", "gws/main", *documents)["conditions"])
    assert conditions["AttachedListenerSets"] == "True ListenerSetsAttached"
    alone = brief(status("KubernetesGateway", "gws/main", own)["conditions"])
    assert alone["AttachedListenerSets"] == "False NoListenerSetsAttached"


def test_a_listener_set_that_may_not_attach() -> None:
    closed = gateway("[{name: a, port: 80, protocol: HTTP}]")
    found = status("XListenerSet", "app/more", closed, SET)
    assert brief(found["conditions"]) == {"Accepted": "False NotAllowed", "Programmed": "False NotAllowed"}
    assert "listeners" not in found


def test_an_older_listener_wins_over_a_set() -> None:
    taken = gateway("[{name: a, port: 81, protocol: HTTP}]", ALLOWED)
    found = status("XListenerSet", "app/more", taken, SET)
    assert brief(found["conditions"])["Accepted"] == "False ListenersNotValid"
    assert brief(found["listeners"][0]["conditions"])["Conflicted"] == "True HostnameConflict"
    own = status("KubernetesGateway", "gws/main", taken, SET)["listeners"][0]
    assert brief(own["conditions"])["Conflicted"] == "False NoConflicts"
