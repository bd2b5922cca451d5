"""The table of conformance in docs/gateway-api.md: every test of its profiles is there, and names tests that exist."""

import ast
import re

import pytest

from tests.shared import ROOT

TABLE = ROOT / "docs" / "gateway-api.md"
PROFILES = {"GATEWAY-HTTP": 68, "GATEWAY-TLS": 15, "GATEWAY-GRPC": 17, "MESH-HTTP": 18}
"""How many tests Gateway API 1.4.0 has for each; some are for several."""


def rows() -> list[list[str]]:
    """The cells of every row."""
    found = re.findall(r"^\| ([A-Z]\w+) \| (.*?) \| (.*?) \| (.*?) \|$", TABLE.read_text(), re.MULTILINE)
    return [list(each) for each in found]


def test_every_conformance_test_has_one_row() -> None:
    names = [row[0] for row in rows()]
    assert len(names) == len(set(names))
    counted = {profile: sum(profile in row[1].split(", ") for row in rows()) for profile in PROFILES}
    assert counted == PROFILES


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_what_is_supported_is_shown_by_tests_that_there_are(row: list[str]) -> None:
    name, _, supported, shown = row
    assert supported.partition(":")[0] in ("yes", "in part", "no"), name
    tests = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", shown)
    assert bool(tests) == (not supported.startswith("no")), name
    assert len(tests) == shown.count("`") // 2, name
    for module, test in tests:
        tree = ast.parse((ROOT / module).read_text())
        functions = (each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
        assert test in {each.name for each in functions}, f"{name}: {module}::{test}"
