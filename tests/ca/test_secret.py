import pickle

import pytest

from ca.secret import Secret


def test_secret_prints_redacted_however_it_is_printed() -> None:
    secret = Secret("hunter2")
    shown = (str(secret), repr(secret), f"{secret}", f"{secret:>20}", repr([secret]), repr({"key": secret}))
    assert not any("hunter2" in text for text in shown)


def test_secret_reveals_itself_when_asked() -> None:
    assert Secret(b"key").reveal() == b"key"


def test_secret_does_not_leave_the_process_in_a_pickle() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret("hunter2"))
