"""Sets of own pictures: who may open them, how a file arrives, when they are deleted, and what happens without room."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from siamese import SiameseError
from siamese.data import limits
from siamese.ui.own.sets import PREFIX, OwnSet, OwnSets

TINY = limits.OWN_IDLE_SECONDS / 1000  # seconds, so that a test never stands at the limit itself


@pytest.fixture
def sets() -> Iterator[OwnSets]:
    made = OwnSets()
    yield made
    made.close()


def png(seed: int, side: int = 20) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


def zip_of(classes: int, each: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for c in range(classes):
            for k in range(each):
                archive.writestr(f"class {c}/{k}.png", png(100 * c + k))
    return out.getvalue()


def unseen_for(own: OwnSet, seconds: float) -> None:
    own.last_seen = time.monotonic() - seconds


def test_the_key_opens_a_set_and_its_name_does_not(sets: OwnSets) -> None:
    own, other = sets.create("mine"), sets.create("mine")
    assert sets.open(own.key) is own and sets.named(own.name) is own
    assert own.name.startswith(PREFIX) and own.key not in own.name
    assert len({own.key, other.key, own.name, other.name}) == 4
    for key in (own.name, own.name.removeprefix(PREFIX), "", None, 3, ["x"], {}):
        with pytest.raises(SiameseError, match="no longer on the server"):
            sets.open(key)
    assert sets.named(own.key) is None and sets.named(None) is None


def test_a_set_that_nobody_looks_at_is_deleted_and_one_that_is_looked_at_stays(sets: OwnSets) -> None:
    looked_at, trained_on, left = (sets.create(title) for title in ("looked at", "trained on", "left"))
    for k in range(12):
        with trained_on.locked(change=True) as collection:
            collection.add(f"class {k % 2}", f"{k}.png", png(k))
    for own in (looked_at, trained_on, left):
        unseen_for(own, limits.OWN_IDLE_SECONDS - TINY)
    sets.tidy(time.monotonic() - TINY)
    assert all(sets.named(own.name) for own in (looked_at, trained_on, left)), "not before its time"
    sets.open(looked_at.key)
    sets.dataset(trained_on.name)
    sets.tidy(time.monotonic() + 2 * TINY)
    assert sets.named(left.name) is None
    assert sets.named(looked_at.name) and sets.named(trained_on.name)
    with pytest.raises(SiameseError, match="deleted when nobody has them open"):
        sets.open(left.key)
    with pytest.raises(SiameseError, match="bring them again"):
        sets.dataset(left.name)
    assert sets.summary(left.name).title == "own pictures", "a list that names a set outlives it"
    sets.delete(looked_at)
    sets.delete(looked_at)
    assert sets.named(looked_at.name) is None


def test_without_room_for_one_more_the_longest_unseen_goes(sets: OwnSets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_OWN_SETS", 3)
    first, second, third = (sets.create(str(n)) for n in range(3))
    with pytest.raises(SiameseError, match="no room for more pictures now"):
        sets.create("one too many")
    for own, seconds in ((first, 70), (second, 90), (third, 50)):
        unseen_for(own, seconds)
    fourth = sets.create("fourth")
    assert sets.named(second.name) is None, "the longest unseen"
    assert all(sets.named(own.name) for own in (first, third, fourth))
    fifth = sets.create("fifth")
    assert sets.named(first.name) is None
    with pytest.raises(SiameseError, match="no room"):
        sets.create("the others were seen within the minute")
    assert all(sets.named(own.name) for own in (third, fourth, fifth))


def test_without_memory_sets_go_until_there_is_enough(sets: OwnSets, monkeypatch: pytest.MonkeyPatch) -> None:
    owns = [sets.create(str(n)) for n in range(4)]
    for n, own in enumerate(owns):
        with own.locked(change=True) as collection:
            collection.add("a", "x.png", png(n))
    size = owns[0].nbytes
    assert all(size - 20 < own.nbytes < size + 20 for own in owns)
    monkeypatch.setattr(limits, "MAX_OWN_SETS_BYTES", 5 * size)
    sets.make_room(size // 2)
    assert all(sets.named(own.name) for own in owns)
    for n, own in enumerate(owns):
        unseen_for(own, 100 - n)
    sets.make_room(int(2.5 * size))
    assert [sets.named(own.name) is not None for own in owns] == [False, False, True, True]
    with pytest.raises(SiameseError, match="no room"):
        sets.make_room(6 * size)


def test_a_half_received_file_counts_as_memory(sets: OwnSets) -> None:
    own = sets.create("mine")
    own.receive(0, 1000, b"x" * 400)
    assert own.nbytes == 400
    own.receive(0, 1000, b"x" * 100)
    assert own.nbytes == 100, "a file that is sent anew replaces the half"


@given(st.binary(min_size=1, max_size=400), st.lists(st.integers(1, 90), max_size=12))
def test_pieces_make_the_file_again(content: bytes, sizes: list[int]) -> None:
    own, offset, got = OwnSet("mine"), 0, None
    for size in [*sizes, len(content)]:
        if offset == len(content):
            break
        piece = content[offset : offset + size]
        got = own.receive(offset, len(content), piece)
        offset += len(piece)
        assert (got is None) == (offset < len(content))
    assert got == content and own.progress == 0.0


@pytest.mark.parametrize(
    ("offset", "total", "piece"),
    [
        (5, 10, b"late"),
        (0, 3, b"more than said"),
        (0, 0, b""),
        (0, -1, b""),
        (0, limits.MAX_OWN_UPLOAD_BYTES + 1, b"x"),
    ],
)
def test_pieces_that_do_not_fit_are_refused(offset: int, total: int, piece: bytes) -> None:
    own = OwnSet("mine")
    with pytest.raises(SiameseError):
        own.receive(offset, total, piece)
    assert own.nbytes == 0 and own.progress is None


def test_one_file_at_a_time_and_the_next_after_it(sets: OwnSets) -> None:
    own = sets.create("mine")
    content = zip_of(3, 4)
    assert own.receive(0, len(content), content) == content
    with pytest.raises(SiameseError, match="still being read"):
        own.receive(0, 1, b"x")
    told: list[float] = []
    own._tell = told.append  # type: ignore[method-assign]
    before = own.version
    own.read("letters.zip", content)
    assert own.progress is None and own.error is None and own.version == before + 1
    assert own.collection.count == 12 and own.collection.title == "letters"
    assert told == sorted(told) and 0 <= told[0] and told[-1] <= 1 + 1e-9
    assert own.receive(0, 3, b"abc") == b"abc"
    own.read("broken.zip", b"abc")
    assert own.progress is None and own.error and own.collection.count == 12, "what was there stays"
    with own.locked(change=True):
        pass
    assert own.error is None, "the next change takes the old refusal away"


def test_reading_is_done_by_few_and_by_none_after_the_end(sets: OwnSets, monkeypatch: pytest.MonkeyPatch) -> None:
    going_on, most, gate = [0], [0], threading.Event()

    def slow(own: OwnSet, name: str, content: bytes) -> None:
        going_on[0] += 1
        most[0] = max(most[0], going_on[0])
        gate.wait(30)
        going_on[0] -= 1

    monkeypatch.setattr(OwnSet, "read", slow)
    for n in range(6):
        sets.read_later(sets.create(str(n)), "a.zip", b"")
    sets.close()
    assert not sets._sets
    gate.set()
    sets._readers.shutdown(wait=True)
    assert most[0] <= 2 and going_on[0] == 0
