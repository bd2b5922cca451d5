"""PeerAuthentication as decoded: whether servers want mutual TLS. Pure data."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from pilot.model.objects import Message, Object
from pilot.model.selectors import WorkloadSelector


class MtlsMode(StrEnum):
    """`PeerAuthentication.MutualTLS.Mode`; UNSET inherits."""

    UNSET = "UNSET"
    DISABLE = "DISABLE"
    PERMISSIVE = "PERMISSIVE"
    STRICT = "STRICT"


class MutualTLS(Message, frozen=True):
    """A mode."""

    mode: MtlsMode = MtlsMode.UNSET


class PeerAuthenticationSpec(Message, frozen=True):
    """`spec` of a PeerAuthentication; `port_level_mtls` by workload port, as text."""

    selector: WorkloadSelector | None = None
    mtls: MutualTLS | None = None
    port_level_mtls: Mapping[str, MutualTLS] | None = None


class PeerAuthentication(Object, frozen=True):
    """security.istio.io PeerAuthentication."""

    KIND: ClassVar[str] = "PeerAuthentication"

    spec: PeerAuthenticationSpec = PeerAuthenticationSpec()
