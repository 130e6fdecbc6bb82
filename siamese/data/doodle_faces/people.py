"""Invents people who differ visibly, and draws random looks for their pictures."""

from __future__ import annotations

import math

import numpy as np

from siamese.data.doodle_faces.hair import COVERS_HAIR
from siamese.data.doodle_faces.traits import (
    ACCENTS,
    BACKGROUNDS,
    CLOTHES,
    EYES,
    FACES,
    FRAMES,
    GLASSES,
    HAIRS,
    SKINS,
    Look,
    Person,
)

# Names, by the looks that go with them: "w": usual for women, "m": usual for men, "a": any.
_NAMES = {
    "w": (
        "Aaliyah Abena Adaeze Aiko Ailsa Alba Amara Amélie Amina Ananya Anouk Aoife Astrid Ayşe Beatriz "
        "Bianca Bronwyn Camila Carmen Chiara Chloé Dalia Defne Divya Ebba Eilidh Elif Esperanza Esther Fatima "
        "Fatou Freya Funmi Gabriela Giulia Greta Hana Heidi Ilse Imani Ines Ingrid Isla Jamila Jelena Jin-ah "
        "Johanna Kalina Katarzyna Khadija Lakshmi Leilani Leticia Linh Lucía Magda Mai Malia Marama Marie "
        "Matilde Mei Meera Mirela Moana Nadia Nanami Natalia Ngozi Niamh Noor Nyambura Olga Padma Paloma "
        "Parvati Petra Priya Ramona Rosa Roxana Saanvi Sakura Salma Shirin Signe Sofia Soraya Svetlana Tala "
        "Thandiwe Valentina Wanjiru Xiomara Yara Yasmin Yuki Zainab Zofia Zuri"
    ),
    "m": (
        "Abdul Adebayo Ahmed Alejandro Ali Amir Anders Andrei Anton Arjun Arne Baraka Bashir Bilal Björn "
        "Bogdan Callum Carlos Cedric Chidi Daichi Dawit Deepak Diego Dimitri Eduardo Eero Emeka Emil Enzo "
        "Erik Faisal Farid Felipe Finn Folau Gaspard Giorgos Goran Haruto Hassan Henrik Hiroshi Hugo Ibrahim "
        "Igor Ivan Jakob Jamal Javier João Joaquín Juan Kamal Karim Kenji Kofi Kwame Lars Lorenzo Luca Malik "
        "Manoj Marek Mateo Matteo Mehmet Miguel Mikhail Mustafa Naveen Nikolai Oisín Olumide Omar Oskar Pablo "
        "Paulo Pavel Pedro Piotr Rahul Rajesh Rashid Ravi Rui Santiago Sanjay Sekou Stefan Takumi Tariq Thabo "
        "Tomás Vikram Viktor Wei Yusuf Zoltan"
    ),
    "a": (
        "Ade Alex Amari Andrea Ariel Asha Avery Charlie Chi Dana Dominique Eden Ellis Femi Hao Hikaru Indigo "
        "Jaya Jo Juno Kai Kim Kiran Lee Lior Lou Makena Marley Micah Min Morgan Nehir Nima Noa Onyeka Quinn "
        "Rei Remy Robin Rowan Sam Sasha Shiloh Sidney Sky Tal Tenzin Toni Uli Zephyr"
    ),
}


LEAST_DISTANCE = 4.5  # trait_distance of any two people


def trait_distance(a: Person, b: Person) -> float:
    """How much two people differ: the sum of the weights of their different traits. Visible traits weigh more."""
    distance = sum(weight for trait, weight in _WEIGHTS.items() if getattr(a, trait) != getattr(b, trait))
    return distance + 0.4 * min(4, abs(a.skin - b.skin))


_WEIGHTS = {
    "hair": 2.0, "headwear": 1.5, "beard": 1.5, "hair_colour": 1.2, "glasses": 1.2, "face": 0.8, "eyes": 0.8,
    "nose": 0.7, "brows": 0.5, "iris": 0.4, "marks": 0.4, "wrinkles": 0.4, "lashes": 0.3,
    "earrings": 0.3, "lipstick": 0.3,
}  # fmt: skip


def people(count: int, seed: int) -> list[Person]:
    """`count` people. The trait_distance of any two of them is at least LEAST_DISTANCE."""
    rng = np.random.default_rng([seed, 0])
    names = [(name, kind) for kind, pool in _NAMES.items() for name in pool.split()]
    everybody: list[Person] = []
    for index in rng.permutation(len(names))[:count]:
        name, kind = names[index]
        candidate = _invent(name, kind, rng)
        while any(trait_distance(candidate, other) < LEAST_DISTANCE for other in everybody):
            candidate = _invent(name, kind, rng)
        everybody.append(candidate)
    return everybody


def _pick(rng: np.random.Generator, weights: dict[str, float]) -> str:
    shares = np.array(list(weights.values()))
    return list(weights)[int(rng.choice(len(shares), p=shares / shares.sum()))]


_DYED = ("teal", "pink", "violet", "blue")
_TALL = ("afro", "short afro", "bun", "two buns", "mohawk", "spiky", "quiff", "curly top")
_TEXTURED = ("afro", "short afro", "locs", "braids", "curly top", "curly long", "buzz")
_HAIR_OF = {
    "w": ("curly long", "afro", "bob", "sleek bob", "long straight", "fringe long", "long wavy", "bun", "two buns",
          "ponytail", "pigtails", "braids", "locs", "pixie", "swept", "short afro"),
    "m": ("bald", "buzz", "side part", "quiff", "curly top", "afro", "short afro", "locs", "spiky", "mohawk",
          "receding", "horseshoe", "bun", "long straight"),
    "a": ("buzz", "side part", "curly top", "curly long", "short afro", "pixie", "bob", "swept", "locs", "spiky",
          "ponytail", "mohawk", "quiff"),
}  # fmt: skip
# Weights for light, middle and dark skin.
_HAIR_COLOURS: tuple[dict[str, float], ...] = (
    {"black": 3, "espresso": 3, "brown": 4, "chestnut": 3, "auburn": 2, "ginger": 2.5, "dark blond": 3, "blond": 3,
     "platinum": 1, "grey": 1.6, "white": 1.2, "teal": 0.5, "pink": 0.5, "violet": 0.5, "blue": 0.5},
    {"black": 6, "espresso": 5, "brown": 4, "chestnut": 2, "auburn": 1, "ginger": 0.4, "dark blond": 0.7, "blond": 0.5,
     "grey": 1.6, "white": 1.1, "teal": 0.4, "pink": 0.4, "violet": 0.4, "blue": 0.4},
    {"black": 9, "espresso": 6, "brown": 3, "chestnut": 1, "auburn": 0.8, "blond": 0.5, "grey": 2, "white": 1.4,
     "teal": 0.4, "pink": 0.4, "violet": 0.4, "blue": 0.4},
)  # fmt: skip
_IRIS_COLOURS: tuple[dict[str, float], ...] = (
    {"dark brown": 1.5, "brown": 3, "hazel": 2, "green": 2, "blue": 4, "grey": 2},
    {"dark brown": 4, "brown": 5, "hazel": 2, "green": 1, "blue": 0.4, "grey": 0.4},
    {"dark brown": 6, "brown": 4, "hazel": 1, "green": 0.3},
)
_BROWS_OF: dict[str, dict[str, float]] = {
    "w": {"thin": 2, "arched": 3, "straight": 2, "angled": 1, "bushy": 0.4},
    "m": {"thin": 0.3, "arched": 0.7, "straight": 3, "angled": 3, "bushy": 3},
    "a": {"thin": 1, "arched": 2, "straight": 2, "angled": 2, "bushy": 1},
}


def _invent(name: str, kind: str, rng: np.random.Generator) -> Person:
    """A person of this name. kind: a key of _NAMES, which says the usual looks."""
    skin = int(rng.integers(len(SKINS)))
    tone = 0 if skin < 3 else 1 if skin < 6 else 2
    chance = rng.random
    headwear = _pick(
        rng,
        {
            "none": 8.0, "beanie": 0.5, "cap": 0.4, "headband": 0.1 if kind == "m" else 0.5,
            "headscarf": 1.0 if kind == "w" else 0.0, "turban": {"m": 0.8, "w": 0.2, "a": 0.2}[kind],
        },
    )  # fmt: skip
    styles = {
        style: (2.0 if tone == 2 else 0.6) if style in _TEXTURED else 1.0
        for style in _HAIR_OF[kind]
        if headwear == "none" or style not in _TALL
    }
    hair = "bald" if headwear in COVERS_HAIR else _pick(rng, styles)
    # Hair of almost the colour of the skin would be invisible.
    visible = {c: weight for c, weight in _HAIR_COLOURS[tone].items() if math.dist(HAIRS[c], SKINS[skin]) > 75.0}
    colour = _pick(rng, visible)
    beard = "none"
    if kind != "w" and colour not in _DYED and chance() < (0.6 if kind == "m" else 0.15):
        beard = _pick(
            rng, {"stubble": 2, "short": 2, "full": 1.6, "goatee": 1, "circle": 1, "moustache": 1.2, "handlebar": 0.7}
        )
    return Person(
        name=name,
        face=_pick(rng, dict.fromkeys(FACES, 1.0)),
        width=rng.uniform(0.96, 1.04),
        height=rng.uniform(0.97, 1.03),
        skin=skin,
        hair=hair,
        hair_colour=colour,
        headwear=headwear,
        accent=int(rng.integers(len(ACCENTS))),
        eyes=_pick(rng, dict.fromkeys(EYES, 1.0)),
        iris=_pick(rng, _IRIS_COLOURS[tone]),
        eye_gap=rng.uniform(0.92, 1.1),
        eye_size=rng.uniform(0.92, 1.12),
        lashes=chance() < {"w": 0.7, "m": 0.05, "a": 0.4}[kind],
        brows=_pick(rng, _BROWS_OF[kind]),
        nose=_pick(rng, dict.fromkeys(("button", "long", "wide", "hooked", "pointed", "small"), 1.0)),
        nose_size=rng.uniform(0.85, 1.2),
        mouth=rng.uniform(0.82, 1.2),
        lips=rng.uniform(0.4, 1.6),
        lipstick=chance() < {"w": 0.45, "m": 0.0, "a": 0.15}[kind],
        ears=rng.uniform(0.85, 1.2),
        earrings=str(rng.choice(("studs", "hoops"))) if chance() < {"w": 0.5, "m": 0.08, "a": 0.3}[kind] else "none",
        glasses=_pick(rng, dict.fromkeys(GLASSES, 1.0)) if chance() < 0.3 else "none",
        frame=int(rng.integers(len(FRAMES))),
        beard=beard,
        marks=_pick(
            rng, {"none": 5, "freckles": 1.6 if tone < 2 else 0.5, "mole left": 0.8, "mole right": 0.8, "blush": 1.2}
        ),
        wrinkles=chance() < (0.75 if colour in ("grey", "white") else 0.06),
    )


def looks(count: int, rng: np.random.Generator) -> list[Look]:
    """`count` random looks."""

    def spread(width: float, limit: float) -> float:
        return float(np.clip(rng.normal(0.0, width), -limit, limit))

    random_looks = []
    for _ in range(count):
        lids = rng.uniform(0.0, 0.22)
        blinking = rng.random()
        left, right = (1.0 if blinking < 0.07 or lo <= blinking < lo + 0.03 else lids for lo in (0.07, 0.1))
        clothes, trim = rng.permutation(len(CLOTHES))[:2].tolist()
        random_looks.append(
            Look(
                yaw=spread(0.22, 0.42),
                pitch=spread(0.12, 0.24),
                roll=spread(0.09, 0.2),
                scale=rng.uniform(0.92, 1.1),
                dx=rng.uniform(-10.0, 10.0),
                dy=rng.uniform(-6.0, 7.0),
                smile=rng.uniform(-0.2, 1.0),
                open=rng.uniform(0.2, 1.0) if rng.random() < 0.42 else 0.0,
                brows=max(-0.7, spread(0.45, 1.0)),
                blink=(left, right),
                gaze_x=rng.uniform(-0.8, 0.8),
                gaze_y=rng.uniform(-0.6, 0.6),
                light=rng.uniform(-math.pi, 0.0),
                contrast=rng.uniform(0.04, 0.24),
                warmth=spread(0.035, 0.07),
                brightness=rng.uniform(0.78, 1.04),
                background=int(rng.integers(len(BACKGROUNDS))),
                clothes=clothes,
                trim=trim,
                collar=int(rng.integers(5)),
            )
        )
    return random_looks
