"""The injector's configuration follows its files; the last good one stays."""

from pathlib import Path

from webhook.injection.configuration import InjectorConfig
from webhook.installation import InjectionFiles, Places, Texts

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


def test_a_cluster_is_waited_for_and_files_win_over_it(tmp_path: Path) -> None:
    found = InjectionFiles(Places(tmp_path / "inject", tmp_path / "mesh"), lambda: (InjectorConfig(), {}))
    meshes = ["{}"]
    found.follow_cluster(lambda: meshes[0])
    assert found.reload() is False
    found.offer(Texts(CONFIG, '{"a": 1}'))
    assert found.reload() is True
    assert found.installation is not None
    assert found.installation.values == {"a": 1}
    meshes[0] = '{"enablePrometheusMerge": false}'
    assert found.reload() is True
    assert found.installation.mesh.settings["enablePrometheusMerge"] is False
    found.offer(Texts("templates: {a: '{{'}", ""))
    assert found.reload() is False
    write(tmp_path, "config", CONFIG.replace("enabled", "disabled"))
    assert found.reload() is True
    assert found.installation.config.policy == "disabled"


def test_what_stands_in_is_used_where_a_cluster_has_nothing(tmp_path: Path) -> None:
    found = InjectionFiles(Places(tmp_path / "inject", tmp_path / "mesh"), lambda: (InjectorConfig(), {}))
    found.follow_cluster(lambda: "")
    found.offer(None)
    assert found.reload() is True
