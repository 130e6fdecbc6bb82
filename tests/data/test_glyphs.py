"""The glyph set: whole scripts apart, no shape twice, nothing cut, the same for the same seed."""

from __future__ import annotations

import hashlib
import itertools
import math
import random
import unicodedata
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from other_process import printed_elsewhere
from torch import Tensor

from siamese.data.bank import Dataset, ImageBank
from siamese.data.glyphs import alphabets
from siamese.data.glyphs import dataset as glyphs
from siamese.data.glyphs import shapes as shape_module
from siamese.data.glyphs.shapes import (
    ALIKE,
    ALIKE_ACROSS_PARTS,
    alike,
    canonical_shapes,
    distinct,
    first_of_alike,
    nearest_ink,
)

PARTS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def printed(built_in: Callable[[str], Dataset]) -> Dataset:
    return built_in("glyphs")


@pytest.fixture(scope="module")
def two_domains(built_in: Callable[[str], Dataset]) -> Dataset:
    return built_in("glyphs-two-domains")


@pytest.fixture
def few_alphabets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three short alphabets, so that a build takes a moment."""
    chosen = ("Greek capitals", "N'Ko", "Hebrew")
    monkeypatch.setattr(alphabets, "ALPHABETS", tuple(a for a in alphabets.ALPHABETS if a[0] in chosen))
    monkeypatch.setattr(glyphs, "IMAGES_PER_CHARACTER", 5)
    monkeypatch.setattr(glyphs, "TWO_DOMAIN_IMAGES", 4)


def _banks(dataset: Dataset) -> Iterator[tuple[str, ImageBank]]:
    return ((part, getattr(dataset, part)) for part in PARTS)


def _characters(bank: ImageBank) -> list[str]:
    return [name[-1] for name in bank.class_names]


def _digest(dataset: Dataset) -> str:
    digest = hashlib.sha256()
    for _, bank in _banks(dataset):
        digest.update("|".join((*bank.class_names, *bank.group_names)).encode())
        for tensor in (bank.images, bank.counts, bank.groups, bank.partner):
            digest.update(b"none" if tensor is None else tensor.numpy().tobytes())
    return digest.hexdigest()


def test_size_and_description(printed: Dataset) -> None:
    assert (printed.name, printed.title, printed.kind, printed.unseen) == (
        "glyphs",
        "Glyphs",
        "print",
        "alphabets",
    )
    assert printed.dark_background is True
    assert sum(bank.classes for _, bank in _banks(printed)) >= 600
    assert sum(len(bank.group_names) for _, bank in _banks(printed)) >= 20
    for part, bank in _banks(printed):
        assert bank.images.shape[1:] == (1, 28, 28), part
        assert bank.counts.tolist() == [20] * bank.classes, part
        assert bank.partner is None


def test_enough_letters_for_twenty_way_trials_within_an_alphabet(printed: Dataset) -> None:
    large = {part: int((torch.bincount(bank.groups) >= 20).sum()) for part, bank in _banks(printed)}
    assert large["test"] >= 3 and large["validation"] >= 2, large


def test_names_say_the_letter(printed: Dataset) -> None:
    for part, bank in _banks(printed):
        for name in bank.class_names:
            assert name == f"{unicodedata.name(name[-1])} {name[-1]}", part
    assert "GREEK SMALL LETTER ALPHA α" in printed.train.class_names


def test_no_character_alphabet_or_script_in_two_parts(printed: Dataset) -> None:
    banks = dict(_banks(printed))
    for a, b in itertools.combinations(PARTS, 2):
        assert not set(banks[a].class_names) & set(banks[b].class_names)
        assert not set(banks[a].group_names) & set(banks[b].group_names)
        assert not {n.split()[0] for n in banks[a].class_names} & {n.split()[0] for n in banks[b].class_names}
    for _, bank in _banks(printed):
        assert len(set(bank.class_names)) == bank.classes


def test_capitals_and_small_letters_of_a_script_stay_together(printed: Dataset) -> None:
    homes = {character: part for part, bank in _banks(printed) for character in _characters(bank)}
    for character, part in homes.items():
        other = character.swapcase()
        assert homes.get(other, part) == part, character + other


def test_no_shape_twice(printed: Dataset) -> None:
    letters = [(part, character) for part, bank in _banks(printed) for character in _characters(bank)]
    shapes = canonical_shapes([character for _, character in letters])
    unlike = nearest_ink(shapes, shapes)
    parts = torch.tensor([PARTS.index(part) for part, _ in letters])
    within = parts[:, None] == parts
    others = ~torch.eye(len(letters), dtype=torch.bool)
    assert float(unlike[within & others].min()) >= ALIKE
    assert float(unlike[~within].min()) >= ALIKE_ACROSS_PARTS


@pytest.mark.parametrize("alike", ["AΑАᎪ", "BΒВ", "OoΟοОоՕօⵔoߋ", "IlΙІӀⵏ", "XxΧХхⵝ", "EΕЕⴹ", "TΤТ", "HΗНⲎ", "CсСϹ"])
def test_known_look_alikes_are_one_class(printed: Dataset, alike: str) -> None:
    kept = [character for _, bank in _banks(printed) for character in _characters(bank) if character in alike]
    assert kept == [alike[0]]


def test_what_is_left_out_looks_like_something_kept(printed: Dataset) -> None:
    """The threshold drops look-alikes, and nothing but look-alikes: each letter that is missing has its double."""
    kept = [character for _, bank in _banks(printed) for character in _characters(bank)]
    every = [letter.character for letter in alphabets._letters()]
    gone = sorted(set(every) - set(kept))
    nearest = nearest_ink(canonical_shapes(gone), canonical_shapes(kept)).amin(1)
    assert float(nearest.max()) < ALIKE_ACROSS_PARTS
    assert set(kept) < set(every)


def _slow_nearest_ink(a: Tensor, b: Tensor) -> float:
    def one_way(these: Tensor, those: Tensor) -> float:
        total = 0.0
        for y, x in these.nonzero().tolist():
            total += min([6.0, *(math.hypot(y - v, x - u) for v, u in those.nonzero().tolist())]) ** 4
        return total / int(these.sum())

    return max(one_way(a, b), one_way(b, a)) ** 0.25


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.floats(0.02, 0.6), st.integers(1, 12), st.integers(1, 14))
def test_nearest_ink_is_what_it_says(seed: int, density: float, height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    shapes = torch.rand(5, height, width, generator=generator) < density
    shapes[:, height // 2, 0] = True
    fast = nearest_ink(shapes[:3], shapes[3:])
    slow = torch.tensor([[_slow_nearest_ink(a, b) for b in shapes[3:]] for a in shapes[:3]])
    torch.testing.assert_close(fast, slow, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("rows", [1, 3, 512])
def test_alike_is_nearest_ink_below_a_limit(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shape_module, "_ROWS", rows)
    drawn = canonical_shapes(list("OoCGQ86b"))
    limit = float(nearest_ink(drawn, drawn).flatten().median())
    assert torch.equal(alike(drawn, drawn[2:], limit), nearest_ink(drawn, drawn[2:]) < limit)
    stay = first_of_alike(nearest_ink(drawn, drawn) < limit)
    assert distinct(drawn, limit).tolist() == stay and 1 < len(stay) < len(drawn)
    assert distinct(drawn[:0], limit).tolist() == []


@given(st.integers(0, 2**31), st.integers(0, 12), st.floats(0.0, 1.0))
def test_of_shapes_that_are_alike_the_first_one_stays(seed: int, n: int, share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    chance = torch.rand(n, n, generator=generator) < share
    same = chance | chance.T | torch.eye(n, dtype=torch.bool)
    stay = first_of_alike(same)
    for i in range(n):
        earlier = [k for k in stay if k < i and same[i, k]]
        assert (i in stay) == (not earlier)


def test_nearest_ink_by_hand() -> None:
    dot, pair = torch.zeros(1, 9, 9, dtype=torch.bool), torch.zeros(1, 9, 9, dtype=torch.bool)
    dot[0, 4, 2] = pair[0, 4, 2] = pair[0, 4, 5] = True
    assert float(nearest_ink(dot, dot)) == 0.0
    # The dot lies on the pair; half of the pair lies 3 pixels from the dot: (3⁴ / 2) to the quarter.
    assert float(nearest_ink(dot, pair)) == pytest.approx((81 / 2) ** 0.25)


def test_no_image_is_empty_or_touches_its_border(printed: Dataset) -> None:
    for part, bank in _banks(printed):
        inside = bank.images[:, :, 1:-1, 1:-1]
        assert int(bank.images.sum()) == int(inside.sum()), f"{part}: ink on the outermost pixels"
        ink = bank.images.float().mean((1, 2, 3)) / 255
        assert 0.012 < float(ink.min()) and float(ink.max()) < 0.5, (part, float(ink.min()), float(ink.max()))
        assert int(bank.images.amax((1, 2, 3)).min()) > 180, f"{part}: a faint image"


def test_every_image_of_a_class_differs(printed: Dataset) -> None:
    for part, bank in _banks(printed):
        assert len(torch.unique(bank.images.flatten(1), dim=0)) == len(bank), part


def _pixel_accuracy(bank: ImageBank, trials: int, seed: int) -> float:
    """Nearest neighbour by raw pixels, 20-way one-shot within an alphabet."""
    draw = random.Random(seed)
    pixels = F.normalize(bank.images.flatten(1).float(), dim=1)
    groups = [g for g in range(len(bank.group_names)) if int((bank.groups == g).sum()) >= 20]
    hits = 0
    for _ in range(trials):
        classes = draw.sample((bank.groups == draw.choice(groups)).nonzero().flatten().tolist(), 20)
        support = [int(bank.starts[c]) + draw.randrange(10) for c in classes]
        answer = draw.randrange(20)
        query = int(bank.starts[classes[answer]]) + 10 + draw.randrange(10)
        hits += int((pixels[support] @ pixels[query]).argmax()) == answer
    return hits / trials


@pytest.mark.parametrize("seed", [0, 1])
def test_raw_pixels_do_poorly_but_better_than_chance(printed: Dataset, seed: int) -> None:
    assert 0.08 < _pixel_accuracy(printed.test, 400, seed) < 0.35


def test_two_domains_hold_the_same_characters(printed: Dataset, two_domains: Dataset) -> None:
    assert two_domains.name == "glyphs-two-domains"
    for (part, one), (_, two) in zip(_banks(printed), _banks(two_domains), strict=True):
        assert one.class_names == two.class_names, part
        assert one.group_names == two.group_names
        assert two.counts.tolist() == [glyphs.TWO_DOMAIN_IMAGES] * two.classes
        assert two.partner is not None and two.partner.shape == two.images.shape


def test_print_is_clean_and_the_hand_is_rough(two_domains: Dataset) -> None:
    for part, bank in _banks(two_domains):
        assert bank.partner is not None
        for images in (bank.images, bank.partner):
            edge = torch.cat([images[..., 0, :], images[..., -1, :], images[..., :, 0], images[..., :, -1]], 2).flatten(
                1
            )
            assert torch.equal(edge.amin(1), edge.amax(1)), f"{part}: ink on the outermost pixels"
        light = bank.partner[:, 0, 0, 0] == 255
        assert not bool((bank.images[:, 0, 0, 0] > 0).any()), "print is light on dark"
        assert float(light.float().mean()) == pytest.approx(0.5), "half of the hand is inverted"

        # An outline has an edge on both of its sides: more edge for its ink than a filled letter.
        ink = torch.where(light[:, None, None, None], 255 - bank.partner, bank.partner).float()
        edges = ink.diff(dim=2).abs().sum((1, 2, 3)) + ink.diff(dim=3).abs().sum((1, 2, 3))
        share = edges / ink.sum((1, 2, 3))
        outlined = torch.arange(len(bank)) % 2 == 1
        assert float(share[outlined].median()) > 1.3 * float(share[~outlined].median()), part

        # The filled, light-on-dark letters alone: the hand still varies more than print.
        filled = [x[::4].view(-1, glyphs.TWO_DOMAIN_IMAGES // 4, 28, 28).float() for x in (bank.images, bank.partner)]
        print_spread, hand_spread = (float(images.std(1).mean()) for images in filled)
        assert 1.2 * print_spread < hand_spread, (part, print_spread, hand_spread)


def test_same_seed_same_set(few_alphabets: None) -> None:
    assert _digest(glyphs.build(4)) == _digest(glyphs.build(4))
    assert _digest(glyphs.build(4)) != _digest(glyphs.build(5))
    assert _digest(glyphs.build_two_domains(4)) == _digest(glyphs.build_two_domains(4))


def test_number_of_threads_changes_nothing(few_alphabets: None) -> None:
    before = torch.get_num_threads()
    digests = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        digests.append(_digest(glyphs.build_two_domains(1)) + _digest(glyphs.build(1)))
    torch.set_num_threads(before)
    assert digests[0] == digests[1]


def test_another_process_builds_the_same(few_alphabets: None) -> None:
    code = """
import test_glyphs
from siamese.data.glyphs import alphabets
from siamese.data.glyphs import dataset as glyphs
from siamese.data.glyphs import shapes as shape_module
alphabets.ALPHABETS = tuple(a for a in alphabets.ALPHABETS if a[0] in ("Greek capitals", "N'Ko", "Hebrew"))
glyphs.IMAGES_PER_CHARACTER = 5
print(test_glyphs._digest(glyphs.build(2)))
"""
    assert printed_elsewhere(code, __file__) == _digest(glyphs.build(2))


def test_progress_rises_to_one(few_alphabets: None) -> None:
    for build in (glyphs.build, glyphs.build_two_domains):
        seen: list[float] = []
        build(0, seen.append)
        assert seen == sorted(seen) and seen[-1] == 1.0 and len(seen) >= 3
