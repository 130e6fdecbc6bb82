"""What the Compare tab asks the server for. Anybody can call these with anything, so every argument is checked.

Each function takes the list of its arguments and answers with JSON values; for what cannot be done, with {"error":
sentence in both languages}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from siamese import SiameseError
from siamese.comparison.compare import Comparer, Prepared
from siamese.comparison.explain import check, explain, places
from siamese.comparison.nearest import MOST_PICTURES, MOST_THINGS, rank
from siamese.ui.compare.asked_picture import data_image, picture_key, read_picture
from siamese.ui.compare.model_card import model_card
from siamese.ui.errors import in_both
from siamese.ui.lab import current_lab
from siamese.ui.pictures import data_uri, to_image
from siamese.ui.upload import uploaded

_MAP = 14  # cells of a map along each side

Answer = dict[str, Any]


def _answers(function: Callable[..., Answer]) -> Callable[[Any], Answer]:
    """Spreads the list of arguments, and turns what cannot be done into a sentence."""

    wanted = function.__code__.co_argcount

    def answer(arguments: Any) -> Answer:
        if not isinstance(arguments, list) or len(arguments) != wanted:
            return {"error": in_both("This request cannot be understood; reload the page.")}
        try:
            return function(*arguments)
        except SiameseError as error:
            return {"error": in_both(str(error))}

    # Without functools.wraps: Gradio would look at the signature of the function that is wrapped.
    answer.__name__, answer.__doc__ = function.__name__, function.__doc__
    return answer


@_answers
def card(model: Any, renew: Any) -> Answer:
    """[model, renew] → what the page shows beside a model; renew asks a running run for its newest weights."""
    lab = current_lab()
    return model_card(lab.comparer(model, renew=renew is True), model)


@_answers
def measure(model: Any, left: Any, right: Any) -> Answer:
    """[model, picture, picture] → how far apart they are, and how sure that is; one picture alone is only prepared."""
    comparer = current_lab().comparer(model)
    pictures = [None if asked is None else comparer.prepare(read_picture(asked)) for asked in (left, right)]
    answer: Answer = {
        "seen": [None if one is None else _seen(one) for one in pictures],
        "foreign": [one is not None and one.foreign for one in pictures],
    }
    first, second = pictures
    if first is None or second is None:
        return answer
    result = comparer.compare_prepared(first, second)
    return answer | {
        "dissimilarity": result.dissimilarity,
        "threshold": result.threshold,
        "same": result.same,
        "different": result.different,
        "farther": result.farther_than,
        "closer": result.closer_than,
    }


@_answers
def where(model: Any, left: Any, right: Any) -> Answer:
    """[model, picture, picture] → the maps of both, each patch and the dissimilarity with it hidden, and the check."""
    comparer = current_lab().comparer(model)
    first, second = (comparer.prepare(read_picture(asked)) for asked in (left, right))
    told = explain(comparer, first, second)
    side, patch = told.decisive
    height, width = told.images.shape[2:]
    cells = F.adaptive_avg_pool2d(told.changes[:, None], _MAP).flatten(1)
    return {
        "seen": [_seen(first), _seen(second)],
        "dissimilarity": told.dissimilarity,
        "cells": [[round(v, 5) for v in row] for row in cells.tolist()],
        # As shares of the image: left, top, width, height.
        "patches": [
            [c.start / width, r.start / height, (c.stop - c.start) / width, (r.stop - r.start) / height]
            for r, c in places(height, width)
        ],
        "hidden": told.hidden.tolist(),
        "decisive": [side, patch],
        "checked": check(comparer, told),
    }


@_answers
def learn(model: Any, pictures: Any) -> Answer:
    """[model, pictures] → for each picture of a board its key, how the network sees it and whether it is foreign."""
    if not isinstance(pictures, list) or len(pictures) > MOST_THINGS * MOST_PICTURES:
        raise SiameseError(f"A board takes at most {MOST_THINGS * MOST_PICTURES} pictures.")
    comparer = current_lab().comparer(model)
    learnt = []
    for asked in pictures:
        prepared = comparer.prepare(read_picture(asked))
        key = picture_key(asked)
        comparer.kept(key, lambda prepared=prepared: comparer.embed(prepared.pixels)[0])  # type: ignore[misc]
        learnt.append({"key": key, "seen": _seen(prepared), "foreign": prepared.foreign})
    return {"pictures": learnt}


@_answers
def nearest(model: Any, newcomer: Any, things: Any) -> Answer:
    """[model, picture, [[key, …], …]] → the things by their number, the nearest first; {"missing": true} where the
    server no longer keeps one of the keys, so that the page teaches it the board again."""
    comparer = current_lab().comparer(model)
    prepared = comparer.prepare(read_picture(newcomer))
    answer: Answer = {"seen": _seen(prepared), "foreign": prepared.foreign}
    if not isinstance(things, list) or not all(isinstance(keys, list) for keys in things):
        raise SiameseError("The board cannot be read; reload the page.")
    board = {}
    for number, keys in enumerate(things[: MOST_THINGS + 1]):
        pictures = [comparer.kept(key) for key in keys[: MOST_PICTURES + 1] if isinstance(key, str)]
        if not pictures or any(one is None for one in pictures):
            return answer | {"missing": True}
        board[str(number)] = pictures
    result = rank(comparer, _embedding(comparer, prepared), board)  # type: ignore[arg-type]
    return answer | {
        "ranking": [[int(one.name), one.dissimilarity, one.picture] for one in result.ranking],
        "threshold": result.threshold,
        "none": result.none,
        "wrong": result.wrong,
    }


@_answers
def picture(data: Any, image: Any) -> Answer:
    """[data, image] → an image of a data set as it is, for a pair that another tab opens here."""
    return {"url": data_uri(data_image(data, image))}


@_answers
def bring(path: Any, name: Any) -> Answer:
    """[path of an upload, its name] → the key under which an uploaded checkpoint can be chosen now."""
    shown = name if isinstance(name, str) else "This file"
    return current_lab().bring(uploaded(path), shown)


FUNCTIONS: list[Callable[[Any], Answer]] = [card, measure, where, learn, nearest, picture, bring]


def _embedding(comparer: Comparer, prepared: Prepared) -> torch.Tensor:
    return comparer.embed(prepared.pixels, right=True)[0]


def _seen(prepared: Prepared) -> str:
    return data_uri(to_image(prepared.pixels[0]))
