"""Lengths of time as Istio's API writes them.

In: text such as `1h30m`, `0.5s`, `100ms`. Out: a `Duration`, which is a `timedelta` and fits protobuf constructors.
"""

import re
from datetime import timedelta
from functools import lru_cache

_TEXT = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+", re.ASCII)
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_MICROSECONDS = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "μs": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6}


class Duration(timedelta):
    """A length of time; compares and adds as a timedelta. Finer than a microsecond is cut off."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"


@lru_cache(maxsize=4096)
def parse_duration(text: str) -> Duration:
    """The duration that `text` says, e.g. `1h30m`, `0.5s`, `100ms`, `-2s`, `0`.

    Raises: ValueError, saying what was expected.
    """
    if text in ("0", "+0", "-0"):
        return Duration()
    if not _TEXT.fullmatch(text):
        raise ValueError(f'expected a duration such as "1h30m", "0.5s" or "100ms", got "{text[:80]}"')
    microseconds = sum(float(number) * _MICROSECONDS[unit] for number, unit in _PART.findall(text))
    try:
        return Duration(microseconds=-microseconds if text.startswith("-") else microseconds)
    except OverflowError:
        raise ValueError(f'expected a duration below 10000 years, got "{text[:80]}"') from None
