import re

import grpc
import pytest

from pilot import errors


def every_error() -> list[type[errors.PilotError]]:
    return [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.PilotError)]


@pytest.mark.parametrize("cls", every_error(), ids=lambda cls: cls.__name__)
def test_every_code_is_a_grpc_status(cls: type[errors.PilotError]) -> None:
    assert cls.code in grpc.StatusCode.__members__


def test_the_drawn_tree_is_the_real_one() -> None:
    lines = re.findall(r"^    ([│├└─ ]*)(\w+)(?: +([A-Z_]+) )?", str(errors.__doc__), re.MULTILINE)
    drawn = {(name, len(branch) // 4, code) for branch, name, code in lines}
    depth = {cls: len(cls.__mro__) - len(errors.PilotError.__mro__) for cls in every_error()}
    assert {(name, level) for name, level, _ in drawn} == {(cls.__name__, level) for cls, level in depth.items()}
    for name, _, code in drawn:
        assert not code or vars(errors)[name].code == code
