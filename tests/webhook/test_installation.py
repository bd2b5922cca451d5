"""The injector's configuration follows its files; the last good one stays."""

from pathlib import Path

from webhook.injection.configuration import InjectorConfig
from webhook.installation import InjectionFiles, Places

CONFIG = "policy: enabled\ntemplates:\n  sidecar: |\n    spec: {}\n"


def files(tmp_path: Path) -> InjectionFiles:
    return InjectionFiles(Places(tmp_path / "inject", tmp_path / "mesh", revision="r"))


def write(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "inject").mkdir(exist_ok=True)
    (tmp_path / "inject" / name).write_text(text)


def test_without_files_nothing_is_injected(tmp_path: Path) -> None:
    found = files(tmp_path)
    assert found.reload() is False
    assert found.installation is None


def test_a_change_is_taken_over_once(tmp_path: Path) -> None:
    found = files(tmp_path)
    write(tmp_path, "config", CONFIG)
    write(tmp_path, "values", '{"global": {"network": "n"}}')
    assert found.reload() is True
    assert found.reload() is False
    assert found.installation is not None
    assert (found.installation.config.policy, found.installation.revision) == ("enabled", "r")
    assert found.installation.values["global"]["network"] == "n"
    write(tmp_path, "config", CONFIG.replace("enabled", "disabled"))
    assert found.reload() is True
    assert found.installation.config.policy == "disabled"


def test_what_does_not_parse_leaves_the_last_good_one(tmp_path: Path) -> None:
    found = files(tmp_path)
    write(tmp_path, "config", CONFIG)
    assert found.reload() is True
    before = found.installation
    for text in ("templates: {sidecar: '{{ if }}'}", "[", "a: \udcff"):
        (tmp_path / "inject" / "config").write_bytes(text.encode("utf-8", "surrogateescape"))
        assert found.reload() is False
        assert found.installation is before
    (tmp_path / "inject" / "config").unlink()
    found.reload()
    assert found.installation is not None
    assert found.installation.config.templates.keys() == {"sidecar"}


def test_an_installation_without_files_may_have_templates_all_the_same(tmp_path: Path) -> None:
    standing = InjectorConfig(policy="enabled"), {"global": {"hub": "h"}}
    found = InjectionFiles(Places(tmp_path / "inject", tmp_path / "mesh"), lambda: standing)
    assert found.reload() is True
    assert found.installation is not None
    assert found.installation.values == {"global": {"hub": "h"}}
    write(tmp_path, "values", "{}")
    assert found.reload() is True
    assert found.installation.values == {}
    write(tmp_path, "config", CONFIG)
    assert found.reload() is True
    assert found.installation.config.templates.keys() == {"sidecar"}
