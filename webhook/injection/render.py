"""Templates meet a pod: which ones, what they are told, and what comes of them.

Comes in: a pod, an installation's configuration, what is known about the proxy. Goes out: the pod with all templates
laid over it, and what the templates alone made. Source: injection behaviour 2.4, 2.9.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from webhook.gotemplate.errors import TemplateError
from webhook.gotemplate.sprig.collections import copy
from webhook.injection import containers, normal_form, strategic_merge, yaml_text
from webhook.injection.configuration import InjectorConfig
from webhook.injection.errors import InjectionError, TemplateMissingError
from webhook.injection.messages import Message
from webhook.injection.owner import Owner
from webhook.injection.parameters import DEFAULT_ID
from webhook.injection.pod_object import Record, Struct

Json = dict[str, Any]

TEMPLATES: Final = "inject.istio.io/templates"


@dataclass(frozen=True, slots=True)
class Subject:
    """What templates are told besides the pod."""

    owner: Owner
    values: Mapping[str, Any]
    proxy_config: Mapping[str, Any]
    mesh: Mapping[str, Any]
    revision: str
    native_sidecar: bool
    proxy_image: str
    user: int = DEFAULT_ID
    group: int = DEFAULT_ID
    compliance_policy: str = ""


def select_templates(annotations: Mapping[str, str], config: InjectorConfig) -> list[str]:
    """Names of templates, aliases replaced by what they stand for."""
    asked = annotations.get(TEMPLATES)
    names = [each.strip() for each in asked.split(",")] if asked is not None else list(config.default_templates)
    return [name for each in names for name in config.aliases.get(each, (each,))]


def template_data(pod: Json, subject: Subject) -> Json:
    """What `.` is."""
    inbound = (subject.mesh.get("inboundTrafficPolicy") or {}).get("mode")
    owner = subject.owner
    return {
        "TypeMeta": Record("v1.TypeMeta", Kind=owner.kind, APIVersion=owner.api_version),
        "DeploymentMeta": Record("types.NamespacedName", Name=owner.name, Namespace=owner.namespace),
        "ObjectMeta": Struct(pod.get("metadata") or {}, "ObjectMeta"),
        "Spec": Struct(pod.get("spec") or {}, "PodSpec"),
        "ProxyConfig": Message(dict(subject.proxy_config), "ProxyConfig"),
        "MeshConfig": Message(dict(subject.mesh), "MeshConfig"),
        "Values": copy(subject.values),
        "Revision": subject.revision,
        "NativeSidecars": subject.native_sidecar,
        "ProxyImage": subject.proxy_image,
        "ProxyUID": subject.user,
        "ProxyGID": subject.group,
        "InboundTrafficPolicyMode": "localhost" if inbound == "LOCALHOST" else "passthrough",
        "CompliancePolicy": subject.compliance_policy,
    }


def run_templates(pod: Json, stripped: Json, config: InjectorConfig, subject: Subject) -> tuple[Json, Json]:
    """The pod with templates laid over it, and what they made of nothing; templates see the `stripped` pod.

    Raises: TemplateMissingError; InjectionError if a template fails or makes no pod.
    """
    merged, made = pod, dict[str, Any]()
    names = select_templates((pod.get("metadata") or {}).get("annotations") or {}, config)
    data = Record("inject.SidecarTemplateData", **template_data(stripped, subject))
    for name in names:
        template = config.templates.get(name)
        if template is None:
            known = ", ".join(sorted(config.templates))
            raise TemplateMissingError(f'requested template "{name}" not found; have {known}')
        try:
            overlay = parse_overlay(template.render(data))
        except (TemplateError, ValueError) as error:
            raise InjectionError(f"template {name!r}: {error}") from error
        normal_form.check(overlay, "Pod")
        made = strategic_merge.merge(made, overlay, "Pod")
        if containers.find((made.get("spec") or {}).get("initContainers"), containers.PROXY):
            merged = containers.move_proxy_to_initial(merged)
        merged = strategic_merge.merge(merged, overlay, "Pod")
    return merged, made


@lru_cache(maxsize=512)
def parse_overlay(text: str) -> Json:
    """The output of a template as data, which nobody may change: it is kept, for pods of one workload have the same.

    Raises: ValueError.
    """
    overlay = yaml_text.load(text)
    if overlay is None:
        return {}
    if not isinstance(overlay, dict):
        raise ValueError(f"expected an object, got {type(overlay).__name__}")
    return overlay
