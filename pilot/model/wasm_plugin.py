"""WasmPlugin as decoded: code that proxies load and run in their filter chains. Pure data."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from pilot.model.objects import Int32, Message, Object, UInt32
from pilot.model.policy_target import PolicyTargetReference
from pilot.model.selectors import WorkloadSelector
from pilot.model.telemetry import WorkloadMode


class PullPolicy(StrEnum):
    """When an image is fetched again."""

    UNSPECIFIED_POLICY = "UNSPECIFIED_POLICY"
    IfNotPresent = "IfNotPresent"
    Always = "Always"


class PluginPhase(StrEnum):
    """Where in the chain a plugin stands."""

    UNSPECIFIED_PHASE = "UNSPECIFIED_PHASE"
    AUTHN = "AUTHN"
    AUTHZ = "AUTHZ"
    STATS = "STATS"


class PluginType(StrEnum):
    """What a plugin filters."""

    UNSPECIFIED_PLUGIN_TYPE = "UNSPECIFIED_PLUGIN_TYPE"
    HTTP = "HTTP"
    NETWORK = "NETWORK"


class FailStrategy(StrEnum):
    """What becomes of traffic when the code cannot be had or fails."""

    FAIL_CLOSE = "FAIL_CLOSE"
    FAIL_OPEN = "FAIL_OPEN"
    FAIL_RELOAD = "FAIL_RELOAD"


class EnvValueSource(StrEnum):
    """Where the value of a variable comes from."""

    INLINE = "INLINE"
    HOST = "HOST"


class EnvVar(Message, frozen=True):
    """A variable of the code's environment."""

    name: str = ""
    value_from: EnvValueSource = EnvValueSource.INLINE
    value: str = ""


class VmConfig(Message, frozen=True):
    """The virtual machine of the code."""

    env: tuple[EnvVar, ...] = ()


class PortSelector(Message, frozen=True):
    """A port."""

    number: UInt32 = 0


class TrafficMode(StrEnum):
    """`WorkloadMode`: of which side traffic is."""

    UNDEFINED = "UNDEFINED"
    CLIENT = "CLIENT"
    SERVER = "SERVER"
    CLIENT_AND_SERVER = "CLIENT_AND_SERVER"

    def covers(self, mode: WorkloadMode) -> bool:
        """Whether traffic of one side is meant; where none is named, both are."""
        return self.value in (mode.value, TrafficMode.UNDEFINED, TrafficMode.CLIENT_AND_SERVER)


class TrafficSelector(Message, frozen=True):
    """Traffic on one side, on some ports; none: on all."""

    mode: TrafficMode = TrafficMode.CLIENT_AND_SERVER
    ports: tuple[PortSelector, ...] = ()


class WasmPluginSpec(Message, frozen=True):
    """`spec` of a WasmPlugin; `url` is an image, a file or a place on the web."""

    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    url: str = ""
    sha256: str = ""
    image_pull_policy: PullPolicy = PullPolicy.UNSPECIFIED_POLICY
    image_pull_secret: str = ""
    verification_key: str = ""
    """Not used by Istio."""
    plugin_config: Mapping[str, object] | None = None
    plugin_name: str = ""
    phase: PluginPhase = PluginPhase.UNSPECIFIED_PHASE
    priority: Int32 | None = None
    fail_strategy: FailStrategy = FailStrategy.FAIL_CLOSE
    vm_config: VmConfig | None = None
    match: tuple[TrafficSelector, ...] = ()
    type: PluginType = PluginType.UNSPECIFIED_PLUGIN_TYPE


class WasmPlugin(Object, frozen=True):
    """extensions.istio.io WasmPlugin."""

    KIND: ClassVar[str] = "WasmPlugin"

    spec: WasmPluginSpec = WasmPluginSpec()
