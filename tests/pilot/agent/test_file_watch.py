from pathlib import Path

from pilot.agent.file_watch import signature


def test_an_unchanged_file_keeps_its_signature(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    assert signature(file) == signature(file)


def test_a_changed_file_changes_it(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    before = signature(file)
    file.write_text("three")
    assert signature(file) != before


def test_a_file_behind_a_swapped_link_changes_it(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cert.pem").write_text("same size")
    link = tmp_path / "current"
    link.symlink_to("old")
    before = signature(link / "cert.pem")
    link.unlink()
    link.symlink_to("new")
    assert signature(link / "cert.pem") != before


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    assert signature(tmp_path / "gone", tmp_path)[0] is None
