"""The disk: YAML is read strictly, files are written whole or not at all, fingerprints are stable."""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path

import pytest

from sro_research.errors import StudyFileError, WorkbenchError
from sro_research.files import (
    file_fingerprint,
    find_upward,
    fingerprint,
    put_in_place,
    read_json,
    read_yaml,
    write_bytes,
    write_json,
    write_text,
)


def yaml_file(folder: Path, content: str | bytes) -> Path:
    path = folder / "a.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("a: 1", 1),
        ("a: -7", -7),
        ("a: 0", 0),
        ("a: 0.05", 0.05),
        ("a: 1e3", 1000.0),
        ("a: true", True),
        ("a:", None),
        ("a: null", None),
        ("a: 2024-02-29", dt.date(2024, 2, 29)),
        ("a: two words", "two words"),
        # Quotes mean text, whatever stands between them.
        ('a: "0123"', "0123"),
        ("a: 'No'", "No"),
        ('a: "2024-02-29"', "2024-02-29"),
        ('a: ""', ""),
        ('a: "<<"', "<<"),
        ('a: "*not an alias"', "*not an alias"),
        ("a: >-\n  No\n", "No"),
        # YAML 1.1 reads these as numbers or switches; nobody who types them means that.
        ("a: 12:30", "12:30"),
        ("a: 0x1F", "0x1F"),
        ("a: 1_000", "1_000"),
        ("a: True", "True"),
        (b"\xef\xbb\xbfa: 1", 1),
        ("a: 1\r\n", 1),
        ("a: [1, x]", [1, "x"]),
    ],
)
def test_values_are_read_as_they_are_meant(tmp_path: Path, content: str | bytes, value: object) -> None:
    read = read_yaml(yaml_file(tmp_path, content)).data["a"]
    assert (read, type(read)) == (value, type(value))


NO_SHORTHAND = (
    "anchors (&), aliases (*) and tags (!) are not read here. "
    "Write the value out, in quotes if it starts with one of these signs."
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: 1\nb: 2\na: 3", ":3: the key 'a' stands twice (first on line 1). Keep one of the two."),
        ("a:\n  b: 1\n  b: 2", ":3: the key 'b' stands twice (first on line 2). Keep one of the two."),
        ("a: [{b: 1, b: 2}]", ":1: the key 'b' stands twice (first on line 1). Keep one of the two."),
        *[
            (
                f"x: 1\na: {word}",
                f":2: {word} without quotes is read as true or false. "
                f'Write "{word}" for the word, or true / false for the switch.',
            )
            for word in ("Yes", "No", "On", "off", "y", "N", "NO")
        ],
        (
            "no: 1",
            ':1: no without quotes is read as true or false. Write "no" for the word, or true / false for the switch.',
        ),
        *[
            (
                f"a: {number}",
                f':1: {number} without quotes loses its leading zero. Write "{number}" if it is an identifier.',
            )
            for number in ("0123", "00", "-01", "007.5")
        ],
        ("a: 2024-02-30", ":1: 2024-02-30 is not a day of the calendar. Mend the date."),
        (
            f"a: {'9' * 5000}",
            ":1: the number is too long to be kept exactly. Put an identifier in quotes.",
        ),
        ("a: 1e999", ":1: the number is too long to be kept exactly. Put an identifier in quotes."),
        ("\ta: 1", ":1: this is not valid YAML: found character '\\t' that cannot start any token. "),
        ("a: 1\nb: 'x", ":2: this is not valid YAML: found unexpected end of stream. Check indentation and quotes."),
        ("a: 1\nb: \x07", ":2: the line holds a character that YAML does not allow. Type the line anew."),
        (b"a: 1\nb: caf\xe9", ":2: the text is not UTF-8. Save the file as UTF-8."),
        ("", ": the file must hold `key: value` lines. Start from params/demo.yaml."),
        ("# nothing\n", ": the file must hold `key: value` lines. Start from params/demo.yaml."),
        ("- 1\n- 2", ": the file must hold `key: value` lines. Start from params/demo.yaml."),
        ("a: 1\n---\na: 2", ":2: this is not valid YAML: but found another document. "),
        ("? [1]\n: 2", ":1: a key must be a word. Write `key: value`."),
        ("null: 2", ":1: a key must be a word. Write `key: value`."),
        ("<<: {a: 1}", ":1: a key must be a word. Write `key: value`."),
        ("a: &x 1\nb: *x", f":1: {NO_SHORTHAND}"),
        ("a: {b: 1}\nc:\n  <<: *a", f":3: {NO_SHORTHAND}"),
        ("a: &x [*x]", f":1: {NO_SHORTHAND}"),  # holds itself
        ("a: !!str 0123", f":1: {NO_SHORTHAND}"),
        ("a: !!python/object:os.system x", f":1: {NO_SHORTHAND}"),
        ("a: " + "[" * 500 + "]" * 500, ": the values are nested too deeply. Look for unclosed brackets."),
    ],
)
def test_what_yaml_would_misread_is_refused_with_its_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = yaml_file(tmp_path, content)
    with pytest.raises(StudyFileError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("none.yaml", "there is no such file"),
        (".", "this is a folder, not a file"),
        ("file/below.yaml", "cannot be read: not a directory"),
        ("x" * 300 + ".yaml", "cannot be read: file name too long"),
    ],
)
def test_a_path_that_is_no_file_is_said_so(tmp_path: Path, name: str, rule: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StudyFileError, match=rule):
        read_yaml(tmp_path / name)


def test_a_document_knows_the_line_of_the_deepest_known_key(tmp_path: Path) -> None:
    path = yaml_file(tmp_path, "a:\n  - x\n  - b: 1\n    c: 2\n")
    document = read_yaml(path)
    assert document.where(["a", 1, "c"]) == f"{path}:4"
    assert document.where(["a", 1, "not there"]) == f"{path}:3"
    assert document.where(["nowhere"]) == f"{path}:1"


def test_writing_replaces_the_whole_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "ñ")
    write_text(path, "second")
    assert path.read_bytes() == b"second"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_write_that_fails_leaves_the_old_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)  # a full disk cannot be had otherwise
    with pytest.raises(WorkbenchError) as caught:
        write_text(path, "new")
    assert str(caught.value) == (
        f"{path}: cannot be written: no space left on device. Free space or choose another folder."
    )
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("blocked", ["file/a.txt", "file/deeper/a.txt", "folder"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, blocked: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "kept").mkdir(parents=True)
    with pytest.raises(WorkbenchError, match="cannot be written: "):
        write_bytes(tmp_path / blocked, b"x")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder", "kept"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_permissions_follow_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == mode


def test_json_comes_back_as_it_was(tmp_path: Path) -> None:
    write_json(tmp_path / "t.json", {"b": "ñ", "a": None})
    assert list(read_json(tmp_path / "t.json").items()) == [("b", "ñ"), ("a", None)]
    assert read_json(tmp_path / "none.json") is None


@pytest.mark.parametrize("content", [b"", b"\x00"])
def test_damaged_json_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(WorkbenchError, match=r"damaged: this file is damaged\. "):
        read_json(path)


@pytest.mark.parametrize("old", ["nothing", "file", "folder"])
@pytest.mark.parametrize("new", ["file", "folder"])
@pytest.mark.parametrize("exchange", [True, False])
def test_files_and_folders_take_the_place_of_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, exchange: bool
) -> None:
    def made(name: str, kind: str) -> Path:
        path = tmp_path / name
        if kind == "folder":
            (path / "deeper").mkdir(parents=True)
            (path / "deeper" / name).touch()
        elif kind == "file":
            path.write_text(name)
        return path

    if not exchange:
        monkeypatch.setattr(sys, "platform", "other")
    if old == new == "file":  # one step on every system: there is nothing to delete
        monkeypatch.setattr("sro_research.files.delete", None)
    place = made("place", old)
    put_in_place(made("new", new), place)
    assert list(tmp_path.iterdir()) == [place]
    assert (place.read_text() if new == "file" else next((place / "deeper").iterdir()).name) == "new"


def test_fingerprints_tell_values_apart_and_stay_the_same() -> None:
    # Fixed text: a manifest written by another machine or process has to hold here too.
    assert fingerprint({"b": 1, "a": "ñ"}, [dt.date(2024, 1, 2)]) == "2afcf4821e1860a8ed27c2391d51c727"
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    different = [fingerprint(*parts) for parts in (("a", "b"), ("ab",), ("b", "a"), (["a", "b"],), (1,), ("1",), ())]
    assert len(set(different)) == len(different)


def test_a_file_fingerprint_follows_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert file_fingerprint(path) == "absent"
    path.write_bytes(b"x")
    first = file_fingerprint(path)
    path.write_bytes(b"y")
    assert first != file_fingerprint(path)
    path.write_bytes(b"x")
    assert first == file_fingerprint(path)


def test_a_relative_path_is_found_in_the_folders_above(tmp_path: Path) -> None:
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "a.yaml").touch()
    deep = tmp_path / "notebooks" / "study"
    assert find_upward("params/a.yaml", deep) == tmp_path / "params" / "a.yaml"
    assert find_upward("params/none.yaml", deep) == deep / "params" / "none.yaml"
    assert find_upward("/somewhere/a.yaml", deep) == Path("/somewhere/a.yaml")
