"""Where code comes from, and what it is told."""

import pytest

from pilot.model.wasm_plugin import WasmPlugin
from pilot.validation.wasm_plugin import url_fault
from tests.pilot.validation.samples import refused


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{}", "spec.url"),
        ("{url: a, sha256: ABC}", "spec.sha256"),
        (f"{{url: a, imagePullSecret: {'a' * 254}}}", "spec.imagePullSecret"),
        ("{url: a, vmConfig: {env: [{value: b}]}}", "spec.vmConfig.env[0].name"),
        ("{url: a, vmConfig: {env: [{name: b}, {name: b}]}}", "spec.vmConfig.env[1].name"),
        ("{url: a, vmConfig: {env: [{name: b, valueFrom: HOST, value: c}]}}", "spec.vmConfig.env[0].value"),
        ("{url: a, match: [{ports: [{number: 70000}]}]}", "spec.match[0].ports[0].number"),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(WasmPlugin, spec) == [field]


@pytest.mark.parametrize(
    ("url", "is_right"),
    [
        ("oci://a.b/c:1", True),
        ("reg.test/plug:2", True),
        ("reg.test:5000/plug:2", True),
        ("localhost:5000/plug", True),
        ("file:///x.wasm", True),
        ("gopher://a", False),
        ("http://[", False),
    ],
)
def test_code_comes_from_images_files_and_the_web(url: str, is_right: bool) -> None:
    assert (url_fault(url) is None) is is_right
