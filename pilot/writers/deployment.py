"""What is deployed for one Gateway: the injector's templates, run for it, with its operators' overlays on top.

In: a Gateway as its API server has it, what it stands for, the injector's installation, overlays. Out: objects:
ServiceAccount, Deployment, Service, and what overlays ask for beside. Pure. Source: Kubernetes controllers 9.1, 9.3.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pilot.gatewayapi.classes import EAST_WEST_CONTROLLER, GATEWAY_CONTROLLER, MESH_CONTROLLER
from pilot.gatewayapi.listeners import ACCOUNT, NAME_OVERRIDE
from pilot.model.policy_attachment import GATEWAY_NAME
from pilot.model.waypoint import MANAGED
from webhook.gotemplate.errors import TemplateError
from webhook.gotemplate.values import TypedMap
from webhook.injection import parameters, strategic_merge, yaml_text
from webhook.injection.errors import InjectionError
from webhook.injection.inject import Installation
from webhook.injection.mesh import effective_proxy_config
from webhook.injection.messages import Message
from webhook.injection.pod_object import Record, Struct

Json = dict[str, Any]

PREFIX: Final = "gateway.networking.k8s.io/"
OLD_NAME_LABEL: Final = "istio.io/gateway-name"
CONTROLLER_VERSION: Final = "gateway.istio.io/controller-version"
SERVICE_TYPE: Final = "networking.istio.io/service-type"
NEVER_COPIED: Final = frozenset(
    ("kubectl.kubernetes.io/last-applied-configuration", NAME_OVERRIDE, ACCOUNT, CONTROLLER_VERSION)
)
DATAPLANE: Final = "istio.io/dataplane-mode"
STATUS_PORT: Final = 15021
OVERLAYS: Final[Mapping[str, str]] = {
    "deployment": "Deployment",
    "service": "Service",
    "serviceAccount": "ServiceAccount",
    "horizontalPodAutoscaler": "HorizontalPodAutoscaler",
    "podDisruptionBudget": "PodDisruptionBudget",
}
"""Kinds by key of a ConfigMap."""
ON_DEMAND: Final = frozenset(("HorizontalPodAutoscaler", "PodDisruptionBudget"))


class DeploymentError(Exception):
    """Nothing can be deployed for a Gateway, for a reason its owner can do something about."""


@dataclass(frozen=True, slots=True)
class Role:
    """How Gateways of a controller are deployed."""

    template: str
    service_type: str
    has_suffix: bool


ROLES: Final[Mapping[str, Role]] = {
    GATEWAY_CONTROLLER: Role("kube-gateway", "LoadBalancer", True),
    MESH_CONTROLLER: Role("waypoint", "ClusterIP", False),
    EAST_WEST_CONTROLLER: Role("waypoint", "LoadBalancer", False),
}
"""By controller."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What deployments depend on beside their Gateway."""

    installation: Installation
    cluster_id: str = "Kubernetes"
    kubernetes: int = 131
    """Version of the API server: 131 is 1.31."""
    ambient: bool = False
    copies_metadata: bool = True
    namespace_annotations: Mapping[str, str] = field(default_factory=dict)
    proxy_configs: tuple[Mapping[str, Any], ...] = ()
    more_listeners: tuple[Mapping[str, Any], ...] = ()
    """Of accepted listener sets, as the Gateway's own."""
    selector_label: str = GATEWAY_NAME
    """The one that an existing Deployment selects its pods by: it cannot be changed."""
    overlays: tuple[Mapping[str, str], ...] = ()
    """Data of ConfigMaps, in their order."""


def names(gateway: Mapping[str, Any], controller: str) -> tuple[str, str]:
    """Names of the Deployment and Service, and of the ServiceAccount."""
    metadata = gateway["metadata"]
    annotations = metadata.get("annotations") or {}
    suffix = f"-{gateway['spec']['gatewayClassName']}" if ROLES[controller].has_suffix else ""
    name = str(annotations.get(NAME_OVERRIDE) or f"{metadata['name']}{suffix}")
    return name, str(annotations.get(ACCOUNT) or name)


def build(gateway: Mapping[str, Any], controller: str, controller_name: str, around: Circumstances) -> tuple[Json, ...]:
    """The objects. `controller`: by role, `controller_name`: as it is called here. Raises: DeploymentError."""
    role = ROLES[controller]
    template = around.installation.config.templates.get(role.template)
    if template is None:
        raise DeploymentError(f"the injector has no template {role.template!r}")
    try:
        text = template.render(_data(gateway, controller, controller_name, around))
        documents = [each for each in yaml_text.load_all(text) if isinstance(each, dict)]
    except (TemplateError, ValueError) as error:
        raise DeploymentError(f"template {role.template!r}: {error}") from error
    asked = {key for overlay in around.overlays for key in overlay}
    unknown = asked - OVERLAYS.keys()
    if unknown:
        raise DeploymentError(f"parameters: expected keys {', '.join(OVERLAYS)}, got {', '.join(sorted(unknown))}")
    wanted = {OVERLAYS[key] for key in asked}
    return tuple(
        _finished(each, gateway, controller_name, around)
        for each in documents
        if each.get("kind") in OVERLAYS.values() and (each["kind"] not in ON_DEMAND or each["kind"] in wanted)
    )


def _finished(made: Json, gateway: Mapping[str, Any], controller_name: str, around: Circumstances) -> Json:
    """With overlays, in its place, marked as ours."""
    identity = _identity(made)
    for overlay in around.overlays:
        for key, text in overlay.items():
            if OVERLAYS[key] == made["kind"]:
                made = _patched(made, key, text)
    namespace = gateway["metadata"].get("namespace")
    if _identity(made) != identity or made["metadata"].get("namespace", namespace) != namespace:
        raise DeploymentError("parameters: name, namespace and owner cannot be changed")
    labels = {**(made["metadata"].get("labels") or {}), MANAGED: controller_name.replace("/", "-")}
    return {**made, "metadata": {**made["metadata"], "namespace": namespace, "labels": labels}}


def _patched(made: Json, key: str, text: str) -> Json:
    try:
        patch = yaml_text.load(text)
        if not isinstance(patch, dict):
            raise ValueError(f"expected an object, got {type(patch).__name__}")
        return strategic_merge.merge(made, patch, made["kind"])
    except (ValueError, InjectionError) as error:
        raise DeploymentError(f"parameters: {key}: {error}") from error


def _identity(made: Mapping[str, Any]) -> tuple[Any, ...]:
    metadata = made["metadata"]
    return made.get("kind"), metadata.get("name"), metadata.get("namespace"), metadata.get("ownerReferences")


# --- what templates see ---------------------------------------------------------------------------------------------


def _data(gateway: Mapping[str, Any], controller: str, controller_name: str, around: Circumstances) -> Record:
    metadata, spec, there = gateway["metadata"], gateway["spec"], around.installation
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    name, account = names(gateway, controller)
    namespace = str(metadata.get("namespace") or "")
    own = {"annotations": annotations, "labels": labels}
    config = effective_proxy_config(there.mesh, namespace, own, around.proxy_configs)
    user = group = parameters.DEFAULT_ID
    if there.platform == "openshift":
        user, group = parameters.openshift_ids(around.namespace_annotations)
    return Record(
        "gateway",
        Name=metadata["name"],
        Namespace=namespace,
        UID=metadata.get("uid", ""),
        DeploymentName=name,
        ServiceAccount=account,
        GatewayClass=spec["gatewayClassName"],
        GatewayNameLabel=around.selector_label,
        ControllerLabel=controller_name.replace("/", "-"),
        KubeVersion=around.kubernetes,
        ClusterID=around.cluster_id,
        InfrastructureLabels=TypedMap(_labels(gateway, controller, around)),
        InfrastructureAnnotations=TypedMap(_copied(gateway, "annotations", around)),
        ServiceType=annotations.get(SERVICE_TYPE) or ROLES[controller].service_type,
        Ports=[Record("port", **each) for each in ports((*(spec.get("listeners") or ()), *around.more_listeners))],
        Spec=Record("spec", Addresses=[_address(each) for each in spec.get("addresses") or ()]),
        ObjectMeta=Struct(dict(metadata), "ObjectMeta"),
        Values=there.values,
        ProxyConfig=Message(dict(config), "ProxyConfig"),
        MeshConfig=Message(dict(there.mesh.settings), "MeshConfig"),
        ProxyImage=parameters.proxy_image(there.values, config, annotations),
        ProxyUID=user,
        ProxyGID=group,
        Revision=there.revision,
        CompliancePolicy=there.compliance_policy,
    )


def _address(value: Mapping[str, Any]) -> Record:
    return Record("address", Value=value.get("value", ""), Type=value.get("type", ""))


def ports(listeners: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Of the Service: the proxy's own, then one for each port that listeners have."""
    yield {"Name": "status-port", "Port": STATUS_PORT, "AppProtocol": "tcp"}
    seen = {STATUS_PORT}
    for each in listeners:
        if each["port"] not in seen:
            seen.add(each["port"])
            name = str(each.get("name", "")).replace(".", "-")[:63]
            yield {"Name": name, "Port": each["port"], "AppProtocol": str(each.get("protocol", "")).lower()}


def _labels(gateway: Mapping[str, Any], controller: str, around: Circumstances) -> Mapping[str, str]:
    labels = dict(_copied(gateway, "labels", around))
    if around.ambient and controller == GATEWAY_CONTROLLER:
        labels.setdefault(DATAPLANE, "none")
    return labels


def _copied(gateway: Mapping[str, Any], what: str, around: Circumstances) -> Mapping[str, str]:
    """Labels or annotations that everything deployed has."""
    wanted = (gateway["spec"].get("infrastructure") or {}).get(what)
    if wanted is None:
        wanted = (gateway["metadata"].get(what) or {}) if around.copies_metadata else {}
    return {key: str(value) for key, value in wanted.items() if not key.startswith(PREFIX) and key not in NEVER_COPIED}
