import asyncio
import shlex
import sys
from pathlib import Path

import pytest

from pilot.agent import token
from pilot.agent.errors import TokenError
from pilot.agent.token import BearerToken, FixedToken, NoToken, TokenCommand, TokenFile


def python(code: str) -> TokenCommand:
    return TokenCommand(shlex.join([sys.executable, "-c", code]))


async def test_a_given_token_is_given() -> None:
    assert await FixedToken(BearerToken("abc")).read() == BearerToken("abc")


async def test_no_token_is_none() -> None:
    assert await NoToken().read() is None


async def test_a_token_file_is_read_anew_each_time(tmp_path: Path) -> None:
    source = TokenFile(tmp_path / "token")
    source.path.write_text("first\n")
    assert await source.read() == BearerToken("first")
    source.path.write_text("second\n")
    assert await source.read() == BearerToken("second")


async def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match=r"token file .*/gone: No such file or directory"):
        await TokenFile(tmp_path / "gone").read()


async def test_a_token_command_prints_a_token() -> None:
    assert await python("print('abc')").read() == BearerToken("abc")


@pytest.mark.parametrize("content", ["", "two words", "line\nline", "ümlaut"])
async def test_what_is_no_token_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    with pytest.raises(TokenError, match=f"expected one token, got {len(content)} characters") as caught:
        await TokenFile(tmp_path / "token").read()
    assert not content or content not in str(caught.value)


async def test_a_failing_command_is_told_apart_from_its_output() -> None:
    with pytest.raises(TokenError, match="expected exit code 0, got 3") as caught:
        await python("print('half-a-token'); raise SystemExit(3)").read()
    assert "half-a-token" not in str(caught.value)


@pytest.mark.parametrize(("command", "words"), [("no-such-program-here x", "No such file"), ("", "it is empty")])
async def test_a_command_that_does_not_start_is_named(command: str, words: str) -> None:
    with pytest.raises(TokenError, match=words):
        await TokenCommand(command).read()


async def test_a_command_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token, "COMMAND_TIMEOUT", 0.1)
    async with asyncio.timeout(10):
        with pytest.raises(TokenError, match="no answer"):
            await python("import time; time.sleep(60)").read()


def test_a_token_never_prints() -> None:
    assert "s3cret" not in repr(BearerToken("s3cret")) + repr(FixedToken(BearerToken("s3cret")))
