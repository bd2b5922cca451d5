"""Whether an API server should take an object: what the validating webhook and `meshpilot validate` say.

In: the plain values of an object. Out: a `Verdict`. The rules are in `pilot/validation`; an object is taken or refused
by the functions that file mode reports by. Source: CA behaviour 5.1, 5.3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pilot.model.decoding import Fault, Unknown, decode_value, path_text
from pilot.model.objects import Object
from pilot.model.problem import Severity
from pilot.sources.kinds import GATEWAY_API, GATEWAY_API_EXPERIMENTS, KINDS, split_api_version
from pilot.validation import objects
from pilot.validation.finding import Weight

UNKNOWN_TYPE: Final = "unknown_type"
NOT_DECODED: Final = "crd_conversion_error"
INVALID: Final = "invalid_resource"
_TOP: Final = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_ELSEWHERE: Final = (GATEWAY_API, GATEWAY_API_EXPERIMENTS)
"""Groups whose own schemas say everything that there is to say."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is empty where it is allowed, else the word that istiod's metrics have for it."""

    allowed: bool
    message: str = ""
    warnings: tuple[str, ...] = ()
    reason: str = ""
    unknown_fields: tuple[str, ...] = ()
    """Paths of fields that the kind does not have. An API server drops them, so they decide nothing."""


def judge(value: Mapping[str, object], namespace: str = "") -> Verdict:
    """The verdict on one object; `namespace` is the request's, for an object that says none.

    Group and kind say what it is, the version does not matter.
    """
    api_version, name = str(value.get("apiVersion", "")), str(value.get("kind", ""))
    group, _ = split_api_version(api_version)
    if group in _ELSEWHERE:
        return Verdict(True)
    kind = KINDS.get((group, name))
    if kind is None or not kind.strict:
        return _refused(f"unrecognized type {api_version}, Kind={name}", UNKNOWN_TYPE)
    strange = sorted(str(each) for each in value if each not in _TOP)
    if strange:
        message = (
            f"configuration is invalid: expected only {', '.join(sorted(_TOP))} at the top, got {', '.join(strange)}"
        )
        return _refused(message, INVALID)
    decoded, faults = decode_value(_completed(value, namespace), kind.struct, Unknown.WARN)
    if decoded is None:
        wrong = [_fault_text(each) for each in faults if each.severity is Severity.ERROR]
        return _refused(f"error decoding configuration: {_listed(wrong)}", NOT_DECODED)
    unknown = tuple(path_text(each.path) for each in faults)
    return _by_rules(decoded, unknown)


def _by_rules(decoded: Object, unknown: tuple[str, ...]) -> Verdict:
    found = list(objects.find(decoded))
    wrong = [str(each) for each in found if each.weight is not Weight.NOTED]
    warnings = tuple(each.message for each in found if each.weight is Weight.NOTED)
    if wrong:
        message = f"configuration is invalid: {_listed(list(dict.fromkeys(wrong)))}"
        return Verdict(False, message, reason=INVALID, unknown_fields=unknown)
    return Verdict(True, warnings=warnings, unknown_fields=unknown)


def _completed(value: Mapping[str, object], namespace: str) -> dict[str, object]:
    """With the request's namespace where the object says none, and without what only the API server reads."""
    metadata = value.get("metadata")
    if isinstance(metadata, Mapping) and not metadata.get("namespace"):
        metadata = {**metadata, "namespace": namespace}
    kept = {key: each for key, each in value.items() if key in ("spec", "status") and each is not None}
    return kept | {"metadata": metadata or {}}


def _refused(message: str, reason: str) -> Verdict:
    return Verdict(False, message, reason=reason)


def _fault_text(fault: Fault) -> str:
    return f"{path_text(fault.path)}: {fault.message}" if fault.path else fault.message


def _listed(messages: Sequence[str]) -> str:
    """All of them: one as it is, several on lines of their own."""
    if len(messages) == 1:
        return messages[0]
    return f"{len(messages)} problems:" + "".join(f"\n* {each}" for each in messages)
