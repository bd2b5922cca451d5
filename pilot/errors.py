"""What can go wrong between a proxy and the control plane.

    PilotError
    ├── RequestError              the peer is to blame: its stream ends with `code`, and is logged at info
    │   ├── BadRequest            INVALID_ARGUMENT    what was sent cannot be understood
    │   │   ├── MissingNode       INVALID_ARGUMENT    the first request does not say who asks
    │   │   ├── BadNode           INVALID_ARGUMENT    the node id or its metadata make no sense
    │   │   └── MissingType       INVALID_ARGUMENT    a request without a type URL
    │   ├── Unauthenticated       UNAUTHENTICATED     no credentials, or none that hold
    │   ├── PermissionDenied      PERMISSION_DENIED   the credentials are somebody else's
    │   ├── FailedPrecondition    FAILED_PRECONDITION what was asked for needs something that is not there
    │   ├── NotFound              NOT_FOUND           asks about something that does not exist
    │   └── Unimplemented         UNIMPLEMENTED       asks for something this control plane does not do
    └── ServerError               we are to blame: the stream ends with `code`, and is logged as an error
        ├── NotReady              UNAVAILABLE         nothing to serve yet, or shutting down: come again
        └── InternalError         INTERNAL            a bug

Bad configuration is no exception but data: `(value, problems)`. A code is the name of a gRPC status; whoever serves
gRPC or HTTP translates it, at the border, in one place. No message holds a secret.
"""

from typing import ClassVar


class PilotError(Exception):
    """Any failure that a peer is told of; `code` names the gRPC status."""

    code: ClassVar[str] = "UNKNOWN"


class RequestError(PilotError):
    """The peer is to blame."""


class BadRequest(RequestError):  # noqa: N818 - as gRPC and HTTP call it
    """What was sent cannot be understood."""

    code = "INVALID_ARGUMENT"


class MissingNode(BadRequest):
    """The first request does not say who asks. Source: xDS behaviour 1.2, step 5."""


class BadNode(BadRequest):
    """The node id or its metadata make no sense. Source: xDS behaviour 1.3."""


class MissingType(BadRequest):
    """A request without a type URL."""


class Unauthenticated(RequestError):  # noqa: N818 - gRPC's name
    """No credentials, or none that hold. Source: xDS behaviour 1.2, step 4."""

    code = "UNAUTHENTICATED"


class PermissionDenied(RequestError):  # noqa: N818 - gRPC's name
    """The credentials are somebody else's. Source: xDS behaviour 1.5."""

    code = "PERMISSION_DENIED"


class FailedPrecondition(RequestError):  # noqa: N818 - gRPC's name
    """What was asked for needs something that is not there."""

    code = "FAILED_PRECONDITION"


class NotFound(RequestError):  # noqa: N818 - gRPC's name
    """Asks about something that does not exist."""

    code = "NOT_FOUND"


class Unimplemented(RequestError):  # noqa: N818 - gRPC's name
    """Asks for something this control plane does not do."""

    code = "UNIMPLEMENTED"


class ServerError(PilotError):
    """We are to blame."""

    code = "INTERNAL"


class NotReady(ServerError):  # noqa: N818 - says what is the matter
    """Nothing to serve yet, or shutting down: come again. Source: xDS behaviour 1.2, step 2."""

    code = "UNAVAILABLE"


class InternalError(ServerError):
    """A bug."""
