"""From an API server's bytes to objects of the model.

In: pages of lists, lines of watches. Out: the objects in them as bytes, then each as a struct. Lenient: unknown fields
are ignored, whoever stored them. What cannot be used is a fault, beside what is safer than nothing in its place.
"""

from dataclasses import dataclass

import msgspec
from msgspec import Raw, Struct, field

from ca.errors import KubernetesError
from pilot.model.decoding import Fault, Unknown, decode_value, json_decoder, path_text
from pilot.model.objects import Fragment, Object, ObjectKey
from pilot.model.problem import Problem
from pilot.sources.checks import check_object
from pilot.sources.kinds import Kind
from pilot.sources.kubernetes.trim import trim
from pilot.sources.stand_ins import stand_in


class ListMeta(Fragment, frozen=True):
    """Where a list stands, and how to go on."""

    resource_version: str = ""
    continue_: str = field(default="", name="continue")


class Page(Struct, frozen=True):
    """A part of a list."""

    metadata: ListMeta = ListMeta()
    items: list[Raw] | None = None


class WatchEvent(Struct, frozen=True):
    """One line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR."""

    type: str
    object: Raw


class _Name(Fragment, frozen=True):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class _Named(Struct, frozen=True):
    metadata: _Name = _Name()


class _Status(Struct, frozen=True):
    code: int = 0
    message: str = ""


_PAGE, _EVENT = msgspec.json.Decoder(Page), msgspec.json.Decoder(WatchEvent)
_NAMED, _STATUS = msgspec.json.Decoder(_Named), msgspec.json.Decoder(_Status)


def decode_page(body: bytes) -> Page:
    """Raises: KubernetesError where it is no list."""
    try:
        return _PAGE.decode(body)
    except msgspec.MsgspecError as error:
        raise KubernetesError(f"expected a list of objects: {error}") from error


def decode_event(line: bytes) -> WatchEvent:
    """Raises: KubernetesError where it is no event, or says that the watch failed (with its status)."""
    try:
        event = _EVENT.decode(line)
        if event.type != "ERROR":
            return event
        status = _STATUS.decode(event.object)
    except msgspec.MsgspecError as error:
        raise KubernetesError(f"expected an event of a watch: {error}") from error
    raise KubernetesError(f"the watch ended: {status.message[:300]}", status.code)


def version_of(stored: Raw) -> str:
    """The resource version of an object; empty where it has none."""
    return _NAMED.decode(stored).metadata.resource_version


@dataclass(frozen=True, slots=True)
class Stored:
    """One object as it is stored."""

    key: ObjectKey
    object: Object | None
    """None where it cannot be used."""
    problems: tuple[Problem, ...] = ()
    fallback: Object | None = None
    """Where there is no object: what is safer than nothing."""


def key_of(stored: Raw, kind: Kind) -> ObjectKey:
    """Raises: msgspec.MsgspecError."""
    metadata = _NAMED.decode(stored).metadata
    return ObjectKey(kind.struct.KIND, metadata.namespace, metadata.name)


def decode_stored(stored: Raw, kind: Kind) -> Stored | None:
    """One object; None where it does not even say its name."""
    try:
        decoded: Object | None = json_decoder(kind.struct).decode(stored)
        found: tuple[Fault, ...] = ()
    except (msgspec.MsgspecError, RecursionError):
        decoded, found = _decode_slowly(stored, kind)
    if decoded is None:
        try:
            key = key_of(stored, kind)
            fallback = stand_in(key, msgspec.json.decode(stored))
        except (msgspec.MsgspecError, RecursionError):
            return None
        return Stored(key, None, _problems(key, found), fallback)
    kept, wrong = check_object(decoded, kind.namespaced)
    key = decoded.key
    if kept is None:
        return Stored(key, None, _problems(key, (*found, *wrong)), stand_in(key, msgspec.json.decode(stored)))
    return Stored(key, trim(kept), _problems(key, (*found, *wrong)) if found or wrong else ())


def _decode_slowly(stored: Raw, kind: Kind) -> tuple[Object | None, tuple[Fault, ...]]:
    """With reasons, and without fields that are not known."""
    try:
        value = msgspec.json.decode(stored)
    except (msgspec.MsgspecError, RecursionError) as error:
        return None, (Fault((), str(error)[:200]),)
    if isinstance(value, dict):
        value.pop("status", None) if "status" not in kind.struct.__struct_fields__ else None
    return decode_value(value, kind.struct, Unknown.IGNORE)


def _problems(key: ObjectKey, faults: tuple[Fault, ...]) -> tuple[Problem, ...]:
    return tuple(Problem(each.message, key, "", 0, path_text(each.path), each.severity) for each in faults)
