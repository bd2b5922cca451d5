"""AdmissionReviews: what an API server asks, and the answer in its own version.

In: the body of a request. Out: a `Review`; and from an `Answer` the body of the response. Decides nothing.
Source: webhook behaviour 2.1, 5.1.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

VERSIONS = ("admission.k8s.io/v1", "admission.k8s.io/v1beta1")
KIND = "AdmissionReview"
_LONGEST_WARNING = 4096


class ReviewError(Exception):
    """A body that is no review; `review` is as much of it as could be read, to be answered."""

    def __init__(self, message: str, api_version: str = "", uid: str = "") -> None:
        super().__init__(message)
        self.api_version = api_version
        self.uid = uid


@dataclass(frozen=True, slots=True)
class Review:
    """One question. `object` is None where there is none (a deletion); `resource` is plural and in lower case."""

    api_version: str
    uid: str
    group: str = ""
    version: str = ""
    kind: str = ""
    resource: str = ""
    namespace: str = ""
    operation: str = ""
    object: Mapping[str, Any] | None = None
    is_dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """`patch`: RFC 6902 operations, None for an object that stays as it is; `message` says why it is refused."""

    allowed: bool
    message: str = ""
    warnings: Sequence[str] = ()
    patch: Sequence[Mapping[str, Any]] | None = field(default=None)


def decode_review(body: bytes) -> Review:
    """The question in a body. Raises: ReviewError."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ReviewError(f"expected an {KIND} as JSON: {error}") from error
    if not isinstance(value, dict):
        raise ReviewError(f"expected an {KIND}, got no JSON object")
    api_version = value.get("apiVersion")
    if value.get("kind") != KIND or api_version not in VERSIONS:
        raise ReviewError(f"expected an {KIND} of {' or '.join(VERSIONS)}, got {_shown(value)}")
    request = value.get("request")
    if not isinstance(request, dict):
        raise ReviewError(f"expected a request in the {KIND}, got none", api_version)
    uid = str(request.get("uid") or "")
    found = request.get("object")
    if found is not None and not isinstance(found, dict):
        raise ReviewError("expected an object in the request, got something else", api_version, uid)
    kind, resource = _mapping(request.get("kind")), _mapping(request.get("resource"))
    return Review(
        api_version=api_version,
        uid=uid,
        group=str(kind.get("group") or ""),
        version=str(kind.get("version") or ""),
        kind=str(kind.get("kind") or ""),
        resource=str(resource.get("resource") or ""),
        namespace=str(request.get("namespace") or ""),
        operation=str(request.get("operation") or ""),
        object=found,
        is_dry_run=request.get("dryRun") is True,
    )


def encode_answer(answer: Answer, api_version: str = "", uid: str = "") -> bytes:
    """The body of a response; without a version it has neither that nor a kind, since the question had none."""
    response: dict[str, Any] = {"uid": uid, "allowed": answer.allowed}
    if answer.message:
        response["status"] = {"metadata": {}, "message": answer.message}
    if answer.warnings:
        response["warnings"] = [each[:_LONGEST_WARNING] for each in answer.warnings]
    if answer.patch is not None:
        operations = json.dumps(list(answer.patch), separators=(",", ":"), ensure_ascii=False)
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(operations.encode()).decode()
    head = {"kind": KIND, "apiVersion": api_version} if api_version else {}
    return json.dumps({**head, "response": response}, ensure_ascii=False).encode()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _shown(value: Mapping[str, Any]) -> str:
    return f"kind {str(value.get('kind'))[:80]!r} of {str(value.get('apiVersion'))[:80]!r}"
