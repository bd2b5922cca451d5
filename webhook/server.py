"""The webhooks over HTTP: `/inject`, `/validate` and what is below them, `/ready`.

In: requests of API servers. Out: an aiohttp application. What is asked is decided by two functions that it is given;
around them are limits on size, time and number, and an answer whatever happens: nothing here makes an API server wait
longer than it said it would. Opens no socket. Source: webhook behaviour 2.1, 5.1.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from webhook.injection.errors import InjectionError
from webhook.metrics import WebhookMetrics
from webhook.review import Answer, Review, ReviewError, decode_review, encode_answer

MAX_BODY: Final = 12 << 20
"""Bytes; an API server takes objects of 3 MiB, and a review may hold one twice."""
MAX_WAITING: Final = 500
"""Requests at a time; more are refused at once, so that the API server's failure policy decides."""
LONGEST: Final = 10.0
"""Seconds for an answer, less where the API server says that it waits less."""
_WORKERS: Final = 2
_MARGIN: Final = 0.5  # seconds: the answer has to travel
_ASKED: Final = ("CREATE", "UPDATE")
_GO_SECONDS: Final = re.compile(r"(\d{1,4})s")
_MEDIA_TYPE: Final = "application/json"
_NO_OBJECT: Final = "yaml_decode_error"

_log = logging.getLogger("validation")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of an object; `reason`: the word of istiod's metrics for why it is refused, else empty."""

    allowed: bool
    message: str = ""
    warnings: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is said of a pod; `patch` None: it stays as it is."""

    patch: tuple[dict[str, object], ...] | None = None
    warnings: tuple[str, ...] = ()


Judge = Callable[[Review], Judgement]
Injector = Callable[[Review, str], Decision]
"""The review and the path that it was posted to. Raises: InjectionError. Runs in a thread."""


class Webhooks:
    """Answers reviews."""

    def __init__(
        self,
        metrics: WebhookMetrics,
        judge: Judge,
        injector: Callable[[], Injector | None],
        missing: Callable[[], Iterable[str]],
    ) -> None:
        """`injector`: the one in force, None while there are no templates: then nothing is at `/inject`.

        `missing`: the parts that readiness still waits for.
        """
        self._metrics, self._judge, self._injector, self._missing = metrics, judge, injector, missing
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="webhook")
        self._waiting = 0

    def application(self) -> web.Application:
        """All paths, and `/ready`."""
        application = web.Application()
        self.add_to(application)
        application.router.add_get("/ready", self._ready)
        return application

    def add_to(self, application: web.Application) -> None:
        """The paths of reviews, beside what an application has already."""
        add = application.router.add_route
        for path in ("/inject", "/inject/{rest:.*}"):
            add("*", path, self._inject)
        for path in ("/validate", "/validate/{rest:.*}"):
            add("*", path, self._validate)

    def close(self) -> None:
        """Lets go of the threads; what they are doing is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ready(self, _: web.Request) -> web.Response:
        absent = sorted(self._missing())
        return web.Response(status=503, text=f"not ready: {', '.join(absent)}\n") if absent else web.Response()

    async def _validate(self, request: web.Request) -> web.Response:
        try:
            outcome = await self._outcome(request, self._judged)
        except web.HTTPException as error:
            self._metrics.answered_with(error.status)
            raise
        if outcome.review is not None:
            self._metrics.judged(outcome.review, outcome.reason)
        return outcome.response()

    async def _inject(self, request: web.Request) -> web.Response:
        injector = self._injector()
        if injector is None:
            raise web.HTTPNotFound(text="there are no injection templates\n")

        def inject(review: Review) -> tuple[Answer, str]:
            if review.object is None:
                return Answer(False, "expected a pod in the request, got none"), _NO_OBJECT
            found = injector(review, request.path)
            return Answer(True, warnings=found.warnings, patch=found.patch), ""

        self._metrics.asked_about_pod()
        begin = time.monotonic()
        try:
            outcome = await self._outcome(request, inject)
        except web.HTTPException:
            self._metrics.failed_pod()
            raise
        if outcome.answer.allowed:
            self._metrics.answered_pod(time.monotonic() - begin, skipped=outcome.answer.patch is None)
        else:
            self._metrics.failed_pod()
        return outcome.response()

    def _judged(self, review: Review) -> tuple[Answer, str]:
        if review.operation not in _ASKED:
            return Answer(True), "unsupported_operation"
        if review.object is None:
            return Answer(False, "expected an object in the request, got none"), _NO_OBJECT
        found = self._judge(review)
        return Answer(found.allowed, found.message, found.warnings), found.reason

    async def _outcome(self, request: web.Request, decide: "_Decide") -> "_Outcome":
        """What is to be answered. Raises: HTTPException where there was no question, or no time for it."""
        if self._waiting >= MAX_WAITING:
            raise web.HTTPServiceUnavailable(text="too many reviews at a time\n")
        self._waiting += 1
        try:
            async with asyncio.timeout(_seconds(request)):
                body = await _read(request)
                run = asyncio.get_running_loop().run_in_executor  # JSON of a large review takes a while as well
                return await run(self._threads, _decided, body, decide)
        except TimeoutError:
            _log.error(f"{request.path}: no answer in time")
            raise web.HTTPServiceUnavailable(text="no answer in time\n") from None
        finally:
            self._waiting -= 1


_Decide = Callable[[Review], tuple[Answer, str]]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`review` is None where the body was none; `api_version` and `uid` are then as much as could be read."""

    answer: Answer
    api_version: str
    uid: str
    review: Review | None = None
    reason: str = ""

    def response(self) -> web.Response:
        body = encode_answer(self.answer, self.api_version, self.uid)
        return web.Response(body=body, content_type=_MEDIA_TYPE)


def _decided(body: bytes, decide: _Decide) -> _Outcome:
    try:
        review = decode_review(body)
    except ReviewError as error:
        return _Outcome(Answer(False, f"could not decode body: {error}"), error.api_version, error.uid)
    try:
        answer, reason = decide(review)
    except InjectionError as error:
        answer, reason = Answer(False, str(error)), ""
    except Exception:
        _log.exception(f"{review.kind} of {review.namespace}: review {review.uid} failed")
        answer, reason = (
            Answer(False, "an internal error: the log of the control plane has the reason"),
            "internal_error",
        )
    return _Outcome(answer, review.api_version, review.uid, review, reason)


async def _read(request: web.Request) -> bytes:
    """The body. Raises: HTTPException where it is too large, empty, or of another type."""
    parts: list[bytes] = []
    size = 0
    async for part in request.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > MAX_BODY:
            raise web.HTTPRequestEntityTooLarge(max_size=MAX_BODY, actual_size=size)
    if not size:
        raise web.HTTPBadRequest(text="no body found\n")
    if request.content_type != _MEDIA_TYPE:
        raise web.HTTPUnsupportedMediaType(text=f"invalid Content-Type, want `{_MEDIA_TYPE}`\n")
    return b"".join(parts)


def _seconds(request: web.Request) -> float:
    """How long the API server waits (it says so in the URL), with a margin for the way."""
    found = _GO_SECONDS.fullmatch(request.query.get("timeout", ""))
    return min(LONGEST, max(int(found[1]) - _MARGIN, _MARGIN)) if found else LONGEST
