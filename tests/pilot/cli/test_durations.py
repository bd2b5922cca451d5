from datetime import timedelta

import click
import pytest

from pilot.cli.durations import DURATION


def test_durations_are_written_as_istio_writes_them() -> None:
    assert DURATION.convert("1m30s", None, None) == timedelta(seconds=90)
    assert DURATION.convert(timedelta(1), None, None) == timedelta(1)
    with pytest.raises(click.BadParameter, match="expected a duration"):
        DURATION.convert("soon", None, None)
