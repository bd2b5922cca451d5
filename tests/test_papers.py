"""README, ARCHITECTURE and docs name files, commands and targets: those exist, or the papers lie."""

import re
from pathlib import Path

import pytest

from tests.shared import ROOT

PAPERS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)
TOPS = ("pilot", "ca", "webhook", "protos", "tests", "examples", "benchmarks", "docs", "locks", ".ci")


def quoted(text: str) -> list[str]:
    """Everything between backticks, blocks included, word by word."""
    blocks = re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)
    return [word for block in blocks for word in re.split(r"[\s`|│]+", block) if word]


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.name))
def test_every_path_that_is_named_exists(paper: Path) -> None:
    words = {word.rstrip(":,.()") for word in quoted(paper.read_text())}
    paths = {word for word in words if re.match(rf"({'|'.join(map(re.escape, TOPS))})/[\w./*-]*$", word)}
    missing = [path for path in paths if not list(ROOT.glob(path))]
    assert not missing


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.name))
def test_every_link_leads_somewhere(paper: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", paper.read_text())
    assert [link for link in links if "://" not in link and not (paper.parent / link).exists()] == []


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.name))
def test_every_make_target_that_is_named_exists(paper: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", paper.read_text(), re.MULTILINE))
    assert named <= targets
    assert paper.name != "README.md" or {"run", "test"} <= named


def test_every_top_level_package_is_explained() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    packages = {path.parent.name for path in (ROOT / "pilot").glob("*/__init__.py")}
    assert [name for name in sorted(packages) if f"{name}/" not in text] == []
