"""The drawn people: told apart by traits that show, the same person in every look, the same for the same seed."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from other_process import printed_elsewhere
from PIL import Image

from siamese.data.bank import Dataset, ImageBank
from siamese.data.doodle_faces import dataset, drawing, easel, hair, traits
from siamese.data.doodle_faces.drawing import draw
from siamese.data.doodle_faces.people import LEAST_DISTANCE, looks, people, trait_distance
from siamese.data.doodle_faces.traits import Look, Person

PARTS = ("train", "validation", "test")
# Everything that has an effect only together with something else is there: hat and spectacles, beard and marks.
PERSON = Person(
    name="Robin",
    face="oval",
    width=1.0,
    height=1.0,
    skin=3,
    hair="side part",
    hair_colour="brown",
    headwear="headband",
    accent=1,
    eyes="round",
    iris="green",
    eye_gap=1.0,
    eye_size=1.0,
    lashes=False,
    brows="straight",
    nose="wide",
    nose_size=1.0,
    mouth=1.0,
    lips=1.0,
    lipstick=False,
    ears=1.0,
    earrings="studs",
    glasses="round",
    frame=0,
    beard="moustache",
    marks="none",
    wrinkles=False,
)
OTHER_TRAITS: dict[str, list[object]] = {
    "face": ["round", "square", "heart", "long", "diamond"],
    "width": [0.96, 1.04],
    "height": [0.97, 1.03],
    "skin": [0, 1, 2, 4, 5, 6, 7, 8, 9],
    "hair": [style for style in hair.STYLES if style != "side part"],
    "hair_colour": [colour for colour in traits.HAIRS if colour != "brown"],
    "headwear": ["none", "beanie", "cap", "headscarf", "turban"],
    "accent": [0, 2, 3, 4, 5, 6, 7, 8, 9],
    "eyes": ["almond", "narrow", "drooping", "upturned"],
    "iris": ["dark brown", "brown", "hazel", "blue", "grey"],
    "eye_gap": [0.92, 1.1],
    "eye_size": [0.92, 1.12],
    "lashes": [True],
    "brows": ["thin", "arched", "bushy", "angled"],
    "nose": ["button", "long", "hooked", "pointed", "small"],
    "nose_size": [0.85, 1.2],
    "mouth": [0.82, 1.2],
    "lips": [0.4, 1.6],
    "lipstick": [True],
    "ears": [0.85, 1.2],
    "earrings": ["none", "hoops"],
    "glasses": ["none", "square", "oval", "cat-eye"],
    "frame": [1, 2, 3, 4, 5],
    "beard": ["none", "stubble", "short", "full", "goatee", "circle", "handlebar"],
    "marks": ["freckles", "mole left", "mole right", "blush"],
    "wrinkles": [True],
}
OTHER_LOOKS: dict[str, list[object]] = {
    "yaw": [-0.4, 0.4],
    "pitch": [-0.2, 0.2],
    "roll": [-0.2, 0.2],
    "scale": [0.92, 1.1],
    "dx": [-10.0, 10.0],
    "dy": [-6.0, 7.0],
    "smile": [-0.2, 1.0],
    "open": [0.3, 1.0],
    "brows": [-0.7, 1.0],
    "blink": [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.2, 0.2)],
    "gaze_x": [-0.8, 0.8],
    "gaze_y": [-0.6, 0.6],
    "light": [-0.5, -3.0],
    "contrast": [0.0, 0.24],
    "warmth": [-0.07, 0.07],
    "brightness": [0.78, 1.04],
    "background": list(range(1, 12)),
    "clothes": list(range(2, 14)),
    "trim": list(range(2, 14)),
    "collar": [0, 1, 3, 4],
}


@pytest.fixture(scope="module")
def faces(built_in: Callable[[str], Dataset]) -> Dataset:
    return built_in("doodle-faces")


def _pixels(person: Person, look: Look, size: int = 64) -> np.ndarray:
    return np.asarray(draw(person, look, size)).astype(int)


def _banks(dataset: Dataset) -> Iterator[tuple[str, ImageBank]]:
    return ((part, getattr(dataset, part)) for part in PARTS)


def _digest(dataset: Dataset) -> str:
    digest = hashlib.sha256()
    for _, bank in _banks(dataset):
        digest.update("|".join(bank.class_names).encode() + bank.images.numpy().tobytes())
    return digest.hexdigest()


def test_size_and_description(faces: Dataset) -> None:
    assert (faces.name, faces.title, faces.kind, faces.unseen) == ("doodle-faces", "Doodle faces", "faces", "people")
    assert faces.dark_background is None
    assert [bank.classes for _, bank in _banks(faces)] == [168, 36, 36]
    for part, bank in _banks(faces):
        assert bank.images.shape == (24 * bank.classes, 3, 64, 64), part
        assert bank.counts.tolist() == [24] * bank.classes


def test_nobody_is_in_two_parts(faces: Dataset) -> None:
    names = [name for _, bank in _banks(faces) for name in bank.class_names]
    assert len(names) == len(set(names)) == 240
    assert names == [person.name for person in people(240, 0)]


def test_pictures_are_the_people_drawn(faces: Dataset) -> None:
    cast = people(240, 0)
    for i in (0, 100, 203):
        bank = faces.train if i < 168 else faces.validation
        first = int(bank.starts[i if i < 168 else i - 168])
        for j, look in enumerate(looks(24, np.random.default_rng([0, 1, i]))[:3]):
            assert np.array_equal(bank.images[first + j].permute(1, 2, 0).numpy(), np.asarray(draw(cast[i], look)))


def test_no_picture_twice_and_none_blank(faces: Dataset) -> None:
    for part, bank in _banks(faces):
        assert len(torch.unique(bank.images.flatten(1), dim=0)) == len(bank), part
        assert float(bank.images.float().std((1, 2, 3)).min()) > 15, part


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_any_two_people_differ_visibly(seed: int) -> None:
    cast = people(240, seed)
    assert len({person.name for person in cast}) == 240
    distances = [trait_distance(a, b) for a, b in itertools.combinations(cast, 2)]
    assert min(distances) >= LEAST_DISTANCE
    assert people(240, seed) == cast
    assert people(10, seed) == cast[:10]


@pytest.mark.parametrize("seed", [0, 3])
def test_people_are_of_all_kinds(seed: int) -> None:
    cast = people(240, seed)
    for trait, least in (("skin", 10), ("hair", 20), ("hair_colour", 10), ("face", 6), ("eyes", 5), ("nose", 6)):
        assert len({getattr(person, trait) for person in cast}) >= least, trait
    for trait in ("headwear", "glasses", "beard"):
        without = sum(getattr(person, trait) == "none" for person in cast)
        assert 0.5 * 240 < without < 0.95 * 240, trait
    for person in cast:
        if person.headwear not in hair.COVERS_HAIR:
            contrast = math.dist(traits.HAIRS[person.hair_colour], traits.SKINS[person.skin])
            assert contrast > 75, f"{person.name}'s hair has the colour of the skin"


def test_trait_distance_by_hand() -> None:
    assert trait_distance(PERSON, PERSON) == 0
    assert trait_distance(PERSON, replace(PERSON, name="Sam", width=1.1, accent=5)) == 0
    assert trait_distance(PERSON, replace(PERSON, hair="afro")) == pytest.approx(2.0)
    assert trait_distance(PERSON, replace(PERSON, glasses="none", iris="blue")) == pytest.approx(1.2 + 0.4)
    assert trait_distance(PERSON, replace(PERSON, skin=5)) == pytest.approx(0.8)
    assert trait_distance(PERSON, replace(PERSON, skin=9)) == pytest.approx(1.6)
    other = replace(PERSON, nose="long", skin=0, beard="none")
    assert trait_distance(PERSON, other) == trait_distance(other, PERSON) == pytest.approx(0.7 + 1.2 + 1.5)


def test_every_field_is_tried_below() -> None:
    assert set(OTHER_TRAITS) == {field.name for field in fields(Person)} - {"name"}
    assert set(OTHER_LOOKS) == {field.name for field in fields(Look)}


@pytest.mark.parametrize("trait", OTHER_TRAITS)
def test_every_trait_shows(trait: str) -> None:
    usual = _pixels(PERSON, Look())
    for value in OTHER_TRAITS[trait]:
        changed = np.abs(_pixels(replace(PERSON, **{trait: value}), Look()) - usual).max(2)
        assert (changed > 12).sum() >= 4, f"{trait}={value} changes nothing that can be seen"


@pytest.mark.parametrize("aspect", OTHER_LOOKS)
def test_every_aspect_of_a_look_shows(aspect: str) -> None:
    look = Look(collar=2, clothes=0, trim=1)
    usual = _pixels(PERSON, look)
    for value in OTHER_LOOKS[aspect]:
        changed = np.abs(_pixels(PERSON, replace(look, **{aspect: value})) - usual).max(2)
        assert (changed > 5).sum() >= 4, f"{aspect}={value} changes nothing that can be seen"


def test_clothes_and_background_leave_the_face_alone() -> None:
    usual = _pixels(PERSON, Look())
    for change in ({"background": 7}, {"clothes": 5}, {"collar": 2}):
        changed = np.abs(_pixels(PERSON, replace(Look(), **change)) - usual).max(2)
        assert changed[20:44, 22:42].max() == 0, change


def test_head_turns_the_way_it_is_asked() -> None:
    def middle_of_the_eyes(look: Look) -> np.ndarray:
        seeing, blind = (_pixels(replace(PERSON, glasses="none"), replace(look, blink=b)) for b in ((0, 0), (1, 1)))
        return np.argwhere(np.abs(seeing - blind).max(2) > 20).mean(0)

    straight = middle_of_the_eyes(Look())
    assert middle_of_the_eyes(Look(yaw=0.3))[1] > straight[1] + 2
    assert middle_of_the_eyes(Look(yaw=-0.3))[1] < straight[1] - 2
    assert middle_of_the_eyes(Look(dx=12.0, dy=8.0)) == pytest.approx(straight + (2.0, 3.0), abs=0.6)
    assert middle_of_the_eyes(Look(roll=0.2))[1] > straight[1] + 1, "leaning to the right of the picture"


def test_larger_picture_is_the_same_picture() -> None:
    small = _pixels(PERSON, Look(), 64)
    large = np.asarray(draw(PERSON, Look(), 256).reduce(4)).astype(int)
    assert large.shape == small.shape
    assert np.abs(large - small).mean() < 4


def test_light_by_hand() -> None:
    grey = Image.new("RGB", (3, 3), (100, 100, 100))
    even = Look(contrast=0.0)
    assert np.asarray(drawing._light(grey, even)).tolist() == [[[100, 100, 100]] * 3] * 3
    assert np.asarray(drawing._light(grey, replace(even, brightness=0.8, warmth=0.05)))[1, 1].tolist() == [
        84,
        80,
        76,
    ]
    from_the_left = np.asarray(drawing._light(grey, Look(light=math.pi, contrast=0.2)))[1, :, 0]
    assert from_the_left.tolist() == [120, 100, 80]
    assert np.asarray(drawing._light(grey, replace(even, brightness=9.0))).max() == 255


@pytest.mark.parametrize("controls", [3, 5, 9])
def test_curves_pass_through_their_points(controls: int) -> None:
    points = np.random.default_rng(controls).normal(size=(controls, 2))
    assert np.allclose(easel.smooth_loop(points, 4)[::4], points)
    assert np.allclose(easel.smooth_line(points, 4)[::4], points)
    # Catmull-Rom half-way between two points: (−a + 9b + 9c − d) / 16.
    before, a, b, after = (points[k % controls] for k in (-1, 0, 1, 2))
    assert np.allclose(easel.smooth_loop(points, 2)[1], (-before + 9 * a + 9 * b - after) / 16)


@pytest.mark.parametrize("width", [1.0, 6.0])
def test_ribbon_is_as_wide_as_asked(width: float) -> None:
    line = np.column_stack([np.linspace(0, 30, 7), np.linspace(0, 40, 7)])
    outline = easel.ribbon(line, width)
    assert np.allclose(np.linalg.norm(outline[:7] - outline[7:][::-1], axis=1), width)
    assert np.allclose((outline[:7] + outline[7:][::-1]) / 2, line)


def test_pictures_of_one_person_are_closer_than_those_of_two(faces: Dataset) -> None:
    """By raw pixels a little, not by much: the looks hide who it is, and a network has something to learn."""
    bank = faces.test
    small = torch.nn.functional.avg_pool2d(bank.images.float(), 8).flatten(1)
    distance = torch.cdist(small, small)
    same = bank.labels[:, None] == bank.labels
    pairs = torch.triu(torch.ones_like(same), 1)
    genuine, impostor = distance[same & pairs], distance[~same & pairs]
    ranks = torch.cat([genuine, impostor]).argsort().argsort()[: len(genuine)].double()
    area = 1 - (ranks.mean() - (len(genuine) - 1) / 2) / len(impostor)
    assert 0.55 < float(area) < 0.9


@pytest.fixture
def few_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "PEOPLE", 8)
    monkeypatch.setattr(dataset, "IMAGES_PER_PERSON", 4)


def test_same_seed_same_set(few_people: None) -> None:
    assert _digest(dataset.build(4)) == _digest(dataset.build(4))
    assert _digest(dataset.build(4)) != _digest(dataset.build(5))


def test_another_process_builds_the_same(few_people: None) -> None:
    code = """
import test_doodle_faces
from siamese.data.doodle_faces import dataset
dataset.PEOPLE, dataset.IMAGES_PER_PERSON = 8, 4
print(test_doodle_faces._digest(dataset.build(2)))
"""
    assert printed_elsewhere(code, __file__) == _digest(dataset.build(2))


def test_progress_rises_to_one(few_people: None) -> None:
    seen: list[float] = []
    dataset.build(0, seen.append)
    assert seen == sorted(seen) and seen[-1] == 1.0 and len(seen) == 8
