"""What was known of a cluster in another life of the program, as bytes for a file.

In: objects and the mesh's settings, or such bytes. Out: the other. One JSON document a line: a header, then the objects
as an API server would write what the mesh reads of them. A file that cannot be read is no file. Does no I/O: the file
is as confidential as the Secrets in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
from msgspec import Raw, Struct

from pilot.model.access_control import KINDS as ACCESS_CONTROL_KINDS
from pilot.model.confidential import Confidential, Encoded
from pilot.model.duration import Duration
from pilot.model.mesh import MeshConfig
from pilot.model.mesh_networks import MeshNetworks
from pilot.model.objects import Event, Object
from pilot.sources.kinds import KINDS
from pilot.sources.kubernetes.decode import decode_stored
from pilot.sources.mesh_file import MeshFiles, decode_mesh_config, decode_mesh_networks

FORMAT = 1


class _Header(Struct, frozen=True):
    format: int
    count: int
    mesh: Raw
    networks: Raw


class _Line(Struct, frozen=True):
    group: str
    kind: str
    object: Raw


class _Written(Struct, frozen=True):
    group: str
    kind: str
    object: Object


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a file holds."""

    mesh: MeshFiles
    events: tuple[Event, ...]


def encode(objects: Iterable[Object], mesh: MeshConfig, networks: MeshNetworks) -> bytes:
    """The bytes of a file. Stand-ins for objects that could not be read, and who may do what, are not remembered."""
    encoder = msgspec.json.Encoder(enc_hook=_encode_scalar)
    kinds = {kind.struct: kind for kind in KINDS.values() if kind.struct.KIND not in ACCESS_CONTROL_KINDS}
    lines = []
    for each in objects:
        kind = kinds.get(type(each))
        if kind is not None:
            lines.append(encoder.encode(_Written(kind.group, kind.name, each)))
    header = _Header(FORMAT, len(lines), Raw(encoder.encode(mesh)), Raw(encoder.encode(networks)))
    return b"\n".join((encoder.encode(header), *lines, b""))


def decode(content: bytes) -> Remembered | None:
    """None where the bytes are no such file, or not a whole one."""
    first, *lines = content.split(b"\n")
    try:
        header = msgspec.json.decode(first, type=_Header)
        if header.format != FORMAT or header.count != len(lines) - 1:
            return None
        events = tuple(_events(lines))
    except msgspec.MsgspecError:
        return None
    mesh, _ = decode_mesh_config(bytes(header.mesh).decode())
    networks, _ = decode_mesh_networks(bytes(header.networks).decode())
    if mesh is None or networks is None:
        return None
    return Remembered(MeshFiles(mesh, networks), events)


def _events(lines: Iterable[bytes]) -> Iterator[Event]:
    decoder = msgspec.json.Decoder(_Line)
    for line in lines:
        if not line:
            continue
        read = decoder.decode(line)
        kind = KINDS.get((read.group, read.kind))
        stored = decode_stored(read.object, kind) if kind is not None else None
        if stored is not None and stored.object is not None:
            yield Event(stored.key, stored.object)


def _encode_scalar(value: object) -> object:
    match value:
        case Duration():
            return str(value)
        case Encoded():
            return msgspec.to_builtins(value.reveal())  # base64
        case Confidential():
            return value.reveal().decode()
    raise NotImplementedError(type(value))
