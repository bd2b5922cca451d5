"""Lengths of time on the command line.

In: text as Istio writes durations. Out: a `timedelta`, or click's complaint.
"""

from datetime import timedelta
from typing import Final

import click

from pilot.model.duration import parse_duration


class DurationType(click.ParamType[timedelta]):
    """`30s`, `1m30s`, `500ms`."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The value, or a usage error."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION: Final = DurationType()
