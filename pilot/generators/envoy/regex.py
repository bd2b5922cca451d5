"""Regular expressions as Envoy will get them: RE2's syntax, and no larger than its bootstrap allows.

In: a pattern of the user. Out: what is wrong with it, or None; and patterns for plain text. Does not match anything.
"""

import re
from functools import lru_cache
from typing import Final

import re2

MAX_PROGRAM_SIZE: Final = 32_768
"""`re2.max_program_size.error_level` of the bootstrap that Istio's agent and ours write."""

_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")
_QUIET: Final = re2.Options()
_QUIET.log_errors = False


@lru_cache(maxsize=8192)
def regex_error(pattern: str) -> str | None:
    """Why Envoy would refuse the pattern; None where it would not."""
    try:
        program = re2.compile(pattern, _QUIET)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        return f"regex {pattern!r} does not compile: {_as_text(reason)}"
    if program.programsize > MAX_PROGRAM_SIZE:
        return (
            f"regex {pattern[:80]!r} is too large: expected a program of {MAX_PROGRAM_SIZE}, got {program.programsize}"
        )
    return None


def _as_text(reason: object) -> str:
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def quote(text: str) -> str:
    """A regular expression for this very text; only what has a meaning is escaped."""
    return _SPECIAL.sub(r"\\\g<0>", text)
