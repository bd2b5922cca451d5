"""The table of kinds, and that no field of Istio's own schemas is missing from the structs."""

from typing import Any

import pytest
import yaml
from msgspec import inspect

from pilot.sources.kinds import KINDS, kinds_of_group, split_api_version
from tests.shared import shared_path


def test_an_api_version_has_a_group_and_a_version() -> None:
    assert split_api_version("networking.istio.io/v1") == ("networking.istio.io", "v1")
    assert split_api_version("v1") == ("", "v1")


def test_every_kind_has_its_own_key() -> None:
    assert len({kind.struct.KIND for kind in KINDS.values()}) == len(KINDS)


def test_only_what_people_write_is_strict() -> None:
    assert {kind.name for kind in KINDS.values() if not kind.strict and "gateway" not in kind.group} == {
        "Namespace", "Node", "Service", "Endpoints", "Pod", "ServiceAccount", "EndpointSlice", "Ingress",
        "IngressClass", "Secret", "ConfigMap", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding",
        "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ServiceExport", "ServiceImport",
    }  # fmt: skip
    assert {kind.name for kind in KINDS.values() if not kind.namespaced} == {
        "Namespace", "Node", "IngressClass", "ClusterRole", "ClusterRoleBinding", "GatewayClass",
        "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
    }  # fmt: skip


def test_api_versions_read_as_in_documents() -> None:
    assert KINDS["networking.istio.io", "Gateway"].api_versions == (
        "networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3",
    )  # fmt: skip
    assert KINDS["", "Pod"].api_versions == ("v1",)
    assert "PeerAuthentication" in kinds_of_group("security.istio.io")
    assert kinds_of_group("example.com") == ()


OLD_SPELLINGS = {"mirror_percent", "jwks_uri"}
"""Accepted as another spelling of a field that is there."""


def differences(schema: dict[str, Any], type_: inspect.Type, path: str) -> list[str]:
    """Where a struct and a schema are not the same."""
    match type_:
        case inspect.UnionType(types=types):
            return differences(schema, next(each for each in types if not isinstance(each, inspect.NoneType)), path)
        case inspect.StructType(fields=fields) if "properties" in schema:
            types_ = {each.encode_name: each.type for each in fields}
            names = schema["properties"].keys() - OLD_SPELLINGS
            found = [f"{path}: only one side has {name}" for name in names ^ types_.keys()]
            for name in names & types_.keys():
                found += differences(schema["properties"][name], types_[name], f"{path}.{name}")
            return found
        case inspect.VarTupleType(item_type=item) if "items" in schema:
            return differences(schema["items"], item, path + "[]")
        case inspect.DictType(value_type=item) if "additionalProperties" in schema:
            return differences(schema["additionalProperties"], item, path + "{}")
        case inspect.EnumType(cls=enum) if "enum" in schema:
            return [] if {each.value for each in enum} == set(schema["enum"]) else [f"{path}: other choices"]
    plain = {
        "string": inspect.StrType | inspect.CustomType,
        "integer": inspect.IntType,
        "boolean": inspect.BoolType,
        "number": inspect.FloatType,
        "object": inspect.StructType | inspect.DictType,  # any JSON, where the schema says nothing of it
    }
    same = isinstance(type_, plain[schema["type"]]) and "enum" not in schema
    return [] if same else [f"{path}: {schema['type']} is {type(type_).__name__}"]


@pytest.mark.shared
def test_no_field_of_istios_schemas_is_missing_and_none_is_invented() -> None:
    found = []
    compared = 0
    for document in yaml.load_all(shared_path("data", "crds", "istio-1.29.1.yaml").read_text(), yaml.CSafeLoader):
        spec = (document or {}).get("spec", {})
        kind = KINDS.get((spec.get("group", "-"), spec.get("names", {}).get("kind", "-")))
        if kind is None:
            continue
        compared += 1
        assert set(kind.versions) == {version["name"] for version in spec["versions"]}
        schema = spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        struct = inspect.type_info(kind.struct)
        assert isinstance(struct, inspect.StructType)
        found += differences(schema, next(f.type for f in struct.fields if f.name == "spec"), kind.name)
    assert not found, found
    assert compared == len([kind for kind in KINDS.values() if kind.strict])
