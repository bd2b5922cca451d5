"""The injector's ConfigMap."""

import pytest

from webhook.injection.configuration import parse_config, parse_templates, parse_values
from webhook.injection.errors import ConfigurationError

TEXT = """
policy: disabled
defaultTemplates: [a]
aliases: {both: [a, b]}
templates: {a: "x: {{ env `N` `none` }}", b: ""}
neverInjectSelector: [{matchLabels: {x: "y"}}]
alwaysInjectSelector: []
injectedAnnotations: {k: v}
"""


def test_a_configuration_is_read() -> None:
    config = parse_config(TEXT, {"N": "1"})
    assert (config.policy, config.default_templates, config.aliases) == ("disabled", ("a",), {"both": ("a", "b")})
    assert config.templates["a"].render({}) == "x: 1"
    assert config.never_inject_selector == ({"matchLabels": {"x": "y"}},)
    assert config.injected_annotations == {"k": "v"}


def test_the_default_template_is_the_sidecar() -> None:
    assert parse_config("policy: enabled").default_templates == ("sidecar",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "injector configuration: no YAML"),
        ("[]", "expected a mapping"),
        ("templates: {bad: '{{ if }}'}", "template 'bad': template: inject:1: missing value for if"),
        ("templates: {bad: '{{ now }}'}", 'function "now" not defined'),
        ("defaultTemplates: x", "defaultTemplates: expected a list"),
        ("neverInjectSelector: x", "neverInjectSelector: expected a list"),
        ("neverInjectSelector: [{matchExpressions: [{key: a, operator: Near}]}]", "no operator"),
    ],
)
def test_a_bad_configuration_is_refused_as_a_whole(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_config(text)


def test_values_are_json_or_yaml_with_floats() -> None:
    assert repr(parse_values('{"a": [1, true]}')) == "{'a': [1.0, True]}"
    assert parse_values("") == {}
    with pytest.raises(ConfigurationError, match="values: expected a mapping"):
        parse_values("3")


def test_templates_can_be_parsed_alone() -> None:
    assert parse_templates({"x": "{{ toLower `A` }}"})["x"].render({}) == "a"
