"""Everything that is wrong with an object, whatever its kind.

In: a decoded object. Out: findings, all of them. One function per kind, in the module of its name; what decides with
them: `sources/checks.py` (is it served?) and `admission.py` (does an API server take it?).
Source: CA behaviour 5.3, 5.4.
"""

from collections.abc import Iterator

from pilot.model.authorization_policy import AuthorizationPolicy
from pilot.model.declared_proxy_config import DeclaredProxyConfig
from pilot.model.destination_rule import DestinationRule
from pilot.model.envoy_filter import EnvoyFilter
from pilot.model.gateway import Gateway
from pilot.model.kubernetes import KubernetesService
from pilot.model.objects import Object
from pilot.model.peer_authentication import PeerAuthentication
from pilot.model.request_authentication import RequestAuthentication
from pilot.model.service_entry import ServiceEntry
from pilot.model.sidecar import Sidecar
from pilot.model.telemetry import Telemetry
from pilot.model.virtual_service import VirtualService
from pilot.model.wasm_plugin import WasmPlugin
from pilot.model.workload_entry import WorkloadEntry
from pilot.model.workload_group import WorkloadGroup
from pilot.validation import forms
from pilot.validation.authorization_policy import authorization_policy
from pilot.validation.destination_rule import destination_rule
from pilot.validation.endpoints import kubernetes_service
from pilot.validation.envoy_filter import envoy_filter
from pilot.validation.finding import Finding
from pilot.validation.gateway import gateway
from pilot.validation.gateway_api import gateway_api
from pilot.validation.peer_authentication import peer_authentication
from pilot.validation.proxy_config import proxy_config
from pilot.validation.request_authentication import request_authentication
from pilot.validation.service_entry import service_entry
from pilot.validation.sidecar import sidecar
from pilot.validation.telemetry import telemetry
from pilot.validation.virtual_service import virtual_service
from pilot.validation.wasm_plugin import wasm_plugin
from pilot.validation.workload_entry import workload_entry, workload_group


def find(checked: Object) -> Iterator[Finding]:
    """What is wrong with an object; of a kind without rules here only its annotations."""
    yield from forms.annotations(checked.metadata)
    yield from _of_kind(checked)


def _of_kind(checked: Object) -> Iterator[Finding]:
    match checked:
        case VirtualService():
            return virtual_service(checked)
        case DestinationRule():
            return destination_rule(checked)
        case Gateway():
            return gateway(checked)
        case ServiceEntry():
            return service_entry(checked)
        case WorkloadEntry():
            return workload_entry(checked)
        case WorkloadGroup():
            return workload_group(checked)
        case Sidecar():
            return sidecar(checked)
        case PeerAuthentication():
            return peer_authentication(checked)
        case RequestAuthentication():
            return request_authentication(checked)
        case AuthorizationPolicy():
            return authorization_policy(checked)
        case EnvoyFilter():
            return envoy_filter(checked)
        case WasmPlugin():
            return wasm_plugin(checked)
        case Telemetry():
            return telemetry(checked)
        case DeclaredProxyConfig():
            return proxy_config(checked)
        case KubernetesService():
            return kubernetes_service(checked)
    return gateway_api(checked)
