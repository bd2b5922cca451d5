"""Whose Gateways are whose."""

from pilot.model import revisions
from pilot.model.features import Features
from pilot.model.objects import Event
from pilot.model.revisions import Revisions
from pilot.model.snapshot import Snapshot
from tests.pilot.model.meshes import objects

TAGGED = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {{name: istio-revision-tag-{tag}, labels: {{istio.io/tag: {tag}, istio.io/rev: {revision}}}}}
"""
VALIDATOR = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: istiod-default-validator, labels: {istio.io/rev: canary}}
"""
SERVICE = """
kind: Service
metadata: {name: a, namespace: NAMESPACE, labels: {istio.io/tag: prod, istio.io/rev: canary}}
"""


def mesh(*texts: str, revision: str = "canary") -> Snapshot:
    features = Features(revision=revision, shares_cluster=True)
    made = objects("\n---\n".join(texts)) if texts else ()
    return Snapshot.empty(features=features).apply(Event(each.key, each) for each in made)[0]


def known(*texts: str, revision: str = "canary") -> Revisions:
    found = mesh("kind: Namespace\nmetadata: {name: a}", *texts, revision=revision).settings.revisions
    assert found is not None
    return found


def test_a_revision_answers_to_its_tags() -> None:
    prod = TAGGED.format(tag="prod", revision="canary")
    assert known(prod).own == {"canary", "prod"}
    assert known(prod, revision="other").own == {"other"}
    assert known(prod, revision="").own == {"default"}


def test_a_service_of_the_system_namespace_is_a_tag_too() -> None:
    assert "prod" in known(SERVICE.replace("NAMESPACE", "istio-system")).own
    assert "prod" not in known(SERVICE.replace("NAMESPACE", "shop")).own


def test_who_asks_for_nobody_belongs_to_the_tag_default_else_to_the_validators_revision() -> None:
    assert "default" in known(TAGGED.format(tag="default", revision="canary")).own
    assert "default" in known(VALIDATOR).own
    assert "default" not in known(TAGGED.format(tag="default", revision="other"), VALIDATOR).own


def test_the_revision_of_the_tag_default_is_the_default_one() -> None:
    assert known(TAGGED.format(tag="default", revision="other")).default == "other"
    assert known(TAGGED.format(tag="prod", revision="other")).default == ""


def test_the_label_of_an_object_wins_over_that_of_its_namespace() -> None:
    ours = Revisions(frozenset(("canary",)))
    assert ours.owns({"istio.io/rev": "canary"}, {"istio.io/rev": "other"})
    assert not ours.owns({"istio.io/rev": "other"}, {"istio.io/rev": "canary"})
    assert not ours.owns({}, {"istio.io/rev": "other"})
    assert ours.owns({}, {"istio.io/rev": "canary"})
    assert not ours.owns({}, {})
    assert ours.owns({}, None)


GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: edge, namespace: shop, annotations: {kubernetes.io/ingress.class: istio}}
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}}]}
"""
SHOP = "kind: Namespace\nmetadata: {name: shop, labels: {istio.io/rev: REVISION}}"


def test_gateways_and_ingresses_of_others_are_not_served_until_they_are_ours() -> None:
    theirs = mesh(GATEWAY, INGRESS, SHOP.replace("REVISION", "prod"))
    assert theirs.gateways == ()
    (moved,) = objects(TAGGED.format(tag="prod", revision="canary"))
    ours, change = theirs.apply((Event(moved.key, moved),))
    assert len(ours.gateways) == 2
    assert change.full
    (shop,) = objects(SHOP.replace("REVISION", "other"))
    assert ours.apply((Event(shop.key, shop),))[0].gateways == ()


def test_without_a_cluster_everything_is_ours() -> None:
    made = (*objects(GATEWAY), *objects(SHOP.replace("REVISION", "other")))
    alone = Snapshot.empty().apply(Event(each.key, each) for each in made)[0]
    assert alone.settings.revisions is None
    assert len(alone.gateways) == 1
    assert revisions.is_ours(made[0], alone.objects, None)
