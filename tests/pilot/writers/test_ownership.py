"""Whose Gateways are whose."""

from pilot.writers.ownership import is_ours, own_tags
from webhook.configurations import Endpoint, build_default_validation, build_tag

PROD = build_tag("prod", "canary", {})
DEFAULT = build_tag("default", "canary", {})
VALIDATOR = build_default_validation("canary", Endpoint())


def test_a_revision_answers_to_its_tags() -> None:
    assert own_tags("canary", [PROD], []) == {"canary", "prod"}
    assert own_tags("other", [PROD], []) == {"other"}
    assert own_tags("", [PROD], []) == {"default"}


def test_who_asks_for_nobody_belongs_to_the_tag_default_else_to_the_validators_revision() -> None:
    assert "default" in own_tags("canary", [DEFAULT], [])
    assert "default" in own_tags("canary", [], [VALIDATOR])
    assert "default" not in own_tags("canary", [build_tag("default", "other", {})], [VALIDATOR])


def test_the_label_of_an_object_wins_over_that_of_its_namespace() -> None:
    tags = frozenset(("canary",))
    assert is_ours({"istio.io/rev": "canary"}, {"istio.io/rev": "other"}, tags)
    assert not is_ours({}, {"istio.io/rev": "other"}, tags)
    assert is_ours({}, {"istio.io/rev": "canary"}, tags)
    assert not is_ours({}, {}, tags)
    assert is_ours({}, None, tags)
