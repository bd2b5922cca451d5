"""Kubernetes Ingress and IngressClass as far as a mesh serves them: pure data. What they mean: `ingress_routes.py`."""

from typing import ClassVar

from pilot.model.objects import Fragment, Object


class IngressClassSpec(Fragment, frozen=True):
    """`spec` of an IngressClass."""

    controller: str = ""


class IngressClass(Object, frozen=True):
    """networking.k8s.io IngressClass: who serves the Ingresses that name it."""

    KIND: ClassVar[str] = "IngressClass"

    spec: IngressClassSpec = IngressClassSpec()


class BackendPort(Fragment, frozen=True):
    """A port of a Service by name or number."""

    name: str = ""
    number: int = 0


class ServiceBackend(Fragment, frozen=True):
    """A Service of the namespace."""

    name: str = ""
    port: BackendPort = BackendPort()


class IngressBackend(Fragment, frozen=True):
    """Where requests go; None: something that is not a Service."""

    service: ServiceBackend | None = None


class IngressPath(Fragment, frozen=True):
    """Requests to a path; `path_type` is Exact, Prefix or ImplementationSpecific."""

    path: str = ""
    path_type: str = "ImplementationSpecific"
    backend: IngressBackend = IngressBackend()


class IngressHttp(Fragment, frozen=True):
    """The paths of a host."""

    paths: tuple[IngressPath, ...] = ()


class IngressRule(Fragment, frozen=True):
    """A host, empty for every one."""

    host: str = ""
    http: IngressHttp | None = None


class IngressTls(Fragment, frozen=True):
    """Hosts that share a certificate; none: every host."""

    hosts: tuple[str, ...] = ()
    secret_name: str = ""


class IngressSpec(Fragment, frozen=True):
    """`spec` of an Ingress."""

    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    rules: tuple[IngressRule, ...] = ()
    tls: tuple[IngressTls, ...] = ()


class Ingress(Object, frozen=True):
    """networking.k8s.io Ingress."""

    KIND: ClassVar[str] = "Ingress"

    spec: IngressSpec = IngressSpec()
