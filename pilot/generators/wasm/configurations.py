"""The configurations of WasmPlugins: where the code is, how it is run, what it is told.

In: the plugins of a proxy, names. Out: extension configurations (ECDS). Istio's agent fetches the code and hands Envoy
a file; a stock Envoy has no such agent beside it, so that code from elsewhere stands in as the fail strategy says.
Source: xDS behaviour 7.2, appendix A.20.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from envoy.config.core.v3.base_pb2 import AsyncDataSource, DataSource, RemoteDataSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.extensions.wasm.v3.wasm_pb2 import EnvironmentVariables, FailurePolicy, PluginConfig, VmConfig
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import StringValue

from pilot.generators.envoy.packing import pack
from pilot.generators.wasm.filters import configuration_of, stand_in
from pilot.memo import memoized
from pilot.model.confidential import Confidential
from pilot.model.wasm_plugin import EnvValueSource, FailStrategy, PullPolicy
from pilot.model.wasm_plugins import CheckedPlugin
from pilot.resources import Resource, content_hash, resource
from pilot.type_urls import EXTENSION_CONFIG
from pilot.view.plugins import Plugins
from pilot.view.proxy import Flavour

_RUNTIME: Final = "envoy.wasm.runtime.v8"
_TIMEOUT: Final = Duration(seconds=30)
_NO_CLUSTER: Final = "_"
_POLICIES: Final = {
    FailStrategy.FAIL_CLOSE: FailurePolicy.FAIL_CLOSED,
    FailStrategy.FAIL_OPEN: FailurePolicy.FAIL_OPEN,
    FailStrategy.FAIL_RELOAD: FailurePolicy.FAIL_RELOAD,
}
_PULL_SECRET: Final = "ISTIO_META_WASM_IMAGE_PULL_SECRET"
_PULL_POLICY: Final = "ISTIO_META_WASM_IMAGE_PULL_POLICY"
_VERSION: Final = "ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION"
_EXPONENTS_FROM: Final = 1e21
_SCHEMES: Final = frozenset({"oci", "http", "https", "file"})


def build(plugins: Plugins, flavour: Flavour, names: frozenset[str]) -> tuple[Resource, ...]:
    """The configurations of plugins with these names, in the order of the plugins."""
    return tuple(
        _build(each, plugins.pull_secrets.get(each.resource_name), flavour.is_stock)
        for each in (*plugins.ordered, *plugins.others)
        if each.resource_name in names
    )


@memoized(size=8192)
def _build(plugin: CheckedPlugin, pull_secret: Confidential | None, is_stock: bool) -> Resource:
    url = _url(plugin.spec.url)
    if is_stock and not url.startswith("file:"):
        whole = stand_in(plugin)
    else:
        whole = configuration_of(plugin, _config(plugin, url, pull_secret))
    message = TypedExtensionConfig(name=plugin.resource_name, typed_config=pack(whole))
    return resource(EXTENSION_CONFIG, plugin.resource_name, message, (plugin.origin,))


def _config(plugin: CheckedPlugin, url: str, pull_secret: Confidential | None) -> Any:
    spec = plugin.spec
    told = AnyMessage()
    if spec.plugin_config:
        told = pack(StringValue(value=json_text(spec.plugin_config)))
    return PluginConfig(
        name=f"{plugin.key.namespace}.{plugin.key.name}",
        root_id=spec.plugin_name,
        configuration=told,
        failure_policy=_POLICIES[spec.fail_strategy],
        vm_config=VmConfig(
            runtime=_RUNTIME, code=_code(url, spec.sha256), environment_variables=_environment(plugin, pull_secret)
        ),
    )


def json_text(value: Mapping[str, object]) -> str:
    """JSON without spaces, keys in order; whole numbers have no point."""
    return json.dumps(_with_whole_numbers(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _with_whole_numbers(value: object) -> object:
    match value:
        case float() if value.is_integer() and abs(value) < _EXPONENTS_FROM:
            return int(value)
        case Mapping():
            return {key: _with_whole_numbers(each) for key, each in value.items()}
        case list() | tuple():
            return [_with_whole_numbers(each) for each in value]
    return value


def _url(written: str) -> str:
    """A place without a scheme is an image."""
    return written if urlsplit(written).scheme in _SCHEMES else f"oci://{written}"


def _code(url: str, sha256: str) -> Any:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return AsyncDataSource(local=DataSource(filename=parts.netloc + parts.path))
    uri = HttpUri(uri=url, cluster=_NO_CLUSTER, timeout=_TIMEOUT)
    return AsyncDataSource(remote=RemoteDataSource(http_uri=uri, sha256=sha256))


def _environment(plugin: CheckedPlugin, pull_secret: Confidential | None) -> Any:
    spec = plugin.spec
    values: dict[str, str] = {_VERSION: _version(plugin)}
    if spec.image_pull_policy is not PullPolicy.UNSPECIFIED_POLICY:
        values[_PULL_POLICY] = spec.image_pull_policy.value
    if spec.image_pull_secret:
        values[_PULL_SECRET] = pull_secret.reveal().decode(errors="replace") if pull_secret is not None else ""
    declared = spec.vm_config.env if spec.vm_config is not None else ()
    values.update({each.name: each.value for each in declared if each.value_from is EnvValueSource.INLINE})
    hosts = [each.name for each in declared if each.value_from is EnvValueSource.HOST]
    return EnvironmentVariables(key_values=values, host_env_keys=hosts)


def _version(plugin: CheckedPlugin) -> str:
    """What tells the agent that the object is another one; the same for one that only its status or labels changed."""
    return str(plugin.generation) if plugin.generation else content_hash(repr(plugin.spec).encode())
