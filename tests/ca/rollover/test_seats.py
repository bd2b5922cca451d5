"""One conductor for each state directory."""

from pathlib import Path

import pytest

from ca.errors import RolloverError
from ca.rollover.seats import DirectorySeat
from ca.state_directory import StateDirectory


async def test_seat_is_taken_by_one_and_free_when_that_one_leaves(tmp_path: Path) -> None:
    one, other = DirectorySeat(StateDirectory(tmp_path)), DirectorySeat(StateDirectory(tmp_path))
    one.check_may_act()
    assert one.is_leading()
    assert not other.is_leading()
    with pytest.raises(RolloverError, match="another control plane"):
        other.check_may_act()
    await one.leave()
    assert other.is_leading()
    await other.leave()
