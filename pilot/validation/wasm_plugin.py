"""WasmPlugin: code that proxies load, and where from.

In: a decoded object. Out: findings. Source: CA behaviour 5.4 (WasmPlugin).
"""

import re
from typing import Final
from urllib.parse import urlsplit

from pilot.model.decoding import Path, describe
from pilot.model.wasm_plugin import EnvValueSource, VmConfig, WasmPlugin
from pilot.validation import forms
from pilot.validation.finding import Finding, Findings, refused_if
from pilot.validation.syntax import port_fault

_SCHEMES: Final = ("", "file", "http", "https", "oci")
_DIGEST: Final = re.compile(r"[a-f0-9]{64}")
_LONGEST_SECRET: Final = 253
_LONGEST_NAME: Final = 256
_LONGEST_VALUE: Final = 2048


def wasm_plugin(checked: WasmPlugin) -> Findings:
    """Everything that is wrong with a WasmPlugin."""
    spec = checked.spec
    labels = spec.selector.match_labels if spec.selector is not None else None
    yield from forms.selector(labels, ("spec", "selector", "matchLabels"))
    yield from forms.targets(spec.target_refs, spec.target_ref, spec.selector is not None)
    yield from refused_if(("spec", "url"), url_fault(spec.url))
    if spec.sha256 and not _DIGEST.fullmatch(spec.sha256):
        yield Finding(("spec", "sha256"), f"expected 64 digits of 0-9 and a-f, got {describe(spec.sha256)}")
    for name, text, most in (
        ("imagePullSecret", spec.image_pull_secret, _LONGEST_SECRET),
        ("pluginName", spec.plugin_name, _LONGEST_NAME),
    ):
        if len(text) > most:
            yield Finding(("spec", name), f"expected {most} characters at most, got {len(text)}")
    if spec.vm_config is not None:
        yield from _environment(spec.vm_config)
    for index, match in enumerate(spec.match):
        for position, port in enumerate(match.ports):
            path: Path = ("spec", "match", index, "ports", position, "number")
            yield from refused_if(path, port_fault(port.number))


def url_fault(text: str) -> str | None:
    """Places that code is loaded from; without a scheme it is an image."""
    if not text:
        return "expected the place of an image or file, got nothing"
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        return f"expected a URL, got {describe(text)}"
    head, colon, rest = text.partition(":")
    is_host_with_port = bool(colon) and not rest.startswith("//") and ("." in head or rest[:1].isdigit())
    if scheme in _SCHEMES or is_host_with_port:
        return None
    return f"expected oci, http, https or file as the scheme, got {describe(scheme)}"


def _environment(config: VmConfig) -> Findings:
    names: set[str] = set()
    for index, variable in enumerate(config.env):
        path: Path = ("spec", "vmConfig", "env", index)
        if not variable.name or len(variable.name) > _LONGEST_NAME:
            yield Finding((*path, "name"), f"expected a name of 1 to {_LONGEST_NAME} characters")
        if variable.name in names:
            yield Finding((*path, "name"), f"expected every variable once, got {describe(variable.name)} again")
        names.add(variable.name)
        if variable.value and variable.value_from is not EnvValueSource.INLINE:
            yield Finding((*path, "value"), "expected nothing with valueFrom HOST: it comes from the proxy")
        if len(variable.value) > _LONGEST_VALUE:
            yield Finding((*path, "value"), f"expected {_LONGEST_VALUE} characters at most, got {len(variable.value)}")
