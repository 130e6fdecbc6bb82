"""The card of a browser's own pictures: what the page shows, and the functions that change the pictures."""

from __future__ import annotations

import base64
import binascii
import inspect
from collections.abc import Callable
from typing import Any

import torch

from siamese import SiameseError
from siamese.data import limits
from siamese.data.collection import TWICE, Collection, thumbnail
from siamese.data.data_url import data_url_bytes
from siamese.data.split import LEAST_IMAGES
from siamese.ui.errors import in_both
from siamese.ui.lab import current_lab
from siamese.ui.own.sets import OwnSet

MOST_CLASSES = 60  # of a set that are listed; the others are only counted
MOST_PICTURES = 12  # of a class that are listed; of a class with more, only FIRST_PICTURES
FIRST_PICTURES = 5
MOST_SKIPPED = 3  # files of an upload that are named because they could not be read
MOST_THUMBNAILS = 120  # in one answer
MOST_PIECE = 2 * limits.MIB  # of an upload
ENOUGH = 2 * LEAST_IMAGES  # with this many pictures of a class, some of them can be held out
IMBALANCE = 5  # a class with this many times the pictures of a usual class gets a warning

NOT_UNDERSTOOD = "This request cannot be understood; reload the page."

Answer = dict[str, Any]


def _answers(function: Callable[..., Answer]) -> Callable[[Any], Answer]:
    """Makes a server function: it takes one list, which may hold anything, and returns an error as {"error"}."""

    signature = inspect.signature(function)

    def answer(arguments: Any) -> Answer:
        try:
            bound = signature.bind(*arguments)
        except TypeError:
            return {"error": in_both(NOT_UNDERSTOOD)}
        try:
            return function(*bound.args)
        except SiameseError as error:
            return {"error": in_both(str(error))}

    answer.__name__, answer.__doc__ = function.__name__, function.__doc__
    return answer


@_answers
def own_card(key: Any, version: Any = None) -> Answer:
    """[key, version the page has] → the card, or {"unchanged": True}; {"gone": True} for a key of a deleted set."""
    try:
        own = current_lab().own.open(key)
    except SiameseError:
        return {"gone": True}
    if version == own.version and own.progress is None:
        return {"unchanged": True}
    return card(own)


@_answers
def own_new(title: Any) -> Answer:
    """[title] → {"key", **card} of a new, empty set."""
    collection = Collection("mine")
    collection.rename(title)
    own = current_lab().own.create(collection.title)
    return {"key": own.key, **card(own)}


@_answers
def own_change(key: Any, what: Any, first: Any = None, second: Any = None) -> Answer:
    """[key, what, …] → the card after a change.

    what: "title" name; "add_class" name; "rename_class" old new; "remove_class" name; "remove" number of a picture.
    """
    own = current_lab().own.open(key)
    with own.locked(change=True) as collection:
        if what == "title":
            collection.rename(first)
        elif what == "add_class":
            collection.add_class(first)
        elif what == "rename_class":
            collection.rename_class(first, second)
        elif what == "remove_class":
            collection.remove_class(first)
        elif what == "remove" and isinstance(first, int):
            collection.remove(first)
        else:
            raise SiameseError(NOT_UNDERSTOOD)
    return card(own)


@_answers
def own_add(key: Any, class_name: Any, name: Any, url: Any) -> Answer:
    """[key, class, file name, data URL] → the card with one more picture."""
    own = current_lab().own.open(key)
    content = data_url_bytes(url, str(name)[:200])
    current_lab().own.make_room(len(content))
    with own.locked(change=True) as collection:
        collection.add(class_name, str(name)[:200], content)
    return card(own)


@_answers
def own_upload(key: Any, name: Any, offset: Any, total: Any, piece: Any) -> Answer:
    """[key, file name, offset, size, base64] takes one piece of a zip or CSV.

    After the last piece the file is read in the background, and own_card reports the progress.
    """
    own = current_lab().own.open(key)
    if not (isinstance(name, str) and isinstance(piece, str) and type(offset) is int and type(total) is int):
        raise SiameseError(NOT_UNDERSTOOD)
    if len(piece) > MOST_PIECE * 4 // 3 + 4:
        raise SiameseError("The file came in too large pieces; reload the page.")
    try:
        content = base64.b64decode(piece, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SiameseError("The file did not arrive whole; send it again.") from error
    current_lab().own.make_room(len(content))
    whole = own.receive(offset, total, content)
    if whole is not None:
        current_lab().own.read_later(own, name[:200], whole)
    return {"received": offset + len(content)}


@_answers
def own_thumbnails(key: Any, numbers: Any) -> Answer:
    """[key, numbers of pictures] → {"thumbnails": {number: data URL}}, without pictures that no longer exist."""
    own = current_lab().own.open(key)
    if not isinstance(numbers, list) or len(numbers) > MOST_THUMBNAILS:
        raise SiameseError(NOT_UNDERSTOOD)
    with own.locked() as collection:
        requested = {n for n in numbers if isinstance(n, int)}
        pictures = [picture for each in collection.classes.values() for picture in each if picture.number in requested]
    urls = {}
    for picture in pictures:
        content = thumbnail(picture)
        kind = "png" if content[:4] == b"\x89PNG" else "jpeg"
        urls[str(picture.number)] = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return {"thumbnails": urls}


@_answers
def own_home(key: Any) -> Answer:
    """[key] → {"name", "type", "base64"} of a zip with all pictures. The command line can read this zip."""
    with current_lab().own.open(key).locked() as collection:
        name, content = collection.title.replace("/", "-") + ".zip", collection.as_zip()
    return {"name": name, "type": "application/zip", "base64": base64.b64encode(content).decode()}


@_answers
def own_delete(key: Any) -> Answer:
    """[key] deletes the set at once."""
    own = current_lab().own.open(key)
    current_lab().own.delete(own)
    return {"gone": True}


FUNCTIONS = [own_card, own_new, own_change, own_add, own_upload, own_thumbnails, own_home, own_delete]


def card(own: OwnSet) -> Answer:
    """The set in JSON-ready values."""
    with own.locked() as collection:
        size = collection.size()
        split, problem = _split(collection)
        classes = list(collection.classes.items())[:MOST_CLASSES]
        return {
            "version": own.version,
            "data": own.name,
            "title": collection.title,
            "progress": own.progress,
            "error": own.error and in_both(own.error),
            "count": collection.count,
            "size": list(size) if size else None,
            "grey": all(picture.header.grey for pictures in collection.classes.values() for picture in pictures),
            "classes": [
                {
                    "name": name,
                    "count": len(pictures),
                    "pictures": [picture.number for picture in pictures[: _listed_count(len(pictures))]],
                    "held_out": None if split is None else split["held_out"].get(name, 0),
                }
                for name, pictures in classes
            ],
            "class_count": len(collection.classes),
            "split": split and {k: v for k, v in split.items() if k != "held_out"},
            "problem": problem,
            "warnings": _warnings(collection),
            "skipped": [
                {"name": each.name, "why": TWICE if each.why == TWICE else in_both(each.why)}
                for each in collection.skipped[:MOST_SKIPPED]
            ],
            "skipped_count": collection.skipped_count,
        }


def _listed_count(count: int) -> int:
    return count if count <= MOST_PICTURES else FIRST_PICTURES


def _split(collection: Collection) -> tuple[Answer | None, str | None]:
    """How training would split the pictures, or why it cannot: "empty", "one_class" or "few"."""
    usable = [name for name, pictures in collection.classes.items() if len(pictures) > 1]
    if len(usable) < 2:
        filled = sum(1 for pictures in collection.classes.values() if pictures)
        return None, "empty" if not filled else "one_class" if filled == 1 else "few"
    try:
        parts = collection.plan()
    except SiameseError:
        return None, "few"
    held_out: dict[str, int] = {}
    for part in (parts.validation, parts.test):
        for name, count in zip(part.class_names, part.counts.tolist(), strict=True):
            held_out[name] = held_out.get(name, 0) + count
    return {
        "unseen": parts.unseen,
        "train": len(parts.train),
        "train_classes": parts.train.classes,
        "validation": len(parts.validation),
        "validation_classes": parts.validation.classes,
        "test": len(parts.test),
        "test_classes": parts.test.classes,
        "held_out": held_out,
    }, None


def _warnings(collection: Collection) -> list[Answer]:
    """Warnings before training: {"key", …}, at most one of each kind."""
    counts = {name: len(pictures) for name, pictures in collection.classes.items()}
    filled = [count for count in counts.values() if count]
    warnings: list[Answer] = []
    if single := [name for name, count in counts.items() if count == 1]:
        warnings.append({"key": "single", "name": single[0], "more": len(single) - 1})
    if few := [name for name, count in counts.items() if 1 < count < ENOUGH]:
        warnings.append({"key": "few", "name": few[0], "count": counts[few[0]], "more": len(few) - 1})
    if filled and max(filled) >= IMBALANCE * max(2, int(torch.tensor(filled).median())):
        largest = max(counts, key=lambda name: counts[name])
        warnings.append({"key": "imbalance", "name": largest, "count": counts[largest]})
    if shared := collection.shared():
        warnings.append({"key": "shared", "name": shared[0][0], "other": shared[0][1], "more": len(shared) - 1})
    return warnings
