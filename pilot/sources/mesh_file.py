"""The mesh's own settings: MeshConfig and MeshNetworks from files, read once and then watched.

In: the files of `--meshConfig` and `--networksConfig`. Out: their values with built-in defaults where a file says
nothing. A file that breaks later changes nothing; one that is broken at the start is an error, because defaults could
let through what it forbids. A file that does not exist means defaults. Source: operations 13, 15; webhooks 11.1.
"""

import asyncio
import dataclasses
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from pilot.model.decoding import Fault, Path, Unknown, decode_value, path_text
from pilot.model.extension_provider import DEFAULT_PROVIDERS, ExtensionProvider
from pilot.model.mesh import MeshConfig
from pilot.model.mesh_networks import MeshNetworks
from pilot.model.problem import Problem, Severity
from pilot.sources.changes import POLL_SECONDS, watch_changes
from pilot.sources.file_tree import UnreadableFile, read_text
from pilot.sources.yaml_text import BrokenText, lines_of, parse_yaml
from pilot.validation.mesh_config import mesh_config
from pilot.validation.syntax import cidr_fault, host_fault, name_fault, port_fault

SETTLE_SECONDS = 0.15
"""As long as the file source waits for somebody who is writing."""
DEFAULT_MESH = MeshConfig()
DEFAULT_NETWORKS = MeshNetworks()

S = TypeVar("S", bound=Struct)


class MeshFileError(ValueError):
    """A mesh file is broken, and there is no earlier version of it to go on with."""


@dataclass(frozen=True, slots=True)
class MeshFiles:
    """What holds for the whole mesh."""

    mesh: MeshConfig = DEFAULT_MESH
    networks: MeshNetworks = DEFAULT_NETWORKS
    problems: tuple[Problem, ...] = ()
    """All that stand now. With an error in one of them, the last good value of its file is given."""

    @property
    def is_broken(self) -> bool:
        """Whether a file cannot be used as it is now."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)


def decode_mesh_config(text: str, file: str = "") -> tuple[MeshConfig | None, tuple[Problem, ...]]:
    """MeshConfig of YAML or JSON: defaults where nothing is said; None with the reasons if it cannot be used."""
    decoded, problems = _decode(text, file, MeshConfig, _mesh_faults)
    if decoded is None:
        return None, problems
    declared: dict[str, ExtensionProvider] = {}
    for each in decoded.extension_providers:  # the first of a name is the one that is found
        declared.setdefault(each.name, each)
    built_in = {each.name: each for each in DEFAULT_PROVIDERS}
    return replace(decoded, extension_providers=tuple((built_in | declared).values())), problems


def decode_mesh_networks(text: str, file: str = "") -> tuple[MeshNetworks | None, tuple[Problem, ...]]:
    """MeshNetworks of YAML or JSON; None with the reasons if it cannot be used."""
    return _decode(text, file, MeshNetworks, _network_faults)


def read_mesh_files(mesh: str, networks: str, last: MeshFiles | None = None) -> MeshFiles:
    """The settings as the files say now; `last`: what they said before. An empty file name: built-in defaults.

    Raises: MeshFileError where a file is broken and there is no `last`.
    """
    mesh_now = _read(mesh, decode_mesh_config, DEFAULT_MESH, last.mesh if last else None)
    networks_now = _read(networks, decode_mesh_networks, DEFAULT_NETWORKS, last.networks if last else None)
    return MeshFiles(mesh_now[0], networks_now[0], mesh_now[1] + networks_now[1])


async def watch_mesh_files(
    mesh: str = "", networks: str = "", *, settle: float = SETTLE_SECONDS, poll: float = POLL_SECONDS
) -> AsyncGenerator[MeshFiles, None]:
    """The mesh's settings: first as they are, then each time that they (or what is wrong with them) change.

    Ends after the defaults where no file is named. Raises: MeshFileError where a file is broken at the start.
    """
    directories = sorted({os.path.dirname(file) or "." for file in (mesh, networks) if file})
    if not directories:
        yield MeshFiles()
        return
    said: MeshFiles | None = None
    async with aclosing(watch_changes(*directories, recursive=False, poll=poll)) as reports:
        async for _ in reports:
            now = await asyncio.to_thread(read_mesh_files, mesh, networks, said)
            if said is not None and now.is_broken and now != said:  # perhaps only half written
                await asyncio.sleep(settle)
                now = await asyncio.to_thread(read_mesh_files, mesh, networks, said)
            if now != said:
                said = now
                yield now


def _read(
    file: str, decode: Callable[[str, str], tuple[S | None, tuple[Problem, ...]]], default: S, last: S | None
) -> tuple[S, tuple[Problem, ...]]:
    if not file:
        return default, ()
    value: S | None = None
    try:
        text, _ = read_text(file)
        value, problems = decode(text, file)
    except FileNotFoundError:
        if last is None or last is default:
            message = "does not exist: built-in defaults hold"
            return default, (Problem(message, None, file, severity=Severity.WARNING),)
        problems = (Problem("does not exist any more", None, file),)
    except UnreadableFile as error:
        problems = (Problem(str(error), None, file),)
    if value is not None:
        return (last if last is not None and value == last else value), problems  # identity stays with the value
    if last is None:
        raise MeshFileError("\n".join(map(str, problems)))
    return last, tuple(_last_good_stays(problem) for problem in problems)


def _last_good_stays(problem: Problem) -> Problem:
    if problem.severity is not Severity.ERROR:
        return problem
    return dataclasses.replace(problem, message=f"{problem.message}; its last good version stays")


def _decode(
    text: str, file: str, type_: type[S], check: Callable[[S], Iterator[Fault]]
) -> tuple[S | None, tuple[Problem, ...]]:
    try:
        parsed = parse_yaml(text)
    except BrokenText as broken:
        return None, (Problem(f"broken YAML: {broken.reason}", None, file, broken.line),)
    # An unknown field is named but not refused: a mesh must come up with the settings of a newer or older Istio.
    value, faults = decode_value(parsed.value if parsed.value is not None else {}, type_, Unknown.WARN)
    if value is not None:
        faults += tuple(check(value))
    lines = lines_of(text, [fault.path for fault in faults]) if faults else []
    problems = tuple(
        Problem(fault.message, None, file, line, path_text(fault.path), fault.severity)
        for fault, line in zip(faults, lines, strict=True)
    )
    if any(fault.severity is Severity.ERROR for fault in faults):
        return None, problems
    return value, problems


def _fault(path: Path, message: str | None) -> Iterator[Fault]:
    if message is not None:
        yield Fault(path, message)


def _mesh_faults(mesh: MeshConfig) -> Iterator[Fault]:
    yield from _fault(("proxyListenPort",), port_fault(mesh.proxy_listen_port))
    yield from _fault(("proxyInboundListenPort",), port_fault(mesh.proxy_inbound_listen_port))
    yield from _fault(("proxyHttpPort",), port_fault(mesh.proxy_http_port, 0))
    yield from _fault(("rootNamespace",), name_fault(mesh.root_namespace))
    yield from _fault(("trustDomain",), _trust_domain_fault(mesh.trust_domain))
    for index, alias in enumerate(mesh.trust_domain_aliases):
        yield from _fault(("trustDomainAliases", index), _trust_domain_fault(alias))
    yield from (Fault(each.path, each.message) for each in mesh_config(mesh))
    names: set[str] = set()
    for index, provider in enumerate(mesh.extension_providers):
        path: Path = ("extensionProviders", index)
        if not provider.name:
            yield Fault((*path, "name"), "expected a name, got nothing", Severity.WARNING)
        elif provider.name in names:
            yield Fault((*path, "name"), f"the name {provider.name[:80]} is given twice", Severity.WARNING)
        names.add(provider.name)
        if all(getattr(provider, kind) is None for kind in ExtensionProvider.ALTERNATIVES[0]):
            yield Fault(path, "expected one kind of provider, got none", Severity.WARNING)


def _trust_domain_fault(domain: str) -> str | None:
    if domain and "*" not in domain and host_fault(domain) is None:
        return None
    return f'expected a trust domain such as cluster.local, got "{domain[:80]}"'


def _network_faults(networks: MeshNetworks) -> Iterator[Fault]:
    for name, network in networks.networks.items():
        path: Path = ("networks", name)
        if not name:
            yield Fault(path, "expected the name of a network, got nothing")
        for index, endpoints in enumerate(network.endpoints):
            if endpoints.from_cidr is not None:
                yield from _fault((*path, "endpoints", index, "fromCidr"), cidr_fault(endpoints.from_cidr))
            elif not endpoints.from_registry:
                yield Fault((*path, "endpoints", index), "expected fromCidr or fromRegistry, got neither")
        for index, gateway in enumerate(network.gateways):
            if not gateway.address and not gateway.registry_service_name:
                yield Fault((*path, "gateways", index), "expected address or registryServiceName, got neither")
            yield from _fault((*path, "gateways", index, "port"), port_fault(gateway.port))
