"""What a drawn batch holds, checked against the bank it came from."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.ui.pairs_tab import SHOWN, WAY, draw


def pixels(picture: dict[str, str]) -> np.ndarray:
    """The picture that a data URI holds."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture["uri"].split(",")[1]))))


def index_of(bank: ImageBank, picture: dict[str, str]) -> int:
    """The image of the bank that the picture shows."""
    shown = torch.from_numpy(pixels(picture).copy())[None]
    (found,) = (bank.images == shown).flatten(1).all(1).nonzero()
    return int(found)


@pytest.mark.parametrize("seed", range(5))
def test_pairs_are_half_same_and_say_so_truly(make_bank: Callable[..., ImageBank], seed: int) -> None:
    bank = make_bank(classes=6, each=5)
    batch = draw(bank, "pairs", seed)
    assert len(batch["items"]) == SHOWN and sum(item["same"] for item in batch["items"]) == SHOWN // 2
    for item in batch["items"]:
        left, right = (index_of(bank, picture) for picture in item["pictures"])
        assert left != right
        assert bool(bank.labels[left] == bank.labels[right]) == item["same"]
        assert item["pictures"][0]["name"] == bank.class_names[int(bank.labels[left])]


def test_triplets(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank(classes=6, each=5)
    for item in draw(bank, "triplets", 3)["items"]:
        anchor, positive, negative = (index_of(bank, picture) for picture in item["pictures"])
        assert anchor != positive and bank.labels[anchor] == bank.labels[positive] != bank.labels[negative]


@pytest.mark.parametrize(("classes", "groups", "way"), [(24, 2, WAY), (6, 1, 6)])
def test_an_episode_has_one_answer(make_bank: Callable[..., ImageBank], classes: int, groups: int, way: int) -> None:
    bank = make_bank(classes=classes, each=4, groups=groups)
    episode = draw(bank, "episode", 1)
    assert len(episode["items"]) == way and [item["same"] for item in episode["items"]].count(True) == 1
    question = bank.labels[index_of(bank, episode["query"])]
    support = [bank.labels[index_of(bank, item["pictures"][0])] for item in episode["items"]]
    assert [bool(label == question) for label in support] == [item["same"] for item in episode["items"]]
    assert episode["within_group"] == (groups > 1)


def test_two_domains_show_the_right_image_in_the_second(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank(partner=True)
    assert bank.partner is not None
    for item in draw(bank, "pairs", 0)["items"]:
        shown = torch.from_numpy(pixels(item["pictures"][1]).copy())[None]
        assert (bank.partner == shown).flatten(1).all(1).any()


def test_the_seed_decides(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank()

    def drawn(seed: int) -> list[Any]:
        return draw(bank, "pairs", seed)["items"]

    assert drawn(4) == drawn(4) != drawn(5)


def test_a_bank_of_one_class_gets_a_sentence(make_bank: Callable[..., ImageBank]) -> None:
    with pytest.raises(SiameseError, match="class"):
        draw(make_bank(classes=1), "pairs", 0)
