"""Results at a URL: worked on in a private copy on this machine, and kept there.

What lies at the URL is what counts. A run first brings its copy up to date. What it makes is stored now and then,
outputs before the line of the manifest that says they are made, so that another machine goes on where this one was
stopped. Only what changed is moved: a listing at the URL says by hash what lies there. It is deleted before anything is
changed and written anew after, so that it never says what is not so; without it everything is fetched.

Protected tables lie in `internal/` there as they do here: whoever can read the URL can read them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sro_research.batch.lock import alone_at, alone_in, end_as_by_ctrl_c
from sro_research.batch.place import Place, PlaceError
from sro_research.files import file_fingerprint, make_private_folder
from sro_research.folders import Folders

KEPT = ("internal", "ledger", "release")
LISTING = "internal/.listing.json"
STAGED = "release.new"
SECONDS_BETWEEN = 30.0
"""What is finished is stored so often: as much is lost at most when this machine dies, and what was being made."""


@contextmanager
def at_hand(folders: Folders, shard: str = "") -> Iterator[Callable[[], None]]:
    """Hold a results folder for this process, with what lies at its URL; yield what keeps the work done so far.

    What is finished is stored however the block ends. Shards do not hold the URL: each adds files of its own, from a
    machine of its own, and none may start while a whole run is there.
    Raises `PlaceError` where the URL cannot be reached or another run works there, `StudyFileError` where one works on
    this machine.
    """
    if not folders.url:
        with alone_in(folders.root, shard):
            yield lambda: None
        return
    place = Place.at(folders.url)
    with alone_in(folders.root), alone_at(place, hold=not shard) as renew:
        if place.is_disk:
            for name in ("internal", "ledger"):
                make_private_folder(Path(place.of(name)))
        copy = _Copy(folders.root, place, renew, lists=not shard)
        copy.bring()
        try:
            yield copy.keep
        except PlaceError:
            raise
        except BaseException:
            with suppress(PlaceError):
                copy.store()
            raise
        copy.store()


def look(folders: Folders) -> None:
    """Bring this machine's copy up to date with what lies at the URL, and change nothing there."""
    if folders.url:
        with alone_in(folders.root):
            _Copy(folders.root, Place.at(folders.url), lambda: None, lists=False).bring()


@dataclass
class _Copy:
    """This machine's copy of a results folder, and what is known to lie at its place: a hash of each file, by name."""

    root: Path
    place: Place
    renew: Callable[[], None]
    lists: bool
    """Whether the listing is written. One that may be at work beside others only deletes it."""
    known: dict[str, str] = field(default_factory=dict)
    listed: bool = False
    stored: float = 0.0
    hashes: dict[tuple[str, int, int, int], str] = field(default_factory=dict)

    def bring(self) -> None:
        """Make the copy what lies at the place; what a killed run left here and never stored goes, too."""
        with self.place.reaching():
            claimed, there, here = self._listing(), self.place.files(KEPT), self._here()
            same = {name for name in here.keys() & there.keys() if here[name] == claimed.get(name)}
            same = {name for name in same if there[name] == (self.root / name).stat().st_size}
            self.place.get({name: self.root / name for name in there if name not in same})
            for name in here.keys() - there.keys():
                (self.root / name).unlink(missing_ok=True)
            for name in ("ledger", "release"):  # An empty release is not one.
                with suppress(OSError):
                    (self.root / name).rmdir()
            self.known, self.listed, self.stored = self._here(), bool(claimed), time.monotonic()

    def keep(self) -> None:
        """Store what is finished, if some time has passed."""
        end_as_by_ctrl_c()
        if time.monotonic() - self.stored >= SECONDS_BETWEEN:
            self.store()

    def store(self) -> None:
        """Make what lies at the place what lies here, in an order by which nothing is promised before it is there."""
        with self.place.reaching():
            self.renew()
            here = self._here()
            changed = [name for name, digest in here.items() if self.known.get(name) != digest]
            gone = [name for name in self.known if name not in here]
            if changed or gone:
                self.place.delete([LISTING])
                self.listed = False
            if self.lists and not self.listed:
                self.place.delete_folder(STAGED)  # What a run left there that was cut off.
            for turn in range(RELEASE):
                self._put(name for name in changed if _turn(name) == turn)
            self._release(
                [name for name in changed if _turn(name) == RELEASE], [name for name in gone if _turn(name) == RELEASE]
            )
            self.place.delete(name for name in gone if _turn(name) != RELEASE)
            self.known = here
            if self.lists and not self.listed and here:
                self.place.write(LISTING, json.dumps(here).encode())
                self.listed = True
            self.stored = time.monotonic()

    def _release(self, changed: list[str], gone: list[str]) -> None:
        """Put a release in the place of the one that is there, whole where that can be done.

        On a disk (`file://`) a reader sees the old release or the new one. Elsewhere no folder can be swapped: all that
        has to travel is there before the first page is replaced, then pages are copied within the place, then the
        indexes, then pages that are gone are deleted. In between a reader sees whole pages, some old and some new; they
        give nothing away together, because the ledger holds for both.
        """
        if not changed and not gone:
            return
        pages = sorted((self.root / "release").glob("*"))
        if not pages:
            self.place.delete_folder("release")
        elif self.place.is_disk:
            self.place.put({f"{STAGED}/{page.name}": page for page in pages})
            self.place.swap(STAGED, "release")
        else:
            here = self._here()
            made = {here[name]: name for name in here if name.startswith("internal/pages/")}
            sources = {name: made.get(here[name], f"{STAGED}/{Path(name).name}") for name in changed}
            self.place.put({to: self.root / name for name, to in sources.items() if to.startswith(STAGED)})
            for index in (False, True):
                now = [name for name in changed if name.startswith("release/index.") is index]
                self.place.copy({name: (sources[name], self.root / name) for name in now})
            self.place.delete(gone)
            self.place.delete_folder(STAGED)

    def _put(self, names: Iterable[str]) -> None:
        self.place.put({name: self.root / name for name in names})

    def _here(self) -> dict[str, str]:
        """Return a hash of each file of the copy, by its name; what is at work in it is not of it."""
        found = {}
        for file in (file for folder in KEPT for file in (self.root / folder).rglob("*")):
            name = file.relative_to(self.root).as_posix()
            if "/." in name or name.endswith(".running.ipynb") or not file.is_file():
                continue
            with suppress(FileNotFoundError):  # Taken away by a page that is being made anew.
                about = file.stat()
                key = (name, about.st_ino, about.st_size, about.st_mtime_ns)
                if key not in self.hashes:
                    self.hashes[key] = file_fingerprint(file)
                found[name] = self.hashes[key]
        return found

    def _listing(self) -> dict[str, str]:
        try:
            found = json.loads(self.place.read(LISTING) or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


RELEASE = 4


def _turn(name: str) -> int:
    """Return when a file is stored: executed notebooks, tables and pages, manifests, the ledger, the release.

    A notebook is the output by which the manifest knows that it was run. Where the tables it made are only partly
    stored it must not be what the manifest knows, so that they are made again: it goes first. The ledger goes before
    the release: it may know more than readers do, never less.
    """
    for start, turn in (("release/", RELEASE), ("ledger/", 3), ("internal/manifest", 2), ("internal/notebooks/", 0)):
        if name.startswith(start):
            return turn
    return 1
