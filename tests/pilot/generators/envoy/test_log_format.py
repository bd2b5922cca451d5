"""What a line of an access log holds. Source: xDS behaviour 4.7."""

from typing import Any

import pytest
from google.protobuf import json_format

from pilot.generators.envoy.log_format import JSON, TEXT, mesh_format, provider_format
from pilot.model.extension_provider import FileAccessLog, LogFormat
from pilot.view.proxy import Flavour
from tests.pilot.generators.worlds import mesh_config

IN_JSON = "accessLogEncoding: JSON"


def of_provider(name: str, provider: FileAccessLog, mesh: str = "") -> Any:
    return json_format.MessageToDict(provider_format(name, provider, mesh_config(mesh), Flavour()))


def test_only_the_built_in_provider_follows_the_meshs_format() -> None:
    bare = FileAccessLog("/a")
    assert of_provider("envoy", bare, IN_JSON)["jsonFormat"] == JSON
    assert of_provider("mine", bare, IN_JSON) == {"textFormatSource": {"inlineString": TEXT}}


def test_a_provider_has_text_or_labels_of_its_own() -> None:
    text = FileAccessLog("/a", LogFormat("%PROTOCOL%"), omit_empty_values=True)
    assert of_provider("mine", text) == {"textFormatSource": {"inlineString": "%PROTOCOL%\n"}, "omitEmptyValues": True}
    labels = FileAccessLog("/a", LogFormat("", {"a": "%PROTOCOL%"}))
    assert of_provider("envoy", labels) == {"jsonFormat": {"a": "%PROTOCOL%"}, "jsonFormatOptions": {}}


@pytest.mark.parametrize("broken", ["100%", "%req%"])
def test_what_envoy_would_refuse_gives_way_to_the_default(broken: str) -> None:
    made = mesh_format(mesh_config(f"accessLogFormat: '{broken}'"), Flavour())
    assert made.text_format_source.inline_string == TEXT


def test_no_labels_are_the_usual_ones_and_the_meshs_format_is_for_who_says_nothing() -> None:
    assert of_provider("mine", FileAccessLog("/a", LogFormat("", {})))["jsonFormat"] == JSON
    made = of_provider("envoy", FileAccessLog("/a", omit_empty_values=True), "accessLogEncoding: JSON")
    assert made == {"textFormatSource": {"inlineString": TEXT}, "omitEmptyValues": True}


def test_labels_that_envoy_would_refuse_give_way_to_the_default_and_null_is_a_value() -> None:
    assert of_provider("mine", FileAccessLog("/a", LogFormat("", {"a": "100%"})))["jsonFormat"] == JSON
    assert of_provider("mine", FileAccessLog("/a", LogFormat("", {"a": None})))["jsonFormat"] == {"a": None}
