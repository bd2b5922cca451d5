"""What the xDS server tells of itself: log lines and figures, by blame.

In: one call for each thing that happened. Out: records of logger `ads`, counts in `metrics`. The level follows the
blame: a peer's doing is info, the user's configuration a warning, our own failure an error. Pushes are debug: there are
too many. Texts of peers are cut and kept on one line. Source: operations 8.1, 11.
"""

import logging
from typing import Final

from pilot.errors import NotReady, PilotError, RequestError
from pilot.type_urls import TypeUrl, short_name
from pilot.xds.events import Acked, Event, HealthReported, Nacked, Queried, Stale, Subscribed, Unsubscribed
from pilot.xds.history import History
from pilot.xds.metrics import XdsMetrics
from pilot.xds.session import Response

LOG: Final = logging.getLogger("ads")

LONGEST: Final = 2_000
"""Characters of a peer's words that are logged. Arbitrary: Envoy's longest complaints are shorter."""
MANY: Final = 10
"""Names of resources that are logged one by one."""


class Journal:
    """Writes down."""

    def __init__(self, metrics: XdsMetrics) -> None:
        self.metrics = metrics
        self.history = History()

    def connected(self, connection: str, peer: str, version: str | None) -> None:
        """Somebody was let in; `version` None: a tool, which is not counted among proxies."""
        if version is not None:
            self.metrics.connected(version)
        self.history.connected(connection)
        LOG.info(f"ADS: new connection for node:{one_line(connection)} from {peer}")

    def disconnected(self, connection: str, version: str | None) -> None:
        """It is gone."""
        if version is not None:
            self.metrics.disconnected(version)
        self.metrics.forget(connection)
        self.history.disconnected(connection)
        LOG.info(f"ADS: connection of node:{one_line(connection)} terminated")

    def ended(self, who: str, error: PilotError) -> None:
        """A stream was ended by us: because of the peer, or because of ourselves."""
        if isinstance(error, RequestError | NotReady):  # that it came too early is nobody's fault
            LOG.info(f"ADS: stream of {one_line(who)} ended: {error.code}: {one_line(str(error))}")
        else:
            LOG.error(f"ADS: stream of {one_line(who)} ended: {error.code}: {error}", exc_info=error.__cause__)
            self.metrics.failed()

    def failed(self, connection: str, type_url: TypeUrl, error: Exception) -> None:
        """Resources could not be made: a bug. The proxy keeps what it has."""
        LOG.error(f"{short_name(type_url)}: generation failed for node:{one_line(connection)}", exc_info=error)
        self.metrics.failed()

    def happened(self, connection: str, event: Event) -> None:
        """A request of a proxy."""
        if type(event) is Acked:  # nearly always
            if LOG.isEnabledFor(logging.DEBUG):
                LOG.debug("ADS: %s %s", connection, event)
            return
        match event:
            case Nacked(type_url, _, names, message, code):
                self.metrics.rejected(type_url, connection, code)
                LOG.warning(
                    f"ADS:{short_name(type_url)}: ACK ERROR {one_line(connection)} refused"
                    f" {listed(names)}: {one_line(message) or 'no reason given'}"
                )
            case Stale(type_url, nonce):
                self.metrics.stale(type_url)
                LOG.debug(f"ADS:{one_line(type_url)}: stale nonce {one_line(nonce)} from {one_line(connection)}")
            case HealthReported(healthy, message):
                state = "healthy" if healthy else f"unhealthy: {one_line(message)}"
                LOG.info(f"ADS: {one_line(connection)} reports that its application is {state}")
            case Queried(type_url, names):
                LOG.info(f"ADS: {one_line(connection)} asks {one_line(type_url)} for {listed(sorted(names))}")
            case Subscribed() | Unsubscribed():
                LOG.debug("ADS: %s %s", connection, event)

    def sent(self, connection: str, response: Response, size: int, made: float, sending: float) -> None:
        """A response of `size` bytes left: seconds to make it, seconds to send it."""
        self.metrics.sent(response.type_url, size, made, sending)
        body = response.body
        self.history.sent(connection, response.type_url, size, len(body.updated), len(body.removed))
        if LOG.isEnabledFor(logging.DEBUG):
            LOG.debug(
                f"{short_name(response.type_url)}: PUSH for node:{one_line(connection)} resources:{len(body.names)}"
                f" removed:{len(body.removed)} size:{size}B nonce:{response.nonce}"
            )


def one_line(text: str) -> str:
    """A peer's text, fit for a log: without control characters, cut."""
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"
    return cut if cut.isprintable() else "".join(each if each.isprintable() else " " for each in cut)


def listed(names: tuple[str, ...] | list[str]) -> str:
    """Some names of resources, for people."""
    if not names:
        return "the response"
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return one_line(", ".join(names[:MANY])) + more
