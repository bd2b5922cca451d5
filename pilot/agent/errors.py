"""What can go wrong in the agent.

    AgentError                  the agent cannot do what it was asked to
    ├── OptionError             an option makes no sense, or contradicts another
    ├── TokenError              the bearer token cannot be read
    ├── CertificateError        what the certificate authority answered is not what was asked for
    ├── SigningError            the certificate authority could not be reached, or refused (`code`, `is_retriable`)
    ├── SecretError             a file named by a `file-cert:` or `file-root:` secret is unusable
    ├── EnvoyError              there is no Envoy, or it does not start
    └── AdminError              Envoy's admin endpoint did not answer as expected

No message holds a key or a token.
"""

import grpc

RETRIABLE = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
    }
)
"""Codes after which the same request may succeed. Source: CA behaviour 1.1."""


class AgentError(Exception):
    """Any failure of the agent."""


class OptionError(AgentError):
    """An option makes no sense, or contradicts another."""


class TokenError(AgentError):
    """The bearer token cannot be read."""


class CertificateError(AgentError):
    """What the certificate authority answered is not what was asked for."""


class SigningError(AgentError):
    """The certificate authority could not be reached, or refused."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code

    @property
    def is_retriable(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self.code in RETRIABLE


class SecretError(AgentError):
    """A file named by a `file-cert:` or `file-root:` secret is unusable."""


class EnvoyError(AgentError):
    """There is no Envoy, or it does not start."""


class AdminError(AgentError):
    """Envoy's admin endpoint did not answer as expected."""
