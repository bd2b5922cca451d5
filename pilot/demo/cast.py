"""Who plays in the demo, read from its manifests: one actor for each Pod.

In: the directory of manifests. Out: actors with their addresses. Does not start anything.
"""

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass

from pilot.model.kubernetes import Pod
from pilot.model.sidecar import Sidecar
from pilot.sources.files import ConfigDirectory
from pilot.view.proxy import ProxyKind


class CastError(Exception):
    """Manifests that the demo cannot play."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A workload with its proxy, or a gateway, which is only a proxy."""

    pod: str
    namespace: str
    service_account: str
    labels: Mapping[str, str]
    address: str
    """Where its proxy takes calls."""
    egress: str = ""
    """Where its proxy takes the workload's own calls; empty for gateways."""
    socket: str = ""
    """Where its proxy finds the workload (`@name` or a path); empty for gateways."""

    @property
    def kind(self) -> ProxyKind:
        """A workload has a sidecar; without one the proxy is a gateway."""
        return ProxyKind.SIDECAR if self.socket else ProxyKind.ROUTER

    @property
    def name(self) -> str:
        """As proxies are called in every list."""
        return f"{self.pod}.{self.namespace}"


def read_cast(directory: pathlib.Path) -> tuple[Actor, ...]:
    """The actors of all Pods, gateways last: they have nobody to call before the others are there.

    Raises: CastError.
    """
    tree = ConfigDirectory(str(directory))
    try:
        batch = tree.apply(tree.read())
    except OSError as error:
        raise CastError(f"{directory}: {error.strerror}") from error
    if batch.problems:
        raise CastError("\n".join(map(str, batch.problems)))
    objects = [event.object for event in batch.events]
    sidecars = {(each.namespace, each.name): each for each in objects if isinstance(each, Sidecar)}
    pods = [each for each in objects if isinstance(each, Pod)]
    if not pods:
        raise CastError(f"{directory}: expected manifests with Pods, found none")
    actors = (_actor(pod, sidecars.get((pod.namespace, pod.name))) for pod in pods)
    return tuple(sorted(actors, key=lambda actor: (not actor.socket, actor.name)))


def _actor(pod: Pod, sidecar: Sidecar | None) -> Actor:
    """An actor from a Pod and the Sidecar of the same name."""
    common = (pod.name, pod.namespace, pod.spec.service_account_name, pod.metadata.labels, pod.status.pod_ip)
    if sidecar is None:
        return Actor(*common)
    if not sidecar.spec.ingress or not sidecar.spec.egress:
        raise CastError(f"{sidecar.key}: expected an ingress and an egress listener")
    socket = sidecar.spec.ingress[0].default_endpoint.removeprefix("unix://")
    return Actor(*common, egress=sidecar.spec.egress[0].bind, socket=socket)
