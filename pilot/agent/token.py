"""Where the agent's bearer token comes from: given, in a file that is rewritten, or printed by a command.

In: a source. Out: a `BearerToken`, read anew for every use, since tokens are short-lived. Does not look into the token.
"""

import asyncio
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pilot.agent.errors import TokenError

COMMAND_TIMEOUT = 20.0  # seconds; arbitrary: a command that signs a token takes well under one


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token; its value never shows in a log or a traceback."""

    value: str = field(repr=False)


class TokenSource(Protocol):
    """Something that can be asked for a token."""

    async def read(self) -> BearerToken | None:
        """The token of this moment, or None where there is none to be had. Raises: TokenError."""
        ...


@dataclass(frozen=True, slots=True)
class NoToken:
    """The agent has no token: only a client certificate can prove who it is."""

    async def read(self) -> BearerToken | None:
        """Always None."""
        return None


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token given once."""

    token: BearerToken

    async def read(self) -> BearerToken | None:
        """The token."""
        return self.token


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A file that somebody else keeps fresh, such as a projected service account token."""

    path: Path

    async def read(self) -> BearerToken | None:
        """The file's content. Raises: TokenError."""
        try:
            value = self.path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            message = f"token file {self.path}: {getattr(error, 'strerror', None) or 'is not text'}"
            raise TokenError(message) from error
        return _checked(value, f"token file {self.path}")


@dataclass(frozen=True, slots=True)
class TokenCommand:
    """A command that prints a token; split like a shell would, but run without one."""

    command: str

    async def read(self) -> BearerToken | None:
        """What the command prints. Raises: TokenError."""
        arguments = shlex.split(self.command)
        what = f"token command {arguments[0] if arguments else ''!r}"
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
            )
        except (OSError, TypeError) as error:
            message = f"{what}: does not start: {getattr(error, 'strerror', None) or 'it is empty'}"
            raise TokenError(message) from error
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                output, _ = await process.communicate()
        except TimeoutError as error:
            message = f"{what}: no answer in {COMMAND_TIMEOUT:.0f} s"
            raise TokenError(message) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            message = f"{what}: expected exit code 0, got {process.returncode}"
            raise TokenError(message)
        return _checked(output.decode(errors="replace").strip(), what)


def _checked(value: str, what: str) -> BearerToken:
    """Refuses what cannot travel in a header, without showing it."""
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        message = f"{what}: expected one token, got {len(value)} characters that are none"
        raise TokenError(message)
    return BearerToken(value)
