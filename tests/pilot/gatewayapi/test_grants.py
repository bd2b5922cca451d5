"""Which references are permitted."""

from pilot.gatewayapi.grants import Grants, Referrer, build
from pilot.gatewayapi.policy import GrantFrom, GrantTo, ReferenceGrant, ReferenceGrantSpec
from pilot.model.objects import Metadata

ROUTE = Referrer("HTTPRoute", "app")


def grants(*targets: GrantTo) -> Grants:
    """HTTPRoutes of app may refer to these objects of other."""
    source = GrantFrom(group="gateway.networking.k8s.io", kind="HTTPRoute", namespace="app")
    spec = ReferenceGrantSpec(from_=(source,), to=targets)
    return build([ReferenceGrant(metadata=Metadata(name="g", namespace="other"), spec=spec)])


def test_within_a_namespace_everything_is_permitted() -> None:
    assert Grants().permits(ROUTE, "app", "", "Service", "web")
    assert not Grants().permits(ROUTE, "other", "", "Service", "web")


def test_a_grant_names_objects_or_a_whole_kind() -> None:
    named = grants(GrantTo(kind="Service", name="web"))
    assert named.permits(ROUTE, "other", "", "Service", "web")
    assert named.permits(ROUTE, "other", "core", "Service", "web")
    assert not named.permits(ROUTE, "other", "", "Service", "else")
    assert not named.permits(ROUTE, "third", "", "Service", "web")
    assert grants(GrantTo(kind="Service")).permits(ROUTE, "other", "", "Service", "any")


def test_a_grant_is_for_one_kind_and_namespace() -> None:
    known = grants(GrantTo(group="core", kind="Service"))
    assert known.permits(ROUTE, "other", "", "Service", "web")
    assert not known.permits(Referrer("GRPCRoute", "app"), "other", "", "Service", "web")
    assert not known.permits(Referrer("HTTPRoute", "third"), "other", "", "Service", "web")
    assert not known.permits(Referrer("HTTPRoute", "app", "example.com"), "other", "", "Service", "web")
    assert not known.permits(ROUTE, "other", "", "Secret", "web")
