"""The mesh's settings of a cluster: ConfigMaps, and files that win over them, read once and then watched.

In: the ConfigMap `istio[-revision]`, a shared one below it (SHARED_MESH_CONFIG), the files of `--meshConfig` and
`--networksConfig`. Out: MeshConfig and MeshNetworks. What breaks later changes nothing; what was never good is skipped,
with an error in the log. Nothing is given before every ConfigMap has been looked for.
Source: webhooks and Kubernetes behaviour 11.1.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from ca.errors import KubernetesError
from pilot.model.mesh import MeshConfig
from pilot.model.mesh_networks import MeshNetworks
from pilot.model.problem import Problem
from pilot.sources.changes import watch_changes
from pilot.sources.file_tree import UnreadableFile, read_text
from pilot.sources.kubernetes.api import ListApi
from pilot.sources.kubernetes.named import watch_object
from pilot.sources.mesh_file import DEFAULT_MESH, DEFAULT_NETWORKS, MeshFiles, decode_mesh_config, decode_mesh_networks
from pilot.sources.yaml_text import BrokenText, parse_yaml

MESH_KEY, NETWORKS_KEY = "mesh", "meshNetworks"
LOOK_AGAIN = 30.0
MERGED, MERGED_BY_NAME, UNITED = ("defaultConfig", "defaultProviders"), "extensionProviders", "trustDomainAliases"

_log = logging.getLogger("mesh")
T = TypeVar("T", MeshConfig, MeshNetworks)
Text = tuple[str, str]
"""Where it is from, and what it says."""


@dataclass(frozen=True, slots=True)
class MeshSources:
    """Where the mesh's settings are. Empty names: nowhere."""

    namespace: str = "istio-system"
    name: str = "istio"
    shared: str = ""
    mesh_file: str = ""
    networks_file: str = ""


@dataclass
class Said:
    """What the sources say now, as texts."""

    maps: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    """`data` of ConfigMaps by name; None: there is none."""
    files: dict[str, str | None] = field(default_factory=dict)

    def texts(self, sources: MeshSources, key: str, file: str) -> list[Text]:
        """Those for a key in order, the shared one first."""
        shared, own = self._of_map(sources.shared, key), self._of_map(sources.name, key)
        text = self.files.get(file)
        if text is not None:
            own = (file, text)
        return [each for each in (shared, own) if each is not None]

    def _of_map(self, name: str, key: str) -> Text | None:
        text = (self.maps.get(name) or {}).get(key)
        return (f"ConfigMap {name}, {key}", text) if isinstance(text, str) else None


async def watch_mesh_settings(
    api: ListApi, sources: MeshSources, last: MeshFiles | None = None
) -> AsyncGenerator[MeshFiles, None]:
    """The settings: first as they are, then each time that they (or what is wrong with them) change.

    `last`: the last good ones of another life. Never ends by itself.
    """
    said, changed = Said(), asyncio.Event()
    names = [name for name in (sources.name, sources.shared) if name]
    collection = f"/api/v1/namespaces/{sources.namespace}/configmaps"
    tasks = [asyncio.create_task(_follow_map(api, collection, name, said, changed)) for name in names]
    tasks.append(asyncio.create_task(_follow_files(sources, said, changed)))
    given: MeshFiles | None = None
    try:
        while True:
            waiting = asyncio.create_task(changed.wait())
            done, _ = await asyncio.wait((waiting, *tasks), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            for task in done - {waiting}:
                task.result()
            changed.clear()
            if any(name not in said.maps for name in names) or not said.files:
                continue
            now = read_settings(said, sources, given or last)
            if now != given:
                given = now
                yield now
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow_map(api: ListApi, collection: str, name: str, said: Said, changed: asyncio.Event) -> None:
    while True:
        try:
            async with aclosing(watch_object(api, collection, name)) as versions:
                async for found in versions:
                    data = (found or {}).get("data") or {} if found is not None else None
                    if name not in said.maps or said.maps[name] != data:
                        said.maps[name] = data
                        changed.set()
        except KubernetesError as error:
            if name not in said.maps:
                _log.warning(f"ConfigMap {name} counts as absent: {error}")
                said.maps[name] = None
                changed.set()
        await asyncio.sleep(LOOK_AGAIN)


async def _follow_files(sources: MeshSources, said: Said, changed: asyncio.Event) -> None:
    files = {file: None for file in (sources.mesh_file, sources.networks_file) if file}
    if not files:
        said.files = {"": None}
        changed.set()
        await asyncio.Event().wait()
    directories = sorted({file.rpartition("/")[0] or "." for file in files})
    async with aclosing(watch_changes(*directories, recursive=False)) as reports:
        async for _ in reports:
            now = {"": None} | {file: await asyncio.to_thread(_text_of, file, said.files.get(file)) for file in files}
            if now != said.files:
                said.files = now
                changed.set()


def _text_of(file: str, last: str | None) -> str | None:
    try:
        return read_text(file)[0]
    except FileNotFoundError:
        return None
    except UnreadableFile as error:
        _log.warning(f"{file}: {error}; what it held before stays")
        return last


# --- from texts to settings -----------------------------------------------------------------------------------------


def read_settings(said: Said, sources: MeshSources, last: MeshFiles | None) -> MeshFiles:
    """What the texts mean; `last`: what holds where they cannot be used."""
    texts = said.texts(sources, MESH_KEY, sources.mesh_file)
    mesh, problems = _read(texts, _decode_mesh, last.mesh if last else None, DEFAULT_MESH)
    first = said.texts(sources, NETWORKS_KEY, sources.networks_file)[:1]
    networks, more = _read(first, _decode_networks, last.networks if last else None, DEFAULT_NETWORKS)
    return MeshFiles(mesh, networks, problems + more)


def _decode_mesh(texts: list[Text]) -> tuple[MeshConfig | None, tuple[Problem, ...]]:
    """Several are merged; one that is broken is skipped where there is another."""
    if len(texts) == 1:
        return decode_mesh_config(texts[0][1], texts[0][0])
    good: list[Text] = []
    problems: list[Problem] = []
    for where, text in texts:
        decoded, found = decode_mesh_config(text, where)
        problems += found
        if decoded is not None:
            good.append((where, text))
    if len(good) < 2:
        return (decode_mesh_config(good[0][1], good[0][0])[0] if good else None), tuple(problems)
    merged = merge_mesh(_values(good[0][1]), _values(good[1][1]))
    decoded, found = decode_mesh_config(msgspec.json.encode(merged, enc_hook=str).decode(), good[1][0])
    return decoded, (*problems, *(each for each in found if decoded is None))


def _decode_networks(texts: list[Text]) -> tuple[MeshNetworks | None, tuple[Problem, ...]]:
    return decode_mesh_networks(texts[0][1], texts[0][0])


def _read(
    texts: list[Text],
    decode: Callable[[list[Text]], tuple[T | None, tuple[Problem, ...]]],
    last: T | None,
    default: T,
) -> tuple[T, tuple[Problem, ...]]:
    if not texts:
        return default, ()
    value, problems = decode(texts)
    if value is not None:
        return (last if last is not None and value == last else value), problems
    return (last if last is not None else default), problems


def merge_mesh(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """One MeshConfig over another one, as plain values."""
    merged = {**under, **over}
    for name in MERGED:
        if name in under and name in over:
            merged[name] = _merged(under[name], over[name])
    if MERGED_BY_NAME in under and MERGED_BY_NAME in over:
        providers = {each.get("name"): each for each in (*under[MERGED_BY_NAME], *over[MERGED_BY_NAME])}
        merged[MERGED_BY_NAME] = list(providers.values())
    if UNITED in under or UNITED in over:
        merged[UNITED] = sorted({*(under.get(UNITED) or ()), *(over.get(UNITED) or ())})
    return merged


def _merged(under: Any, over: Any) -> Any:
    """Messages and maps field by field, everything else is replaced."""
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return {**under, **{key: _merged(under[key], value) if key in under else value for key, value in over.items()}}


def _values(text: str) -> Mapping[str, Any]:
    try:
        value = parse_yaml(text).value
    except BrokenText:
        return {}
    return value if isinstance(value, dict) else {}
