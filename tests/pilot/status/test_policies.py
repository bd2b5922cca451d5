"""Status of BackendTLSPolicies."""

import json
from typing import Any

from tests.pilot.gatewayapi.worlds import HTTP, route
from tests.pilot.model.pems import pair
from tests.pilot.status.worlds import brief, status

SERVICE = "\n---\n{kind: Service, metadata: {name: web, namespace: app}, spec: {ports: [{name: http, port: 80}]}}\n"
CALLS = route("HTTPRoute", "rules: [{backendRefs: [{name: web, port: 80}]}]")
_DATA = json.dumps({"ca.crt": pair("a")[0]})
ROOTS = f"\n---\n{{kind: ConfigMap, metadata: {{name: ca, namespace: app}}, data: {_DATA}}}\n"


def policy(
    reference: str = '{group: "", kind: ConfigMap, name: ca}', name: str = "p", target: str = "name: web"
) -> str:
    """A policy for a Service."""
    validation = f"{{hostname: a.com, caCertificateRefs: [{reference}]}}"
    spec = f'{{targetRefs: [{{group: "", kind: Service, {target}}}], validation: {validation}}}'
    return f"\n---\nkind: BackendTLSPolicy\nmetadata: {{name: {name}, namespace: app, generation: 2}}\nspec: {spec}\n"


def ancestors(*documents: str, name: str = "p") -> dict[str, dict[str, str]]:
    """Conditions by the kind of ancestor."""
    found: Any = status("BackendTLSPolicy", f"app/{name}", HTTP, SERVICE, CALLS, *documents)
    return {each["ancestorRef"]["kind"]: brief(each["conditions"]) for each in found["ancestors"]}


def test_services_and_the_gateways_that_call_them() -> None:
    good = {"Accepted": "True Accepted", "ResolvedRefs": "True ResolvedRefs"}
    assert ancestors(ROOTS, policy()) == {"Service": good, "Gateway": good}
    found: Any = status("BackendTLSPolicy", "app/p", HTTP, SERVICE, CALLS, ROOTS, policy())
    assert [each["controllerName"] for each in found["ancestors"]] == [
        "istio.io/mesh-controller",
        "istio.io/gateway-controller",
    ]
    assert found["ancestors"][0]["conditions"][0]["observedGeneration"] == 2


def test_roots_that_cannot_be_used() -> None:
    missing = {"Accepted": "False NoValidCACertificate", "ResolvedRefs": "False InvalidCACertificateRef"}
    assert ancestors(policy())["Gateway"] == missing
    kind = {"Accepted": "False NoValidCACertificate", "ResolvedRefs": "False InvalidKind"}
    assert ancestors(policy("{group: '', kind: Secret, name: ca}"))["Gateway"] == kind


def test_targets_that_are_not_there() -> None:
    assert ancestors(ROOTS, policy(target="name: nobody"))["Service"]["Accepted"] == "False TargetNotFound"
    assert ancestors(ROOTS, policy(target="name: web, sectionName: x"))["Service"]["Accepted"] == "False TargetNotFound"


def test_of_two_policies_for_a_target_the_older_counts() -> None:
    both = ROOTS, policy(name="a"), policy(name="b")
    assert ancestors(*both, name="a")["Gateway"]["Accepted"] == "True Accepted"
    assert ancestors(*both, name="b")["Gateway"]["Accepted"] == "False Conflicted"
    port = ROOTS, policy(name="a"), policy(name="b", target="name: web, sectionName: http")
    assert ancestors(*port, name="b")["Gateway"]["Accepted"] == "True Accepted"


def test_policies_about_retries_have_a_status_too() -> None:
    def said(name: str, *documents: str, **features: bool) -> Any:
        found: Any = status("XBackendTrafficPolicy", f"app/{name}", HTTP, SERVICE, CALLS, *documents, **features)
        return [brief(each["conditions"]) for each in found["ancestors"]] if found else None

    def traffic(name: str, spec: str = "retryConstraint: {}", target: str = "web") -> str:
        spec = f'{{targetRefs: [{{group: "", kind: Service, name: {target}}}], {spec}}}'
        version = "apiVersion: gateway.networking.x-k8s.io/v1alpha1"
        return (
            f"\n---\n{version}\nkind: XBackendTrafficPolicy\nmetadata: {{name: {name}, namespace: app}}\nspec: {spec}\n"
        )

    both = traffic("a"), traffic("b"), traffic("s", "sessionPersistence: {sessionName: x}")
    assert said("a", *both) == [{"Accepted": "True Accepted"}, {"Accepted": "True Accepted"}]
    assert said("b", *both) == [{"Accepted": "False Conflicted"}, {"Accepted": "False Conflicted"}]
    assert said("s", *both) == [{"Accepted": "True Accepted"}, {"Accepted": "True Accepted"}]
    assert said("c", traffic("c", target="nobody")) == [{"Accepted": "False TargetNotFound"}]
    assert said("a", *both, alpha_gateway_api=False) is None
