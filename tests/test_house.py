"""The house rules that a program can check: the mirror of tests, sizes, names, a core without the outside world, words
that belong to no product, and recordings that somebody uses.

Comes in: the files of this checkout. Goes out: for each rule, the list of places that break it.
"""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.shared import GOLDEN, ROOT

PACKAGES = ("pilot", "ca", "webhook")
MODULE_LINES = 600
FUNCTION_LINES = 50
READ_FIRST = {"pilot/pipeline.py": 200, "pilot/xds/session.py": 200}  # whoever wants to know the product reads these

NO_MODULES = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers", "handler", "handlers"}
NO_CLASS_WORDS = {"Manager", "Handler", "Helper", "Info", "Util", "Utils", "Common", "Misc"}

CORE = (
    "pilot/gatewayapi/",
    "pilot/model/",
    "pilot/validation/",
    "pilot/view/",
    "pilot/generators/",
    "pilot/xds/session.py",
    "pilot/xds/subscription.py",
    "pilot/pipeline.py",
    "pilot/resources.py",
    "pilot/type_urls.py",
    "pilot/memo.py",
    "pilot/rows.py",
    "ca/csr.py",
    "ca/tbs.py",
    "ca/template.py",
    "ca/validate.py",
    "webhook/configurations.py",
    "webhook/gotemplate/",
    "webhook/injection/",
    "webhook/review.py",
    "webhook/injection/",
)
NOT_IN_CORE = {
    "aiohttp", "asyncio", "grpc", "logging", "os", "random", "secrets", "selectors", "shutil", "socket", "subprocess",
    "tempfile", "threading", "time", "uuid", "uvloop", "watchfiles",
}  # fmt: skip
CLOCK_CALLS = {"now", "utcnow", "today"}

# One letter of each stands in brackets, so that this file does not find itself.
NOT_OUR_WORDS = (
    r"(?<![\w.-])/[w]ork/",
    r"\.\./[s]hared",
    r"\b[s]hared/(aux|bench|data|golden|hooks|spec|style|tools)\b",
    r"\b([B]RIEF|[D]ESIGN|[H]OUSE|[M]ODELS)\.md",
    r"\b([p]ypi|[p]ythonhosted)\.org",
    r"--[f]ind-links|--(extra-)?[i]ndex-url|/opt/[w]heels",
    r"/tmp/[t]eam",
)


@cache
def tracked() -> tuple[str, ...]:
    """Paths, from the root, of every file that is or will be committed; of all files where git is not at hand."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name]
    else:
        unseen = {".git", ".venv", "generated", "build", "__pycache__"}
        paths = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
        names = [str(path) for path in paths if not unseen.intersection(path.parts)]
    return tuple(sorted(name for name in set(names) if (ROOT / name).is_file()))


def python_files(*tops: str) -> list[str]:
    """Tracked Python files, below these directories if any are named."""
    return [name for name in tracked() if name.endswith(".py") and (not tops or name.split("/")[0] in tops)]


@cache
def tree(name: str) -> ast.Module:
    """A file, parsed."""
    return ast.parse((ROOT / name).read_text(), name)


def line_count(name: str) -> int:
    """Lines of a file."""
    return len((ROOT / name).read_text().splitlines())


def report(problems: Iterable[str]) -> None:
    """Fails with all of them, one a line."""
    found = list(problems)
    assert not found, "\n  " + "\n  ".join(found)


# --- the mirror -----------------------------------------------------------------------------------------------------


def expected_test(source: str) -> str:
    """`pilot/xds/session.py` -> `tests/pilot/xds/test_session.py`."""
    path = Path(source)
    return str(Path("tests") / path.parent / f"test_{path.name}")


def has_code(name: str) -> bool:
    """Whether a module does something: one that only declares shapes and constants has nothing that could fail."""
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) for node in ast.walk(tree(name)))


def test_every_module_has_its_test() -> None:
    tests = set(python_files("tests"))
    modules = [name for name in python_files(*PACKAGES) if Path(name).name not in {"__init__.py", "__main__.py"}]
    assert modules
    report(
        f"{name}: no {expected_test(name)}" for name in modules if has_code(name) and expected_test(name) not in tests
    )


def test_every_test_of_a_package_has_its_module() -> None:
    sources = set(python_files(*PACKAGES))
    mirrored = {expected_test(source) for source in sources}
    mirrored |= {expected_test(f"{Path(s).parent}.py") for s in sources if Path(s).name == "__init__.py"}
    report(
        f"{test}: no module of that name"
        for test in python_files("tests")
        if Path(test).parts[1] in PACKAGES and Path(test).name.startswith("test_") and test not in mirrored
    )


def test_every_test_file_is_found_by_pytest() -> None:
    """A test in a file that pytest does not collect never runs: nobody would notice."""
    report(
        f"{name}:{node.lineno}: {node.name} is never collected"
        for name in python_files("tests")
        if not Path(name).name.startswith("test_")
        for node in ast.walk(tree(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


# --- sizes and names ------------------------------------------------------------------------------------------------


def test_no_module_is_too_long() -> None:
    limits = {name: READ_FIRST.get(name, MODULE_LINES) for name in python_files()}
    report(
        f"{name}: {line_count(name)} lines, at most {most}" for name, most in limits.items() if line_count(name) > most
    )


def test_no_function_is_too_long() -> None:
    report(
        f"{name}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}"
        for name in python_files()
        for node in ast.walk(tree(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    )


def test_no_module_is_a_drawer_for_everything() -> None:
    report(name for name in python_files() if NO_MODULES.intersection(Path(name).with_suffix("").parts))


def test_class_names_say_what_a_thing_is() -> None:
    report(
        f"{name}:{node.lineno}: class {node.name}"
        for name in python_files()
        for node in ast.walk(tree(name))
        if isinstance(node, ast.ClassDef) and NO_CLASS_WORDS.intersection(re.findall(r"[A-Z]+[a-z0-9]*", node.name))
    )


def test_every_module_says_what_it_is_for() -> None:
    report(
        f"{name}: no module docstring"
        for name in python_files(*PACKAGES)
        if Path(name).name != "__init__.py" and not ast.get_docstring(tree(name))
    )


# --- the core -------------------------------------------------------------------------------------------------------


def outside_world(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and description of everything in a module that a pure core may not have."""
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, f"imports {n.name}") for n in names if n.name.split(".")[0] in NOT_IN_CORE)
            case ast.ImportFrom(module=str(origin), level=0) if origin.split(".")[0] in NOT_IN_CORE:
                yield node.lineno, f"imports from {origin}"
            case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                yield node.lineno, "is asynchronous"
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in CLOCK_CALLS:
                yield node.lineno, f"asks the clock by {attr}()"
            case ast.Call(func=ast.Name(id="open" | "print" | "input" as called)):
                yield node.lineno, f"calls {called}()"


def test_core_has_no_async_clock_randomness_environment_or_logging() -> None:
    report(
        f"{name}:{line}: {what}"
        for name in python_files(*PACKAGES)
        if name.startswith(CORE)
        for line, what in outside_world(tree(name))
    )


def test_outside_world_is_seen_where_it_is() -> None:
    source = "import os.path\nfrom asyncio import sleep\nasync def f(): await sleep(1)\nx = datetime.now()\nopen('f')\n"
    assert [line for line, _ in outside_world(ast.parse(source))] == [1, 2, 3, 4, 5, 3]


def test_nothing_swallows_a_cancellation() -> None:
    """`asyncio.wait_for` of Python 3.11 does, when what it waits for ends at the same time: then a task never ends."""
    report(
        f"{name}:{node.lineno}: wait_for: take `async with asyncio.timeout(...)`"
        for name in python_files(*PACKAGES)
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Attribute) and node.attr == "wait_for"
    )


# --- words and recordings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", NOT_OUR_WORDS)
def test_no_file_speaks_of_the_place_where_it_was_written(words: str) -> None:
    pattern = re.compile(words)
    report(
        f"{name}:{number}: {found.group()}"
        for name in tracked()
        for number, line in enumerate((ROOT / name).read_text(errors="replace").splitlines(), 1)
        if (found := pattern.search(line))
    )


def test_every_recording_belongs_to_a_proxy_of_its_scenario() -> None:
    assert GOLDEN.is_dir()
    for scenario in sorted(path for path in GOLDEN.iterdir() if path.is_dir()):
        proxies = set(yaml.safe_load((scenario / "proxies.yaml").read_text()))
        recorded = {path.stem for path in (scenario / "golden").iterdir()}
        assert recorded == proxies, scenario.name
        assert list(scenario.glob("input*.yaml")), scenario.name


def test_every_recording_is_compared_by_some_test() -> None:
    """A test lists all of them, so that none can be forgotten."""
    readers = [name for name in python_files("tests") if name != "tests/test_house.py"]
    listing = [name for name in readers if 'GOLDEN.glob("*/golden/*.json")' in (ROOT / name).read_text()]
    assert listing
