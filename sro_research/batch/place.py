"""A folder at a URL, by the driver that fsspec has for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sro_research.errors import WorkbenchError
from sro_research.files import put_in_place, url_without_password


class PlaceError(WorkbenchError):
    """What lies at a URL cannot be reached, or another run works there."""


@dataclass(frozen=True)
class Place:
    """A folder at a URL. Names of files are relative to it; methods raise what a driver raises, which may be anything.

    Within `reaching` that is one sentence.
    """

    url: str
    """As it may be shown: without a password."""
    fs: Any
    top: str

    @classmethod
    def at(cls, url: str) -> Place:
        """Find the driver of a URL. Raises `PlaceError` where there is none."""
        from fsspec.core import url_to_fs  # Only here: most studies lie on this machine.

        shown = url_without_password(url)
        try:
            return cls(shown, *url_to_fs(url))
        except ImportError as error:
            raise PlaceError(
                shown, f"the driver for this kind of URL is not installed ({error})", fix="Install it with pip."
            ) from None
        except Exception as error:
            fix = "Write one that fsspec knows, such as s3://bucket/folder."
            raise PlaceError(shown, f"this URL cannot be used: {_reason(error)}", fix=fix) from None

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """Say what goes wrong in one sentence, as `PlaceError`."""
        try:
            yield
        except WorkbenchError:
            raise
        except Exception as error:
            raise PlaceError(
                self.url,
                f"it cannot be read or written: {_reason(error)}",
                fix="Check the address, the network and your permission there; the same command goes on.",
            ) from None

    @property
    def is_disk(self) -> bool:
        """Whether it is a folder of a disk that this machine sees (`file://`)."""
        from fsspec.implementations.local import LocalFileSystem

        return isinstance(self.fs, LocalFileSystem)

    def of(self, name: str) -> str:
        """Return the path of a file by which the driver knows it."""
        return f"{self.top.rstrip('/')}/{name}"

    def files(self, folders: Iterable[str]) -> dict[str, int]:
        """Return the size of each file in folders and below; names that start with a point are left out.

        Not by `find` or `walk` of fsspec: they pass over folders that they cannot read, and a ledger that cannot be
        read is not one that is not there.
        """
        self.fs.invalidate_cache()
        found, todo = {}, list(folders)
        while todo:
            folder = todo.pop()
            try:
                entries = self.fs.ls(self.of(folder), detail=True)
            except FileNotFoundError:
                continue
            for entry in entries:
                whole = entry["name"].rstrip("/")
                name = f"{folder}/{whole.rpartition('/')[2]}"
                if "/." in name or not whole.endswith(name):  # Some stores list the folder itself, too.
                    continue
                if entry["type"] == "directory":
                    todo.append(name)
                else:
                    found[name] = entry["size"]
        return found

    def read(self, name: str) -> bytes | None:
        """Return what a small file holds; None where there is no such file."""
        try:
            return self.fs.cat_file(self.of(name))
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Write a small file."""
        self._make_folders([name])
        self.fs.pipe_file(self.of(name), data)

    def create(self, name: str, data: bytes) -> None:
        """Write a small file that is not there; raise `FileExistsError` where it is, if the filesystem can tell."""
        self._make_folders([name])
        try:
            with self.fs.open(self.of(name), "xb") as stream:
                stream.write(data)
        except (NotImplementedError, ValueError):
            self.fs.pipe_file(self.of(name), data)

    def get(self, files: Mapping[str, Path]) -> None:
        """Copy files to paths of this machine."""
        for parent in {path.parent for path in files.values()}:
            parent.mkdir(parents=True, exist_ok=True)
        if files:
            self.fs.get([self.of(name) for name in files], [str(path) for path in files.values()])

    def put(self, files: Mapping[str, Path]) -> None:
        """Copy files from paths of this machine; one that is taken away meanwhile is left out."""
        if not files:
            return
        self._make_folders(files)
        try:
            self.fs.put([str(path) for path in files.values()], [self.of(name) for name in files])
        except FileNotFoundError:
            still = {name: path for name, path in files.items() if path.is_file()}
            if len(still) == len(files):
                raise
            self.put(still)

    def copy(self, files: Mapping[str, tuple[str, Path]]) -> None:
        """Copy files within the place; from the paths of this machine where its driver cannot (SFTP)."""
        if not files:
            return
        try:
            self.fs.copy([self.of(source) for source, _ in files.values()], [self.of(name) for name in files])
        except NotImplementedError:
            self.put({name: path for name, (_, path) in files.items()})

    def swap(self, new: str, folder: str) -> None:
        """Put a folder of a disk in the place of another, as a whole."""
        put_in_place(Path(self.of(new)), Path(self.of(folder)))

    def delete(self, names: Iterable[str]) -> None:
        """Delete files; one that is gone already is no error."""
        for name in names:
            with suppress(FileNotFoundError):
                self.fs.rm_file(self.of(name))

    def delete_folder(self, name: str) -> None:
        """Delete a folder with what is in it, if it is there."""
        if self.fs.exists(self.of(name)):
            self.fs.rm(self.of(name), recursive=True)

    def _make_folders(self, names: Iterable[str]) -> None:
        if self.fs.async_impl:  # The drivers of object stores; these have no folders, and would make a bucket.
            return
        for parent in {self.of(name).rpartition("/")[0] for name in names}:
            self.fs.makedirs(parent, exist_ok=True)


def _reason(error: Exception) -> str:
    """Return what a driver's error says of itself; no more of its text, which may hold what gives access."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else ""
    return text.lower() or type(error).__name__
