from tests.pilot.explain.worlds import told

STRICT = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: s, namespace: app}\nspec: {mtls: {mode: STRICT}}"  # noqa: E501
DENY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: d, namespace: app}
spec: {action: DENY, selector: {matchLabels: {app: web}}, rules: [{from: [{source: {principals: [cluster.local/ns/app/sa/caller]}}], to: [{operation: {methods: [POST]}}]}]}  # noqa: E501
"""  # noqa: E501
SPLIT = """
kind: DestinationRule
metadata: {name: web, namespace: app}
spec: {host: web, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
---
kind: VirtualService
metadata: {name: web, namespace: app}
spec: {hosts: [web], http: [{route: [{destination: {host: web, subset: v1}, weight: 75}, {destination: {host: web, subset: v2}, weight: 25}]}]}  # noqa: E501
"""  # noqa: E501


def test_a_request_reaches_the_server() -> None:
    found = told("http://web/")
    assert (found.allowed, found.outcome) == (True, "answered by app/web-1 at 10.1.0.1:8080")
    assert [each.what for each in found.steps] == [
        "address", "listener", "filter chain", "route", "cluster", "endpoints", "policies"]  # fmt: skip
    assert found.steps[0].objects == ("Service app/web",)


def test_policies_of_the_server_decide_by_who_the_client_is() -> None:
    assert told("http://web/", DENY, "caller", "POST").outcome == "403: denied by ns[app]-policy[d]-rule[0]"
    assert told("http://web/", DENY, "caller", "GET").allowed
    assert told("http://a.test/", DENY, "edge", "POST").allowed  # the gateway is somebody else


def test_a_gateway_is_asked_from_outside() -> None:
    found = told("http://a.test/", "", "edge")
    assert (found.allowed, found.steps[0].name) == (True, "the gateway:8080")
    assert told("http://b.test/", "", "edge").outcome == "404: no virtual host"
    assert told("http://a.test:81/", "", "edge").outcome.startswith("connection refused")


def test_every_share_of_requests_is_looked_at() -> None:
    found = told("http://web/", SPLIT)
    shares = [each.notes[0] for each in found.steps if each.what == "cluster"]
    assert shares == ["75% of requests", "25% of requests"]
    assert (found.allowed, found.outcome) == (False, "503 UH: there is no endpoint")


def test_strict_servers_take_mutual_tls_of_the_mesh() -> None:
    assert told("http://web/", STRICT).allowed


def test_what_the_mesh_does_not_know_goes_out_as_it_is() -> None:
    found = told("http://outside.test:8088/")
    assert (found.allowed, found.outcome) == (True, "sent as it is to outside.test:8088")
    assert "DNS decides" in found.steps[0].notes[0]
    assert told("https://outside.test/").allowed
    assert told("http://1.2.3.4:99/").allowed
