"""The disk: strict YAML in, text and JSON out whole or not at all, and fingerprints.

YAML is read stricter than its standard. What a spreadsheet person types in good faith (`No`, `0123`) means
something else to YAML; here that is an error that names the line and the fix, never a silent other value. Anchors,
aliases, merge keys and tags are refused: a reader should not have to put a file together in their head.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import errno
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sro_research.errors import DiskError, StudyFileError, WorkbenchError

YAML_11_BOOLEANS = {"yes", "no", "on", "off", "y", "n"}
"""Words that YAML 1.1 reads as true or false (https://yaml.org/type/bool.html); people mean text by them."""

DEEPEST = 100
"""Levels of values in values that a YAML file may have."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where PyYAML was built with it: ten times as fast."""
LONGEST_INTEGER = 15
"""Digits of the longest whole number that every program keeps exactly; longer ones are identifiers."""

_HERE, _EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
CANNOT_WRITE = {*_FULL, *_FORBIDDEN, errno.ENOENT}
"""Numbers of the errors that mean a disk; the last comes of a folder that is taken away, or of no temporary folder."""
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+(\.[0-9]*)?")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class Document:
    """A YAML file as plain values, with the line on which each key or list entry stands."""

    path: Path
    data: dict[str, Any]
    lines: Mapping[tuple[str | int, ...], int] = field(repr=False)

    def where(self, keys: Iterable[str | int]) -> str:
        """Return `file:line` for the deepest part of a key path that stands in the file."""
        path = tuple(keys)
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.path}:{self.lines.get(path, 1)}"


def read_yaml(path: Path) -> Document:
    """Read one YAML mapping, refusing duplicate keys and values that YAML would misread.

    Raises `StudyFileError` with file, line and fix.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise StudyFileError(path, "there is no such file", fix="Check the spelling of the path.") from None
    except IsADirectoryError:
        raise StudyFileError(path, "this is a folder, not a file", fix="Name a .yaml file.") from None
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise StudyFileError(f"{path}:{line}", "the text is not UTF-8", fix="Save the file as UTF-8.") from None
    lines: dict[tuple[str | int, ...], int] = {}
    try:
        _refuse_shorthand(text, path)
        node = yaml.compose(text, Loader=_LOADER)
        if not isinstance(node, yaml.MappingNode):
            raise StudyFileError(path, "the file must hold `key: value` lines", fix="Start from params/demo.yaml.")
        return Document(path, _mapping(node, (), path, lines), lines)
    except yaml.MarkedYAMLError as raised:
        fault = _in_detail(text, raised)
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise StudyFileError(
            f"{path}:{line}", f"this is not valid YAML: {fault.problem}", fix="Check indentation and quotes."
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise StudyFileError(
            f"{path}:{line}", "the line holds a character that YAML does not allow", fix="Type the line anew."
        ) from None


def _in_detail(text: str, error: yaml.MarkedYAMLError) -> yaml.MarkedYAMLError:
    """Return what PyYAML's own parser finds wrong; libyaml's does not name the character."""
    try:
        for _ in yaml.parse(text, Loader=yaml.SafeLoader):
            pass
    except yaml.MarkedYAMLError as found:
        return found
    return error


def _refuse_shorthand(text: str, path: Path) -> None:
    """Refuse anchors, aliases and tags: an alias can hold itself, and a tag can change what a value means.

    Deep nesting too, which would overflow the stack of libyaml.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise StudyFileError(path, "the values are nested too deeply", fix="Look for unclosed brackets.")
        if getattr(event, "anchor", None) is not None or getattr(event, "tag", None) is not None:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise StudyFileError(
                f"{path}:{line}",
                "anchors (&), aliases (*) and tags (!) are not read here",
                fix="Write the value out, in quotes if it starts with one of these signs.",
            )


def _mapping(
    node: yaml.MappingNode, at: tuple[str | int, ...], path: Path, lines: dict[tuple[str | int, ...], int]
) -> dict[Any, Any]:
    values: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = _value(key_node, at, path, lines)
        line = key_node.start_mark.line + 1
        if key is None or key == "<<" or isinstance(key, list | dict):
            raise StudyFileError(f"{path}:{line}", "a key must be a word", fix="Write `key: value`.")
        if key in values:
            raise StudyFileError(
                f"{path}:{line}",
                f"the key '{key}' stands twice (first on line {lines[(*at, key)]})",
                fix="Keep one of the two.",
            )
        lines[(*at, key)] = line
        values[key] = _value(value_node, (*at, key), path, lines)
    return values


def _value(node: yaml.Node, at: tuple[str | int, ...], path: Path, lines: dict[tuple[str | int, ...], int]) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, at, path, lines)
    if isinstance(node, yaml.SequenceNode):
        for i, child in enumerate(node.value):
            lines[(*at, i)] = child.start_mark.line + 1
        return [_value(child, (*at, i), path, lines) for i, child in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    return node.value if node.style else _plain(node.value, f"{path}:{node.start_mark.line + 1}")


def _plain(text: str, where: str) -> str | int | float | bool | dt.date | None:
    """Read an unquoted scalar: what is not plainly a number, a date, true, false or null is text."""
    if text.lower() in YAML_11_BOOLEANS:
        raise StudyFileError(
            where,
            f"{text} without quotes is read as true or false",
            fix=f'Write "{text}" for the word, or true / false for the switch.',
        )
    if _LEADING_ZERO.fullmatch(text):
        raise StudyFileError(
            where,
            f"{text} without quotes loses its leading zero",
            fix=f'Write "{text}" if it is an identifier.',
        )
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text) and len(text) <= LONGEST_INTEGER:
        return int(text)
    if _NUMBER.fullmatch(text):
        if _INTEGER.fullmatch(text) or not math.isfinite(float(text)):
            raise StudyFileError(where, "the number is too long to be kept exactly", fix="Put an identifier in quotes.")
        return float(text)
    if _DATE.fullmatch(text):
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            raise StudyFileError(where, f"{text} is not a day of the calendar", fix="Mend the date.") from None
    return text


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text so that a reader sees the old file or the whole new one, never a part."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes to a temporary neighbour, flush it to the disk, then rename it into place."""
    with neighbour(path) as new:
        write_flushed(new, data)
        new.replace(path)


@contextmanager
def neighbour(path: Path) -> Iterator[Path]:
    """Give the path of a temporary neighbour to write to; what is left there in the end is deleted.

    Raises `WorkbenchError` where the disk refuses.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield new
    finally:
        with suppress(OSError):
            delete(new)


def write_flushed(path: Path, data: bytes) -> None:
    """Write a new file and flush it to the disk."""
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise `DiskError`, which says why and what to do, where `path` cannot be written."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from None


def put_in_place(new: Path, place: Path) -> None:
    """Put a file or folder in the place of another, which is deleted; who looks finds the old one or the new one.

    Linux exchanges two names in one step. Elsewhere there is a moment without either if one of them is a folder.
    """
    with writing(place):
        if not place.exists() or not (new.is_dir() or place.is_dir()):
            new.replace(place)
        elif _exchanged(new, place):
            delete(new)
        else:
            aside = place.with_name(f"{place.name}.old")
            delete(aside)
            place.rename(aside)  # Not deleted where it stands: a death in the middle would leave a part of it.
            new.rename(place)
            delete(aside)


def delete(path: Path) -> None:
    """Delete a file, or a folder with what is in it; nothing where there is none."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names, or return False where the system cannot. Raises `OSError` where it may not."""
    exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if exchange is None:
        return False
    if exchange(_HERE, os.fsencode(one.absolute()), _HERE, os.fsencode(other.absolute()), _EXCHANGE) == 0:
        return True
    if (number := ctypes.get_errno()) in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False  # An old kernel, or a disk that has no such step.
    raise OSError(number, os.strerror(number))


def append_line(path: Path, line: str) -> None:
    """Add a line to the end of a file and flush it to the disk; what a crash left of a line is taken away first."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as stream:
            end = stream.seek(0, os.SEEK_END)
            whole = end
            while whole and os.pread(stream.fileno(), 1, whole - 1) != b"\n":
                whole -= 1
            if whole < end:
                stream.truncate(whole)
            stream.write(line.encode("utf-8") + b"\n")
            stream.flush()
            os.fsync(stream.fileno())


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner can read."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)


def unwritable(path: Path, error: OSError) -> DiskError:
    """Return an error that says why a path cannot be written, and what to do."""
    if error.errno in _FULL:
        fix = "Free space or choose another folder."
    elif error.errno in _FORBIDDEN:
        fix = "Ask for the right to write there or choose another folder."
    else:
        fix = "Check the path or choose another folder."
    return DiskError(path, f"cannot be written: {_reason(error)}", fix=fix)


def unreadable(path: Path, error: OSError) -> StudyFileError:
    """Return an error that says why a file of a study cannot be read."""
    return StudyFileError(path, f"cannot be read: {_reason(error)}", fix="Check the path and who may read it.")


def _reason(error: OSError) -> str:
    return (error.strerror or "unknown reason").lower()


def is_file(path: Path) -> bool:
    """Tell whether there is such a file; a name that no disk would take is not one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def write_json(path: Path, value: Any) -> None:
    """Write plain values as readable JSON, keys in the order given."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON, or return None where there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except ValueError:
        raise WorkbenchError(path, "this file is damaged", fix="Delete it and run again.") from None


def fingerprint(*parts: Any) -> str:
    """Return a short hash of plain values, in order; equal values give equal text on any machine."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(json.dumps(part, sort_keys=True, default=str, ensure_ascii=False).encode())
        digest.update(b"\x00")
    return digest.hexdigest()


NO_FINGERPRINT = ABSENT, UNREADABLE = "absent", "unreadable"
"""Stand in the place of a fingerprint where there is no file, or none for us."""


def file_fingerprint(path: Path) -> str:
    """Return a short hash of a file's bytes, `absent` where there is none, or `unreadable` where it is not for us."""
    try:
        if not path.is_file():
            return ABSENT
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except PermissionError:
        return UNREADABLE


def is_url(name: str) -> bool:
    """Tell whether a name is a URL of an fsspec filesystem (`s3://bucket/folder`), not a path on this machine."""
    return _URL.match(name) is not None


def url_without_password(url: str) -> str:
    """Return a URL as it may be shown: without the user and password that it may hold."""
    return re.sub(r"//[^/]*@", "//", url)


def local_copy(url: str) -> Path:
    """Return where this machine keeps its copy of what lies at a URL: in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "sro-research" / fingerprint(url)


def find_upward(name: str, start: Path) -> Path:
    """Find a relative path in `start` or the nearest folder above it.

    A notebook is opened from its own folder by JupyterLab and run from the project's by papermill; the same
    `params/demo.yaml` has to mean the same file to both.
    """
    path = Path(name).expanduser()
    if path.is_absolute():
        return path
    for folder in (start, *start.parents):
        if (folder / path).exists():
            return folder / path
    return start / path
