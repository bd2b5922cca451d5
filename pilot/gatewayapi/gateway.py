"""Gateways, their classes and listener sets as decoded. Pure data; `listeners.py` says what they mean."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import field

from pilot.model.objects import Fragment, Object
from pilot.model.selectors import LabelSelector

GROUP = "gateway.networking.k8s.io"


class GatewayClassSpec(Fragment, frozen=True):
    """`spec` of a GatewayClass."""

    controller_name: str = ""


class GatewayClass(Object, frozen=True):
    """gateway.networking.k8s.io GatewayClass: who serves the Gateways that name it."""

    KIND: ClassVar[str] = "GatewayClass"

    spec: GatewayClassSpec = GatewayClassSpec()


class ObjectReference(Fragment, frozen=True):
    """Points to an object; an empty namespace means the one of who points."""

    group: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""


class SecretReference(Fragment, frozen=True):
    """Points to an object that is a Secret unless said otherwise."""

    group: str = ""
    kind: str = "Secret"
    name: str = ""
    namespace: str = ""


class Validation(Fragment, frozen=True):
    """Whose clients are trusted."""

    ca_certificate_refs: tuple[ObjectReference, ...] = field(default=(), name="caCertificateRefs")


class ListenerTls(Fragment, frozen=True):
    """TLS at a listener."""

    mode: str = "Terminate"
    certificate_refs: tuple[SecretReference, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    frontend_validation: Validation | None = None


class RouteNamespaces(Fragment, frozen=True):
    """Which namespaces may attach: `from` is Same, All, Selector or None."""

    from_: str = "Same"
    selector: LabelSelector | None = None


class RouteKind(Fragment, frozen=True):
    """A kind of route."""

    group: str = GROUP
    kind: str = ""


class AllowedRoutes(Fragment, frozen=True):
    """What may attach to a listener."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: tuple[RouteKind, ...] = ()


class Listener(Fragment, frozen=True):
    """A port with one hostname; empty: every one."""

    name: str = ""
    hostname: str = ""
    port: int = 0
    protocol: str = ""
    tls: ListenerTls | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()


class GatewayAddress(Fragment, frozen=True):
    """Where a Gateway is reached; `type` is IPAddress, Hostname, or another controller's."""

    type: str = ""
    value: str = ""


class FrontendTls(Fragment, frozen=True):
    """What clients have to prove."""

    validation: Validation | None = None


class PortTls(Fragment, frozen=True):
    """The same for one port."""

    port: int = 0
    tls: FrontendTls = FrontendTls()


class Frontend(Fragment, frozen=True):
    """The client side of all listeners."""

    default: FrontendTls = FrontendTls()
    per_port: tuple[PortTls, ...] = ()


class GatewayTls(Fragment, frozen=True):
    """TLS of a Gateway as a whole."""

    frontend: Frontend | None = None


class AllowedListeners(Fragment, frozen=True):
    """Which namespaces may add listeners."""

    namespaces: RouteNamespaces = RouteNamespaces(from_="None")


class KubernetesGatewaySpec(Fragment, frozen=True):
    """`spec` of a Gateway."""

    gateway_class_name: str = ""
    listeners: tuple[Listener, ...] = ()
    addresses: tuple[GatewayAddress, ...] = ()
    tls: GatewayTls | None = None
    allowed_listeners: AllowedListeners = AllowedListeners()


class GatewayStatus(Fragment, frozen=True):
    """What its controller says of it."""

    addresses: tuple[GatewayAddress, ...] = ()


class KubernetesGateway(Object, frozen=True):
    """gateway.networking.k8s.io Gateway (Istio's is `Gateway`)."""

    KIND: ClassVar[str] = "KubernetesGateway"

    spec: KubernetesGatewaySpec = KubernetesGatewaySpec()
    status: GatewayStatus = GatewayStatus()


class ListenerSetSpec(Fragment, frozen=True):
    """`spec` of an XListenerSet."""

    parent_ref: ObjectReference = ObjectReference()
    listeners: tuple[Listener, ...] = ()


class ListenerSet(Object, frozen=True):
    """gateway.networking.x-k8s.io XListenerSet: more listeners for a Gateway."""

    KIND: ClassVar[str] = "XListenerSet"

    spec: ListenerSetSpec = ListenerSetSpec()
