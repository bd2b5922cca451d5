import os
from pathlib import Path

import pytest

from pilot.sources import file_tree
from pilot.sources.file_tree import UnreadableFile, is_json, list_files, read_text


def write(path: Path, text: str = "a: 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_files_are_found_in_all_directories(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.YML", "c.json", "d.txt", "sub/e.yaml", "sub/deep/f.yml"):
        write(tmp_path / name)
    listing = list_files(str(tmp_path))
    assert sorted(listing.files) == ["a.yaml", "b.YML", "c.json", "sub/deep/f.yml", "sub/e.yaml"]
    assert listing.unreadable == {}


def test_hidden_files_and_what_editors_leave_are_not_there(tmp_path: Path) -> None:
    for name in (".a.yaml", ".git/x.yaml", "a.yaml~", ".a.yaml.swp", "#a.yaml#", "a.yaml.tmp", ".#a.yaml", "4913"):
        write(tmp_path / name)
    assert list_files(str(tmp_path)).files == {}


def test_a_mounted_config_map_is_read_through_its_links(tmp_path: Path) -> None:
    write(tmp_path / "..2024_01_01" / "mesh.yaml", "a: 1\n")
    (tmp_path / "..data").symlink_to("..2024_01_01")
    (tmp_path / "mesh.yaml").symlink_to("..data/mesh.yaml")
    before = list_files(str(tmp_path)).files
    assert list(before) == ["mesh.yaml"]
    write(tmp_path / "..2024_01_02" / "mesh.yaml", "a: 2\n")
    (tmp_path / "..data_tmp").symlink_to("..2024_01_02")
    os.rename(tmp_path / "..data_tmp", tmp_path / "..data")
    after = list_files(str(tmp_path)).files
    assert before.keys() == after.keys()
    assert before != after
    assert read_text(str(tmp_path / "mesh.yaml"))[0] == "a: 2\n"


def test_links_in_circles_and_links_to_nothing_are_harmless(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "a.yaml")
    (tmp_path / "sub" / "again").symlink_to(tmp_path)
    (tmp_path / "nothing.yaml").symlink_to("nowhere")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "self.yaml").symlink_to("self.yaml")
    listing = list_files(str(tmp_path))
    assert list(listing.files) == ["sub/a.yaml"]
    assert list(listing.unreadable) == ["self.yaml"]


def test_one_file_by_two_names_is_one_file(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    os.link(tmp_path / "a.yaml", tmp_path / "c.yaml")
    assert list(list_files(str(tmp_path)).files) == ["a.yaml"]


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "dir.yaml").mkdir()
    assert list_files(str(tmp_path)).files == {}


def test_a_directory_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "sub" / "a.yaml")
    write(tmp_path / "b.yaml")
    scandir = os.scandir

    def refuse(path: str) -> object:  # permissions do not stop root, under whom tests may run
        if path.endswith("sub/"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    listing = list_files(str(tmp_path))
    assert list(listing.files) == ["b.yaml"]
    assert listing.unreadable == {"sub/": "cannot be read: permission denied"}


def test_a_missing_root_is_an_error_and_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list_files(str(tmp_path / "nope"))
    with pytest.raises(NotADirectoryError):
        list_files(str(write(tmp_path / "file")))


def test_the_number_of_files_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_tree, "MAX_FILES", 2)
    for name in ("a.yaml", "b.yaml", "c.yaml"):
        write(tmp_path / name)
    listing = list_files(str(tmp_path))
    assert list(listing.files) == ["a.yaml", "b.yaml"]
    assert listing.unreadable == {"": "more than 2 files: the rest is not read"}


def test_text_comes_with_the_signature_of_the_listing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", "\ufeffa: é\n")
    text, signature = read_text(str(path))
    assert text == "a: é\n"
    assert list_files(str(tmp_path)).files == {"a.yaml": signature}
    path.write_text("a: b, longer\n")
    assert read_text(str(path))[1] != signature


def test_what_is_no_text_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(UnreadableFile, match="line 2: expected UTF-8 text, got the byte 0xff"):
        read_text(str(path))


def test_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_tree, "MAX_FILE_BYTES", 1024 * 1024)
    path = write(tmp_path / "a.yaml", "#" * (1024 * 1024 + 1))
    with pytest.raises(UnreadableFile, match="larger than 1 MiB"):
        read_text(str(path))


def test_a_file_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="cannot be read: is a directory"):
        read_text(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        read_text(str(tmp_path / "nope.yaml"))


def test_json_is_known_by_its_name() -> None:
    assert is_json("a/b.JSON")
    assert not is_json("a.json/b.yaml")
