"""The Dockerfile, checked without an engine: what it copies and runs exists, and what it ships is locked and small."""

import importlib
import json
import re
import tomllib
from dataclasses import dataclass

import pytest

from tests.shared import ROOT
from tests.test_packaging import pins


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a stage: `COPY`, and its words."""

    stage: int
    verb: str
    words: str


def instructions() -> list[Instruction]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found: list[Instruction] = []
    stage = -1
    for line in filter(None, joined.splitlines()):
        verb, _, words = line.partition(" ")
        stage += verb == "FROM"
        found.append(Instruction(stage, verb, words.strip()))
    return found


def of(verb: str, stage: int | None = None) -> list[str]:
    """The words of every instruction of one kind, of one stage if it is named."""
    return [each.words for each in instructions() if each.verb == verb and stage in {None, each.stage}]


def copied_from_the_tree() -> list[str]:
    """Sources of every COPY that reads the checkout."""
    return [source for words in of("COPY") if not words.startswith("--from=") for source in words.split()[:-1]]


LAST = max(each.stage for each in instructions())


def test_what_is_copied_exists_and_reaches_the_engine() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = copied_from_the_tree()
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in sent or f"{source.split('/')[0]}/" in sent, f"{source} is kept back by .dockerignore"


def test_nothing_is_sent_that_is_not_copied() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()
    assert sent == {source if "/" not in source else f"{source.split('/')[0]}/" for source in copied_from_the_tree()}


def test_every_package_is_copied() -> None:
    find = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    ours = {name for name in find["include"] if "." not in name} - {
        "istio_api"
    }  # generated from protos/ in the build stage
    assert {f"{name}/" for name in ours} | {"protos/"} <= set(copied_from_the_tree())


def test_what_is_copied_from_another_stage_was_made_there() -> None:
    names = {words.split(" AS ")[1] for words in of("FROM") if " AS " in words}
    for words in of("COPY", LAST):
        match = re.fullmatch(r"--from=(\w+) (\S+) \S+", words)
        assert match is not None, f"the last stage reads the checkout: COPY {words}"
        assert match[1] in names
        assert any(match[2] in run for stage in range(LAST) for run in of("RUN", stage))


def test_there_are_stages_and_the_base_is_small_and_named_by_tag() -> None:
    assert LAST >= 1
    assert {words.split(" AS ")[0] for words in of("FROM")} == {"python:3.11-slim"}


def test_last_stage_installs_nothing() -> None:
    text = " ".join(of("RUN", LAST))
    assert not re.search(r"\b(apt-get|apk|pip|gcc|cc|make|curl|wget)\b", text)


def test_everything_that_is_installed_is_locked_or_was_built_here() -> None:
    installs = [part for run in of("RUN") for part in run.split("&&") if re.search(r"pip (install|wheel)\b", part)]
    assert len(installs) == 4
    for part in installs:
        assert "--require-hashes" in part or "--no-index" in part, part


def test_user_is_a_number_and_not_root() -> None:
    [user] = of("USER", LAST)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    verbs = [each.verb for each in instructions() if each.stage == LAST]
    assert verbs.index("USER") > max(i for i, verb in enumerate(verbs) if verb in {"RUN", "COPY"})


@pytest.mark.parametrize("name", ["pilot-discovery", "meshpilot"])
def test_commands_of_the_image_are_scripts_of_the_project_that_exist(name: str) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts[name].partition(":")
    assert callable(getattr(importlib.import_module(module), function))
    assert any(f"/opt/meshpilot/bin/{name} /usr/local/bin/{name}" in run for run in of("RUN", LAST))


def test_entry_point_is_istiods() -> None:
    assert [json.loads(words) for words in of("ENTRYPOINT", LAST)] == [["pilot-discovery"]]
    assert [json.loads(words) for words in of("CMD", LAST)] == [["discovery"]]


def test_ports_are_those_of_istiod() -> None:
    assert {port for words in of("EXPOSE", LAST) for port in words.split()} == {
        "8080",
        "15010",
        "15012",
        "15014",
        "15017",
    }


def test_build_stage_has_what_pyproject_says_a_build_needs() -> None:
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert {re.split(r"[><=~]", each)[0] for each in required} <= set(pins("locks/image-build.lock"))
