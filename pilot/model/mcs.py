"""The Multi-Cluster Services API: which services other clusters may use, and their names in all of them.

In: a service of one cluster, the ServiceExport and ServiceImport of its name there. Out: the service, and with a
ServiceImport the same under `.svc.clusterset.local`, each with the clusters whose endpoints others may use. Off unless
switched on. Source: Kubernetes controllers behaviour 7.4.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from pilot.model.features import Features
from pilot.model.mesh_settings import MeshSettings, is_ip
from pilot.model.object_store import ObjectStore
from pilot.model.objects import Fragment, Object
from pilot.model.service import Hostname, Namespace, Resolution, Service

DOMAIN = "clusterset.local"
ServiceKey = tuple[Hostname, Namespace]


class ServiceExport(Object, frozen=True):
    """Endpoints of the Service of its name are for other clusters too."""

    KIND: ClassVar[str] = "ServiceExport"


class ServiceImportSpec(Fragment, frozen=True):
    """`spec`: virtual addresses, where there are any."""

    ips: tuple[str, ...] = ()


class ServiceImport(Object, frozen=True):
    """The Service of its name is one of all clusters."""

    KIND: ClassVar[str] = "ServiceImport"

    spec: ServiceImportSpec = ServiceImportSpec()


KINDS = frozenset((ServiceExport.KIND, ServiceImport.KIND))


def host_of(name: str, namespace: str) -> Hostname:
    """Its name in all clusters."""
    return Hostname(f"{name}.{namespace}.svc.{DOMAIN}")


def with_names_of_all(keys: frozenset[ServiceKey]) -> frozenset[ServiceKey]:
    """Services by their names in all clusters as well, should they have such."""
    names = ((host.partition(f".{namespace}.svc."), namespace) for host, namespace in keys)
    return keys | {(host_of(name, namespace), namespace) for (name, found, _), namespace in names if found}


def is_of_all(service: Service) -> bool:
    """Whether this is a service under its name in all clusters."""
    return service.is_kubernetes and service.hostname.endswith(f".svc.{DOMAIN}")


def is_for_own_cluster(service: Service, features: Features) -> bool:
    """Whether it is, by this name, for its own cluster only, exported or not."""
    return features.mcs_cluster_local and service.exported_from is not None and not is_of_all(service)


def services_of(service: Service, store: ObjectStore, settings: MeshSettings) -> Iterator[Service]:
    """What a Service of Kubernetes is, under which names."""
    features = settings.features
    if not features.mcs_discovery or service.resolution is Resolution.ALIAS:
        yield service
        return
    namespace, name = service.namespace, service.name
    is_exported = store.get(ServiceExport, namespace, name) is not None
    exported = frozenset({settings.cluster_id}) if is_exported else frozenset[str]()
    yield replace(service, exported_from=exported)
    addresses = vips_of(store.get(ServiceImport, namespace, name))
    if features.mcs_host and addresses:
        yield replace(
            service,
            hostname=host_of(name, namespace),
            address=addresses[0],
            cluster_vips={settings.cluster_id: addresses},
            exported_from=exported,
        )


def vips_of(imported: ServiceImport | None) -> tuple[str, ...]:
    """Virtual addresses that are such."""
    return tuple(each for each in imported.spec.ips if is_ip(each)) if imported is not None else ()
