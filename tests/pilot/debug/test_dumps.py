"""What a proxy is to have, as Envoy's dump; and that no key ever leaves."""

import base64
import json
from typing import Any

import pytest
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.extensions.filters.http.wasm.v3.wasm_pb2 import Wasm
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from pilot.debug import dumps
from pilot.debug.console import Answer, Later, Question
from pilot.debug.dumps import Dumps
from pilot.debug.proxies import ProxyPages, Streams
from pilot.resources import resource, resource_set
from pilot.type_urls import CLUSTER, EXTENSION_CONFIG, LISTENER, ROUTE, SECRET
from tests.pilot.debug.worlds import bookinfo, connections

PROXY = {"proxyID": "productpage-v1-a.default"}


def pages() -> Dumps:
    mesh = bookinfo()
    return Dumps(mesh, ProxyPages(mesh, Streams(lambda: connections(mesh))))


def made(**query: str) -> Any:
    later = pages().config_dump(Question(PROXY | query))
    assert isinstance(later, Later)
    return later.make()


def test_sections_come_in_order_with_endpoints_on_demand() -> None:
    types = [each["@type"].rpartition(".")[2].removesuffix("ConfigDump") for each in made()["configs"]]
    assert types == ["Bootstrap", "Clusters", "Listeners", "ScopedRoutes", "Routes", "Secrets", "Ecds"]
    assert "Endpoints" in made(include_eds="")["configs"][2]["@type"]


def test_types_are_chosen() -> None:
    found = made(types="lds,rds")["configs"]
    assert {each["@type"] for each in found} == {LISTENER, ROUTE}
    assert made(types="sds") == {}


@pytest.mark.parametrize(("query", "status"), [({"proxyID": "x"}, 404), ({}, 400), ({**PROXY, "types": "xyz"}, 400)])
def test_questions_without_an_answer(query: dict[str, str], status: int) -> None:
    found = pages().config_dump(Question(query))
    assert isinstance(found, Answer)
    assert found.status == status


def test_a_key_never_leaves() -> None:
    secret = Secret(name="cert")
    secret.tls_certificate.private_key.inline_bytes = b"very private"
    secret.tls_certificate.certificate_chain.inline_bytes = b"public"
    other = Secret(name="token")
    other.generic_secret.secret.inline_string = "very private"
    held = {SECRET: resource_set([resource(SECRET, each.name, each) for each in (secret, other)])}
    told = json.dumps(dumps.as_json(dumps.sections(held)))
    assert "very private" not in told
    assert base64.b64encode(b"very private").decode() not in told
    assert base64.b64encode(b"[redacted]").decode() in told
    assert base64.b64encode(b"public").decode() in told


def test_credentials_of_plugins_never_leave() -> None:
    plugin, extension = Wasm(), TypedExtensionConfig(name="p")
    values = plugin.config.vm_config.environment_variables.key_values
    values["ISTIO_META_WASM_IMAGE_PULL_SECRET"], values["MODE"] = "private", "fast"
    extension.typed_config.Pack(plugin)
    held = {EXTENSION_CONFIG: resource_set([resource(EXTENSION_CONFIG, "p", extension)])}
    told = json.dumps(dumps.as_json(dumps.sections(held)))
    assert "fast" in told
    assert "private" not in told


def test_every_cluster_is_in_the_dump() -> None:
    names = [each["cluster"]["name"] for each in made()["configs"][1]["dynamicActiveClusters"]]
    assert "outbound|9080||reviews.default.svc.cluster.local" in names
    assert made()["configs"][1]["dynamicActiveClusters"][0]["cluster"]["@type"] == CLUSTER
