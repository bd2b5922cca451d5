"""Secrets as documents say them, and that no fault shows what is in them."""

import json
from typing import Any

from pilot.model.decoding import decode_value
from pilot.model.secret import ConfigMap, Secret
from tests.pilot.model.meshes import only
from tests.pilot.model.pems import secret


def test_data_is_decoded_and_text_wins() -> None:
    found = only(secret("ns", "a", cert="C", tls_crt="T", unknown="?") + "stringData: {cert: text}\n")
    assert (found.value("cert").reveal(), found.value("tls_crt").reveal()) == (b"text", b"T")
    assert found.value("key") is None
    assert "?" not in repr(found)
    assert "text" not in repr(found)


def faults(value: Any, kind: type[Secret] | type[ConfigMap]) -> str:
    """What is said about a document that cannot be used."""
    found, wrong = decode_value({"metadata": {"name": "a"}, **json.loads(json.dumps(value))}, kind)
    assert found is None
    return " ".join(each.message for each in wrong)


def test_faults_do_not_show_values() -> None:
    assert faults({"data": "hidden"}, Secret) == "expected a mapping, got a string"
    assert faults({"data": {"tls.key": "hidden!"}}, Secret) == "expected base64"
    assert faults({"data": {"tls.key": 5}}, Secret) == "expected a string, got a number or boolean"
    assert faults({"stringData": {"key": ["hidden"]}}, Secret) == "expected a string, got a list"
    assert faults({"data": ["hidden"]}, ConfigMap) == "expected a mapping, got a list"
