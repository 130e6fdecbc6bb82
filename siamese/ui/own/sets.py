"""OwnSets: the pictures that browsers brought to this server, kept while their pages are open and then deleted."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from siamese import SiameseError
from siamese.data import limits
from siamese.data.bank import Dataset
from siamese.data.collection import Collection

PREFIX = "own:"  # a data set named so is the collection of that public id
_READERS = 2  # uploads that are decoded at the same time
_TIDY_SECONDS = 30.0
_log = logging.getLogger(__name__)


class OwnSummary(NamedTuple):
    """What lists and forms say of a set: its title, and kind and unseen of its data set."""

    title: str
    kind: str
    unseen: str


class OwnSet:
    """One browser's collection. Use it inside `locked`.

    key: opens it for changes, unguessable; its page alone knows it.
    name: as data sets are named, "own:" and a second unguessable id. It allows to train on the set and to look at it,
        since runs and their files carry it.
    progress: share of an upload that is checked, None where there is none.  error: why the last upload was refused.
    """

    def __init__(self, title: str) -> None:
        self.key = secrets.token_urlsafe(18)
        self.name = PREFIX + secrets.token_urlsafe(12)
        self.collection = Collection(title)
        self.version = 0
        self.progress: float | None = None
        self.error: str | None = None
        self.last_seen = time.monotonic()
        self._incoming = bytearray()
        self._lock = threading.RLock()

    @contextmanager
    def locked(self, change: bool = False) -> Iterator[Collection]:
        """The collection, for this thread alone."""
        with self._lock:
            yield self.collection
            if change:
                self.version += 1
                self.error = None

    @property
    def nbytes(self) -> int:
        return self.collection.nbytes + len(self._incoming)

    def receive(self, offset: int, total: int, piece: bytes) -> bytes | None:
        """Takes one piece of an upload; returns the whole file with its last piece, and None before."""
        if not 0 < total <= limits.MAX_OWN_UPLOAD_BYTES:
            most = limits.MAX_OWN_UPLOAD_BYTES // limits.MIB
            raise SiameseError(f"The file has {total / limits.MIB:.0f} MB, and {most} MB is the most; leave some out.")
        with self._lock:
            if self.progress is not None:
                raise SiameseError("The last file is still being read; wait until it is done.")
            if offset == 0:
                self._incoming = bytearray()
            if offset != len(self._incoming) or offset + len(piece) > total:
                raise SiameseError("The file did not arrive whole; send it again.")
            self._incoming += piece
            if len(self._incoming) < total:
                return None
            whole, self._incoming = bytes(self._incoming), bytearray()
            self.progress, self.error = 0.0, None
            return whole

    def read(self, name: str, content: bytes) -> None:
        """Reads a whole upload into the collection, telling `progress`; a refusal stands in `error`."""
        error = None
        try:
            read = Collection.read(name, content, self._tell)
            with self._lock:
                if not self.collection.count:
                    self.collection.title = read.title
                self.collection.merge(read)
        except SiameseError as refused:
            error = str(refused)
        except Exception:
            _log.exception("an upload could not be read")
            error = "This file could not be read; the server's log has the details."
        with self._lock:
            self.progress, self.error = None, error
            self.version += 1

    def _tell(self, share: float) -> None:
        self.progress = min(0.999, share)


class OwnSets:
    """All sets of one server, within limits.MAX_OWN_SETS and MAX_OWN_SETS_BYTES; safe for many threads."""

    def __init__(self) -> None:
        self._sets: dict[str, OwnSet] = {}
        self._lock = threading.Lock()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="own-pictures")
        self._closed = threading.Event()
        threading.Thread(target=self._tidy_always, name="own-pictures-tidy", daemon=True).start()

    def create(self, title: str) -> OwnSet:
        """A new, empty set. Raises SiameseError where the server has no room for one more."""
        self.make_room(0)
        made = OwnSet(title)
        with self._lock:
            self._sets[made.key] = made
        return made

    def open(self, key: object) -> OwnSet:
        """The set that a key opens; keys come from outside. Raises SiameseError for anything that is no key."""
        with self._lock:
            found = self._sets.get(key) if isinstance(key, str) else None
        if found is None:
            raise SiameseError(
                "These pictures are no longer on the server; sets are deleted when nobody has them open."
            )
        found.last_seen = time.monotonic()
        return found

    def named(self, name: object) -> OwnSet | None:
        """The set of that data set name, or None."""
        with self._lock:
            return next((each for each in self._sets.values() if each.name == name), None)

    def dataset(self, name: str, progress: Callable[[float], None] | None = None) -> Dataset:
        """The data set "own:…". Raises SiameseError where it is gone, or too small to be split."""
        found = self.named(name)
        if found is None:
            raise SiameseError("Your own pictures are no longer on the server; bring them again, or choose other data.")
        found.last_seen = time.monotonic()
        with found.locked() as collection:
            return collection.dataset(name, progress)

    def summary(self, name: str) -> OwnSummary:
        """The summary of a set that may be gone, or too small yet: then what most sets say."""
        found = self.named(name)
        if found is None:
            return OwnSummary("own pictures", "drawings", "images")
        with found.locked() as collection:
            try:
                dataset = collection.dataset(name)
            except SiameseError:
                return OwnSummary(collection.title, "drawings", "images")
            return OwnSummary(collection.title, dataset.kind, dataset.unseen)

    def read_later(self, own: OwnSet, name: str, content: bytes) -> None:
        """Reads an upload in the background."""
        self._readers.submit(own.read, name, content)

    def delete(self, own: OwnSet) -> None:
        with self._lock:
            self._sets.pop(own.key, None)

    def make_room(self, nbytes: int) -> None:
        """Deletes sets that nobody has looked at for a minute, the longest unseen first, until there is room.

        Raises SiameseError where the others leave none.
        """
        with self._lock:
            now = time.monotonic()
            waiting = sorted(self._sets.values(), key=lambda each: each.last_seen)
            while len(self._sets) >= limits.MAX_OWN_SETS or self._total() + nbytes > limits.MAX_OWN_SETS_BYTES:
                if not waiting or now - waiting[0].last_seen < 60:
                    raise SiameseError("The server has no room for more pictures now; try again in some minutes.")
                del self._sets[waiting.pop(0).key]

    def tidy(self, now: float) -> None:
        """Deletes the sets that nobody has looked at for limits.OWN_IDLE_SECONDS; now is a time.monotonic()."""
        with self._lock:
            for key, own in list(self._sets.items()):
                if now - own.last_seen > limits.OWN_IDLE_SECONDS:
                    del self._sets[key]

    def close(self) -> None:
        self._closed.set()
        self._readers.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._sets.clear()

    def _total(self) -> int:
        return sum(own.nbytes for own in self._sets.values())

    def _tidy_always(self) -> None:
        while not self._closed.wait(_TIDY_SECONDS):
            self.tidy(time.monotonic())
