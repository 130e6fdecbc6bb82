"""Doodle faces: drawn people, so that face verification can be taught with nobody's photograph.

A person is a set of fixed traits (face, skin, hair, eyes, nose, mouth, glasses, beard, ...). A look is everything that
changes from one picture of a person to the next: expression, gaze, pose of the head, light, clothes and background.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from siamese.data.bank import Dataset, ImageBank

VERSION = 2

Progress = Callable[[float], None]
Points = NDArray[np.float64]
Colour = tuple[int, int, int]

SIZE = 64  # side of an image, in pixels
PEOPLE = 240
IMAGES_PER_PERSON = 24
UNLIKE = 4.5  # trait_distance between any two people is at least this

# Names and, with them, the usual looks of women, of men, and a mix of both.
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

_SKINS: tuple[Colour, ...] = (
    (253, 228, 210), (248, 212, 181), (241, 196, 157), (230, 176, 132), (214, 154, 109),
    (191, 130, 86), (166, 107, 68), (139, 86, 56), (112, 68, 46), (84, 51, 37),
)  # fmt: skip
_HAIRS: dict[str, Colour] = {
    "black": (34, 29, 33), "espresso": (55, 39, 34), "brown": (92, 61, 40), "chestnut": (131, 77, 46),
    "auburn": (150, 58, 32), "ginger": (211, 107, 46), "dark blond": (183, 139, 82), "blond": (229, 192, 118),
    "platinum": (243, 231, 203), "grey": (150, 150, 156), "white": (233, 231, 232), "teal": (44, 153, 152),
    "pink": (226, 119, 160), "violet": (122, 88, 180), "blue": (62, 106, 190),
}  # fmt: skip
_IRISES: dict[str, Colour] = {
    "dark brown": (59, 36, 26), "brown": (104, 64, 36), "hazel": (135, 104, 52), "green": (84, 132, 82),
    "blue": (72, 128, 184), "grey": (118, 134, 146),
}  # fmt: skip
_CLOTHES: tuple[Colour, ...] = (
    (38, 70, 83), (42, 157, 143), (233, 196, 106), (244, 162, 97), (231, 111, 81), (69, 123, 157), (120, 80, 140),
    (214, 93, 124), (88, 129, 87), (60, 60, 66), (240, 236, 228), (178, 58, 72), (94, 129, 190), (205, 180, 219),
)  # fmt: skip
_BACKGROUNDS: tuple[Colour, ...] = (
    (190, 222, 235), (250, 220, 190), (205, 230, 205), (240, 205, 215), (222, 212, 240), (248, 235, 185),
    (196, 208, 222), (232, 226, 214), (170, 212, 204), (243, 190, 170), (180, 190, 226), (214, 220, 180),
)  # fmt: skip
_ACCENTS: tuple[Colour, ...] = (
    (38, 70, 83), (178, 58, 72), (42, 130, 120), (233, 186, 86), (120, 80, 140), (214, 93, 124), (69, 103, 167),
    (60, 56, 62), (226, 214, 196), (231, 111, 81),
)  # fmt: skip
_FRAMES: tuple[Colour, ...] = ((40, 36, 40), (120, 62, 36), (176, 40, 56), (40, 78, 130), (196, 158, 74), (70, 110, 90))

# Right half of each face outline from the crown to the chin, as shares of half the width and half the height; before
# it the half width and half height in units (256 span the picture).
_FACES: dict[str, tuple[float, float, tuple[tuple[float, float], ...]]] = {
    "oval": (61, 79, ((0.62, -0.87), (0.95, -0.46), (1.0, 0.0), (0.92, 0.42), (0.64, 0.8), (0.28, 0.975))),
    "round": (67, 74, ((0.64, -0.86), (0.95, -0.46), (1.02, 0.04), (0.97, 0.45), (0.74, 0.8), (0.35, 0.98))),
    "square": (63, 76, ((0.66, -0.88), (0.97, -0.5), (1.0, 0.0), (0.98, 0.45), (0.86, 0.8), (0.45, 0.985))),
    "heart": (64, 78, ((0.68, -0.86), (1.0, -0.46), (1.0, -0.02), (0.86, 0.42), (0.5, 0.8), (0.17, 0.98))),
    "long": (56, 86, ((0.64, -0.89), (0.95, -0.5), (0.99, 0.0), (0.94, 0.45), (0.7, 0.82), (0.32, 0.98))),
    "diamond": (62, 81, ((0.56, -0.87), (0.88, -0.48), (1.03, 0.0), (0.86, 0.44), (0.5, 0.82), (0.2, 0.98))),
}

# Layer, tone and outline of some hair or cloth.
Lock = tuple[str, int, tuple[tuple[float, float], ...]]


def _pair(*right: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """A closed outline from its right half, given from the top of the middle line to its bottom."""
    return (*right, *((-u, v) for u, v in reversed(right) if u != 0.0))


def _both(layer: str, tone: int, *points: tuple[float, float]) -> tuple[Lock, Lock]:
    """The same lock on the right and on the left."""
    return (layer, tone, points), (layer, tone, tuple((-u, v) for u, v in points))


def _curl(u: float, v: float, radius: float, layer: str = "front", tone: int = 0) -> Lock:
    turns = (math.tau * k / 7 for k in range(7))
    return layer, tone, tuple((u + radius * math.cos(t), v + 0.82 * radius * math.sin(t)) for t in turns)


def _cap(lift: float, low: float, line: float, peak: float = 0.0) -> Lock:
    """Hair that lies on the head: how far it stands off, how low the sides reach, and where the hairline is."""
    return (
        "front",
        0,
        _pair(
            (0.0, -1.0 - lift), (0.6, -0.9 - lift), (1.0 + 0.6 * lift, -0.5 - 0.3 * lift), (1.02 + 0.6 * lift, low),
            (0.95, low), (0.9, line + 0.22), (0.56, line), (0.0, line + peak),
        ),
    )  # fmt: skip


# Hair at the back of the head, so that no background shows between the face and the hair beside it.
_NAPE: Lock = ("over", -1, _pair((0.0, -1.06), (0.62, -0.96), (1.0, -0.5), (1.04, 0.0), (0.9, 0.3), (0.0, 0.4)))
_BACK_LONG = _pair(
    (0.0, -1.12), (0.7, -1.02), (1.14, -0.55), (1.22, 0.1), (1.2, 0.9), (1.14, 1.5), (0.5, 1.62), (0.0, 1.6)
)
_BACK_WAVY = _pair(
    (0.0, -1.16), (0.7, -1.06), (1.16, -0.6), (1.2, -0.2), (1.36, 0.1), (1.22, 0.4), (1.42, 0.72), (1.26, 1.05),
    (1.4, 1.36), (0.9, 1.6), (0.0, 1.55),
)  # fmt: skip
_CURTAINS = _both(
    "front", 0, (0.0, -1.14), (0.62, -1.05), (1.08, -0.58), (1.18, 0.1), (1.16, 0.95), (0.98, 0.9), (0.96, 0.1),
    (0.86, -0.34), (0.42, -0.62), (0.02, -0.86),
)  # fmt: skip

# Locks of hair in shares of half the width and half the height of the face; tone 0 is the hair's colour, -1 darker,
# 1 lighter. Layers: "behind" the shoulders, "over" them but behind the face, "front" of the face.
_STYLES: dict[str, tuple[Lock, ...]] = {
    "bald": (),
    "buzz": (_cap(0.03, -0.08, -0.6),),
    "side part": (
        _NAPE,
        ("front", 0, ((-1.05, -0.02), (-1.1, -0.5), (-0.75, -1.02), (0.0, -1.22), (0.75, -1.08), (1.1, -0.55),
                      (1.05, -0.02), (0.94, -0.1), (0.86, -0.38), (0.3, -0.46), (-0.3, -0.62), (-0.52, -0.8),
                      (-0.62, -0.62), (-0.88, -0.36), (-0.94, -0.1))),
        ("front", 1, ((-0.42, -0.98), (0.1, -1.08), (0.62, -0.96), (0.86, -0.72), (0.5, -0.84), (0.0, -0.92))),
    ),
    "quiff": (
        _NAPE,
        _cap(0.06, -0.05, -0.6),
        ("front", 0, ((-0.82, -0.62), (-0.95, -1.05), (-0.5, -1.34), (0.2, -1.46), (0.86, -1.3), (0.98, -0.96),
                      (0.82, -0.62), (0.3, -0.66), (-0.3, -0.6))),
        ("front", 1, ((-0.6, -0.98), (-0.1, -1.22), (0.6, -1.22), (0.78, -1.06), (0.4, -1.08), (-0.1, -1.02))),
    ),
    "curly top": (
        _NAPE,
        _cap(0.05, -0.05, -0.6),
        *(_curl(u, v, 0.34) for u, v in ((-0.78, -0.78), (0.78, -0.78), (-0.45, -1.08), (0.45, -1.08), (0.0, -1.16),
                                         (-0.3, -0.76), (0.3, -0.76), (0.0, -0.78))),
        *(_curl(u, v, 0.12, tone=1) for u, v in ((-0.5, -1.12), (0.35, -1.2), (0.02, -0.84), (0.72, -0.82))),
    ),
    "curly long": (
        _NAPE,
        *(_curl(u, v, 0.42, "behind") for s in (-1, 1) for u, v in ((s * 1.0, -0.5), (s * 1.14, -0.05), (s * 1.16, 0.4),
                                                                    (s * 1.1, 0.85), (s * 0.9, 1.2))),
        ("behind", 0, _pair((0.0, -1.1), (1.0, -0.8), (1.1, 0.2), (1.0, 1.2), (0.0, 1.3))),
        *(_curl(u, v, 0.34) for u, v in ((-0.95, -0.5), (0.95, -0.5), (-0.72, -0.86), (0.72, -0.86), (-0.3, -1.08),
                                         (0.3, -1.08), (0.05, -0.84), (-0.42, -0.74), (0.5, -0.74))),
        *(_curl(u, v, 0.13, tone=1) for u, v in ((-0.7, -0.95), (0.25, -1.12), (0.78, -0.9))),
    ),
    "afro": (
        _NAPE,
        ("behind", 0, _pair(*((1.52 * math.sin(t) * (1.0 if k % 2 else 0.95), -0.42 - 1.2 * math.cos(t)
                               * (1.0 if k % 2 else 0.96)) for k, t in enumerate(np.linspace(0, 2.75, 13).tolist())))),
        ("front", 0, _pair((0.0, -1.3), (0.7, -1.15), (1.2, -0.7), (1.16, -0.12), (0.97, -0.16), (0.86, -0.46),
                           (0.5, -0.62), (0.0, -0.66))),
        ("front", 1, ((-0.75, -1.12), (-0.3, -1.34), (0.3, -1.38), (0.1, -1.26), (-0.35, -1.18))),
    ),
    "short afro": (
        _NAPE,
        ("front", 0, _pair((0.0, -1.3), (0.45, -1.27), (0.82, -1.06), (1.12, -0.7), (1.14, -0.1), (0.96, -0.06),
                           (0.9, -0.42), (0.52, -0.6), (0.0, -0.62))),
    ),
    "bob": (
        _NAPE,
        ("behind", -1, _pair((0.0, -1.1), (0.8, -0.95), (1.2, -0.4), (1.28, 0.3), (1.16, 0.82), (0.6, 0.86),
                             (0.0, 0.8))),
        *_both("front", 0, (0.85, -0.75), (1.14, -0.55), (1.24, 0.1), (1.2, 0.72), (0.94, 0.8), (0.9, 0.2),
               (0.82, -0.3)),
        ("front", 0, _pair((0.0, -1.16), (0.66, -1.05), (1.1, -0.6), (1.04, -0.2), (0.5, -0.32), (0.0, -0.34))),
        ("front", 1, ((-0.6, -0.92), (0.0, -1.04), (0.6, -0.92), (0.36, -0.84), (0.0, -0.9), (-0.36, -0.84))),
    ),
    "sleek bob": (
        _NAPE,
        ("behind", -1, _pair((0.0, -1.1), (0.8, -0.95), (1.18, -0.4), (1.22, 0.3), (1.24, 0.7), (0.7, 0.6),
                             (0.0, 0.6))),
        *_both("front", 0, (0.05, -1.14), (0.66, -1.05), (1.12, -0.55), (1.2, 0.1), (1.3, 0.66), (0.98, 0.56),
               (0.95, 0.05), (0.84, -0.36), (0.45, -0.66), (0.0, -0.92)),
    ),
    "long straight": (
        _NAPE,
        ("behind", -1, _BACK_LONG),
        *_both("over", 0, (0.9, 0.2), (1.2, 0.1), (1.22, 0.9), (1.18, 1.56), (0.86, 1.6), (0.8, 0.9)),
        *_CURTAINS,
    ),
    "fringe long": (
        _NAPE,
        ("behind", -1, _BACK_LONG),
        *_both("front", 0, (0.86, -0.7), (1.12, -0.5), (1.2, 0.1), (1.18, 1.0), (1.0, 1.02), (0.95, 0.1), (0.84, -0.2)),
        ("front", 0, _pair((0.0, -1.16), (0.66, -1.05), (1.1, -0.6), (1.02, -0.22), (0.5, -0.28), (0.0, -0.3))),
        ("front", 1, ((-0.55, -0.94), (0.0, -1.05), (0.55, -0.94), (0.3, -0.86), (0.0, -0.9), (-0.3, -0.86))),
    ),
    "long wavy": (
        _NAPE,
        ("behind", -1, _BACK_WAVY),
        ("front", 0, ((-0.5, -0.98), (0.1, -1.2), (0.75, -1.05), (1.14, -0.5), (1.14, -0.1), (1.3, 0.2), (1.16, 0.5),
                      (1.3, 0.85), (1.06, 0.95), (1.0, 0.5), (1.04, 0.2), (0.92, -0.15), (0.7, -0.48), (0.0, -0.72))),
        ("front", 0, ((-0.3, -1.12), (-0.85, -0.95), (-1.12, -0.5), (-1.14, -0.1), (-1.3, 0.2), (-1.16, 0.5),
                      (-1.3, 0.85), (-1.06, 0.95), (-1.0, 0.5), (-1.04, 0.2), (-0.94, -0.15), (-0.84, -0.5),
                      (-0.5, -0.86))),
        ("front", 1, ((0.0, -1.02), (0.5, -0.98), (0.88, -0.66), (0.98, -0.36), (0.76, -0.6), (0.4, -0.84))),
    ),
    "bun": (
        _NAPE,
        _curl(0.0, -1.26, 0.46, "behind"),
        _curl(-0.1, -1.37, 0.16, "behind", 1),
        _cap(0.1, -0.1, -0.64),
    ),
    "two buns": (
        _NAPE,
        _curl(-0.86, -1.12, 0.42, "behind"), _curl(0.86, -1.12, 0.42, "behind"),
        _curl(-0.94, -1.22, 0.14, "behind", 1), _curl(0.8, -1.22, 0.14, "behind", 1),
        *_both("front", 0, (0.0, -1.12), (0.6, -1.02), (1.06, -0.55), (1.06, -0.08), (0.95, -0.1), (0.86, -0.42),
               (0.4, -0.62), (0.0, -0.84)),
    ),
    "ponytail": (
        _NAPE,
        ("behind", 0, ((0.5, -1.0), (1.05, -1.18), (1.5, -0.85), (1.62, -0.2), (1.44, 0.5), (1.2, 0.75), (1.22, 0.1),
                       (1.1, -0.45))),
        ("behind", 1, ((1.1, -1.0), (1.4, -0.7), (1.48, -0.1), (1.32, -0.4))),
        ("front", 0, ((-1.06, -0.1), (-1.06, -0.6), (-0.6, -1.02), (0.0, -1.12), (0.62, -1.02), (1.08, -0.55),
                      (1.06, -0.1), (0.95, -0.12), (0.84, -0.46), (0.2, -0.58), (-0.4, -0.74), (-0.86, -0.46),
                      (-0.95, -0.1))),
    ),
    "pigtails": (
        _NAPE,
        *_both("behind", 0, (0.95, -0.2), (1.4, -0.3), (1.66, 0.1), (1.6, 0.7), (1.36, 1.1), (1.24, 0.6), (1.05, 0.15)),
        *_both("front", 0, (0.0, -1.14), (0.6, -1.05), (1.08, -0.58), (1.1, -0.02), (0.95, -0.06), (0.86, -0.42),
               (0.42, -0.64), (0.0, -0.86)),
    ),
    "braids": (
        _NAPE,
        *(lock for k in range(5) for lock in (_curl(-1.1, 0.3 + 0.32 * k, 0.25 - 0.02 * k, "over", -(k % 2)),
                                              _curl(1.1, 0.3 + 0.32 * k, 0.25 - 0.02 * k, "over", -(k % 2)))),
        *_both("front", 0, (0.0, -1.14), (0.6, -1.05), (1.1, -0.58), (1.16, 0.2), (1.0, 0.25), (0.94, -0.1),
               (0.84, -0.44), (0.42, -0.66), (0.0, -0.88)),
    ),
    "locs": (
        _NAPE,
        *(("behind", -(k % 2), ((u - 0.16, -0.6), (u + 0.16, -0.6), (1.06 * u + 0.17, 0.5),
                                (1.08 * u + 0.1, 1.3 - 0.2 * u * u),
                                (1.08 * u - 0.1, 1.3 - 0.2 * u * u), (1.06 * u - 0.17, 0.5)))
          for k, u in enumerate((-1.1, -0.84, 0.84, 1.1, -0.97, 0.97))),
        *_both("front", 0, (0.9, -0.75), (1.14, -0.6), (1.2, 0.3), (1.12, 0.56), (1.0, 0.4), (0.96, -0.2)),
        _cap(0.16, -0.2, -0.62),
        *(("front", -1, ((u - 0.03, -1.08), (u + 0.03, -1.08), (1.5 * u + 0.03, -0.66), (1.5 * u - 0.03, -0.66)))
          for u in (-0.5, -0.25, 0.0, 0.25, 0.5)),
    ),
    "pixie": (
        _NAPE,
        ("front", 0, ((-1.06, 0.12), (-1.14, -0.45), (-0.75, -1.05), (0.0, -1.22), (0.75, -1.08), (1.14, -0.5),
                      (1.08, 0.1), (0.94, 0.0), (0.88, -0.34), (0.62, -0.4), (0.4, -0.24), (0.2, -0.42),
                      (-0.12, -0.28), (-0.3, -0.5), (-0.6, -0.42), (-0.86, -0.5), (-0.96, 0.02))),
        ("front", 1, ((-0.6, -0.9), (0.0, -1.08), (0.6, -0.94), (0.2, -0.92), (-0.2, -0.84))),
    ),
    "spiky": (
        _NAPE,
        ("front", 0, ((-1.06, -0.05), (-1.12, -0.6), (-1.02, -0.95), (-0.72, -1.02), (-0.62, -1.38), (-0.34, -1.16),
                      (-0.1, -1.5), (0.14, -1.18), (0.46, -1.44), (0.58, -1.1), (0.96, -1.14), (0.94, -0.85),
                      (1.12, -0.55), (1.05, -0.05), (0.94, -0.1), (0.86, -0.44), (0.5, -0.56), (0.25, -0.7),
                      (0.0, -0.52), (-0.3, -0.7), (-0.56, -0.54), (-0.86, -0.44), (-0.94, -0.1))),
    ),
    "mohawk": (
        ("front", 0, _pair((0.0, -1.62), (0.2, -1.5), (0.3, -1.2), (0.3, -0.8), (0.2, -0.58), (0.0, -0.54))),
        ("front", 1, ((-0.08, -1.42), (0.08, -1.42), (0.1, -0.9), (-0.02, -0.9))),
    ),
    "swept": (
        _NAPE,
        ("behind", -1, ((-1.0, -0.8), (1.1, -0.7), (1.3, 0.2), (1.26, 1.0), (0.9, 1.3), (0.4, 0.9), (-0.9, 0.0))),
        ("front", 0, ((-1.08, -0.05), (-1.1, -0.55), (-0.7, -1.06), (0.05, -1.22), (0.8, -1.04), (1.2, -0.45),
                      (1.26, 0.3), (1.28, 0.95), (0.98, 1.05), (0.98, 0.4), (0.9, -0.02), (0.64, -0.3), (0.0, -0.5),
                      (-0.5, -0.84), (-0.84, -0.5), (-0.95, -0.1))),
        ("front", 1, ((-0.3, -1.02), (0.3, -1.06), (0.86, -0.74), (1.06, -0.2), (0.76, -0.56), (0.2, -0.84))),
    ),
    "receding": (
        _NAPE,
        *_both("front", 0, (1.02, -0.75), (1.1, -0.3), (1.06, 0.08), (0.94, 0.02), (0.92, -0.36), (0.8, -0.62)),
        ("front", 0, _pair((0.0, -1.1), (0.6, -1.0), (0.98, -0.66), (0.84, -0.7), (0.5, -0.92), (0.22, -0.78),
                           (0.0, -0.74))),
    ),
    "horseshoe": (
        *_both("front", 0, (1.0, -0.6), (1.14, -0.4), (1.12, 0.1), (0.96, 0.1), (0.93, -0.3)),
    ),
}  # fmt: skip

_HEADWEAR: dict[str, tuple[Lock, ...]] = {
    "none": (),
    "beanie": (
        ("front", 0, _pair((0.0, -1.4), (0.55, -1.32), (0.98, -0.95), (1.1, -0.5), (0.0, -0.52))),
        ("front", -1, _pair((0.0, -0.76), (0.6, -0.74), (1.14, -0.66), (1.14, -0.36), (0.6, -0.42), (0.0, -0.44))),
    ),
    "cap": (
        ("front", 0, _pair((0.0, -1.3), (0.56, -1.24), (0.98, -0.92), (1.06, -0.46), (0.5, -0.52), (0.0, -0.54))),
        ("front", 1, _pair((0.0, -1.2), (0.3, -1.1), (0.34, -0.86), (0.0, -0.8))),
        ("front", -2, _pair((0.0, -0.68), (0.6, -0.66), (1.08, -0.52), (1.2, -0.36), (0.6, -0.48), (0.0, -0.5))),
    ),
    "headscarf": (
        ("over", -1, _pair((0.0, -1.2), (0.8, -1.05), (1.22, -0.4), (1.22, 0.3), (1.2, 0.9), (1.5, 1.5), (1.2, 1.75),
                           (0.0, 1.8))),
        ("over", 0, _pair((0.0, -1.2), (0.8, -1.05), (1.2, -0.4), (1.18, 0.3), (0.86, 0.98), (0.4, 1.24), (0.0, 1.3))),
        *_both("front", 0, (0.0, -1.2), (0.76, -1.06), (1.2, -0.45), (1.2, 0.3), (1.0, 0.8), (0.62, 1.1), (0.8, 0.72),
               (0.93, 0.2), (0.88, -0.3), (0.5, -0.6), (0.0, -0.68)),
        ("front", 1, ((-0.5, -0.98), (0.1, -1.08), (0.66, -0.88), (0.96, -0.45), (0.6, -0.74), (0.0, -0.92))),
    ),
    "turban": (
        ("front", 0, _pair((0.0, -1.56), (0.66, -1.46), (1.2, -1.05), (1.22, -0.6), (0.98, -0.3), (0.5, -0.52),
                           (0.0, -0.72))),
        ("front", -1, ((-1.14, -0.7), (-0.4, -1.1), (0.3, -1.46), (0.42, -1.4), (-0.3, -0.98), (-1.04, -0.56))),
        ("front", -1, ((1.14, -0.7), (0.55, -0.92), (0.05, -1.12), (0.14, -1.2), (0.62, -1.02), (1.18, -0.82))),
        ("front", 1, ((-0.2, -0.78), (0.0, -1.0), (0.2, -0.78), (0.0, -0.7))),
    ),
    "headband": (
        ("front", 0, _pair((0.0, -0.94), (0.55, -0.86), (1.06, -0.52), (1.06, -0.34), (0.55, -0.64), (0.0, -0.72))),
    ),
}  # fmt: skip
_COVERS_HAIR = ("headscarf", "turban")
_KEEPS_SIDES = ("beanie", "cap")

# Outlines in shares of half the width and half the height of the face.
_BEARDS: dict[str, tuple[tuple[float, float], ...]] = {
    "stubble": _pair((0.0, 0.38), (0.3, 0.36), (0.62, 0.44), (0.9, 0.12), (1.0, -0.02), (0.96, 0.4), (0.72, 0.8),
                     (0.3, 0.98), (0.0, 1.0)),
    "short": _pair((0.0, 0.4), (0.3, 0.38), (0.62, 0.5), (0.88, 0.16), (1.0, -0.1), (1.0, 0.4), (0.76, 0.84),
                   (0.34, 1.03), (0.0, 1.05)),
    "full": _pair((0.0, 0.4), (0.32, 0.37), (0.6, 0.42), (0.86, 0.14), (1.02, -0.15), (1.08, 0.45), (0.9, 0.95),
                  (0.45, 1.26), (0.0, 1.32)),
    "goatee": _pair((0.0, 0.72), (0.24, 0.74), (0.36, 0.86), (0.24, 1.1), (0.0, 1.16)),
    "circle": _pair((0.0, 0.4), (0.3, 0.42), (0.46, 0.6), (0.4, 0.9), (0.22, 1.06), (0.0, 1.08)),
    "moustache": _pair((0.0, 0.42), (0.2, 0.39), (0.42, 0.5), (0.46, 0.6), (0.2, 0.54), (0.0, 0.53)),
    "handlebar": _pair((0.0, 0.42), (0.22, 0.4), (0.44, 0.5), (0.62, 0.36), (0.66, 0.42), (0.46, 0.6), (0.2, 0.54),
                       (0.0, 0.53)),
}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """The fixed traits of one drawn person. Names index the tables of this module; numbers are shares of the usual."""

    name: str
    face: str
    width: float
    height: float
    skin: int
    hair: str
    hair_colour: str
    headwear: str
    accent: int
    eyes: str
    iris: str
    eye_gap: float
    eye_size: float
    lashes: bool
    brows: str
    nose: str
    nose_size: float
    mouth: float
    lips: float
    lipstick: bool
    ears: float
    earrings: str
    glasses: str
    frame: int
    beard: str
    marks: str
    wrinkles: bool


@dataclass(frozen=True)
class Look:
    """What changes from one picture of a person to the next.

    yaw, pitch, roll: of the head, radians.  scale: 1 is usual.  dx, dy: shift, in 256ths of the picture.
    smile: -0.4 (sullen) to 1.  open: of the mouth, 0 to 1.  brows: -1 (frown) to 1 (raised).  blink: how far each eye
    is closed, 0 to 1.  gaze_x, gaze_y: -1 to 1.  light: direction it comes from, radians.  contrast, warmth,
    brightness: of that light.  background, clothes, trim: indices of colours.  collar: kind of neckline.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    scale: float = 1.0
    dx: float = 0.0
    dy: float = 0.0
    smile: float = 0.5
    open: float = 0.0
    brows: float = 0.0
    blink: tuple[float, float] = (0.0, 0.0)
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    light: float = -2.2
    contrast: float = 0.1
    warmth: float = 0.0
    brightness: float = 1.0
    background: int = 0
    clothes: int = 0
    trim: int = 1
    collar: int = 0


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    """Colour a with a share of colour b in it."""
    keep = 1.0 - share
    return round(keep * a[0] + share * b[0]), round(keep * a[1] + share * b[1]), round(keep * a[2] + share * b[2])


def _shaded(colour: Colour, tone: float) -> Colour:
    """Darker for a tone below 0, lighter above."""
    return _mix(colour, (20, 8, 24) if tone < 0 else (255, 246, 226), abs(tone))


@lru_cache(maxsize=64)
def _spline(controls: int, closed: bool, steps: int) -> Points:
    """The matrix that turns control points into a smooth curve through them (Catmull and Rom 1974)."""
    rows = []
    for segment in range(controls if closed else controls - 1):
        for t in np.arange(steps) / steps:
            weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
            row = np.zeros(controls)
            for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
                index = segment + offset
                row[index % controls if closed else min(max(index, 0), controls - 1)] += weight / 2
            rows.append(row)
    if not closed:
        rows.append(np.eye(controls)[-1])
    return np.array(rows)


def _closed(points: Points, steps: int = 5) -> Points:
    return _spline(len(points), True, steps) @ points


def _open(points: Points, steps: int = 5) -> Points:
    return _spline(len(points), False, steps) @ points


def _ribbon(curve: Points, width: float | Points) -> Points:
    """The outline of a stroke of that width (one number, or one for each point) along a curve [n, 2]."""
    ahead = np.empty_like(curve)
    ahead[1:-1] = curve[2:] - curve[:-2]
    ahead[0], ahead[-1] = curve[1] - curve[0], curve[-1] - curve[-2]
    normal = ahead[:, ::-1] * (0.5, -0.5) / np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None]
    side = normal * (width[:, None] if isinstance(width, np.ndarray) else width)
    return np.concatenate([curve + side, (curve - side)[::-1]])


def _circle(corners: int) -> Points:
    turns = np.arange(corners) * (math.tau / corners)
    return np.column_stack([np.cos(turns), np.sin(turns)])


_RING, _DOT, _DISC = _circle(20), _circle(10), _circle(72)
_FRONT, _OUTLINE, _BESIDE, _BODY = range(4)
_HEAD_SCALE = 1.04
_MIDDLE = (128.0, 132.0)  # of the face in the picture


def _half_sides(person: Person) -> tuple[float, float]:
    width, height, _ = _FACES[person.face]
    return width * person.width, height * person.height


class _Easel:
    """Collects shapes in face units and paints them in that order, seen through the pose of a look.

    Origin: the middle of the face. 256 units span the picture; x to the right, y down, depth toward the viewer.
    """

    def __init__(self, person: Person, look: Look) -> None:
        self.half_width, self.half_height = _half_sides(person)
        self.look = look
        self._shapes: list[tuple[Points, Colour, int, float]] = []
        yaw, pitch, roll = look.yaw, look.pitch, look.roll
        turned = np.array(
            [
                [math.cos(yaw), math.sin(yaw) * math.sin(pitch)],
                [0.0, math.cos(pitch)],
                [math.sin(yaw), -math.cos(yaw) * math.sin(pitch)],
            ]
        )
        rolled = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
        self._pose: Points = turned @ rolled * (_HEAD_SCALE * look.scale)
        # The head turns about the neck, not about the nose.
        neck = np.array([0.0, 95.0])
        self._middle: Points = np.array(_MIDDLE) + (look.dx, look.dy) + (neck - neck @ rolled)
        self._body_middle: Points = np.array(_MIDDLE) + (0.8 * look.dx, 0.5 * look.dy)

    def face(self, points: Points, colour: Colour, forward: float = 0.0) -> None:
        """A shape [n, 2] on the front of the head, as far forward as the head is round there."""
        self._shapes.append((points, colour, _FRONT, forward))

    def outline(self, points: Points, colour: Colour) -> None:
        """A shape [n, 2] where the head ends: flat, but for a chin that stands forward."""
        self._shapes.append((points, colour, _OUTLINE, 0.0))

    def beside(self, points: Points, colour: Colour, depth: float) -> None:
        """A shape [n, 2] beside or behind the head, flat, at its own depth."""
        self._shapes.append((points, colour, _BESIDE, depth))

    def body(self, points: Points, colour: Colour) -> None:
        """A shape [n, 2] that does not turn with the head."""
        self._shapes.append((points, colour, _BODY, 0.0))

    def share(self, points: Sequence[tuple[float, float]]) -> Points:
        """Points given as shares of half the width and half the height of the face, in units."""
        return np.array(points) * (self.half_width, self.half_height)

    def beneath(self, points: Points, depth: float) -> Points:
        """Where points [n, 2] of the head come to lie, in units of the body."""
        solid = np.column_stack([points, np.full(len(points), depth)])
        return solid @ self._pose + self._middle - self._body_middle

    def painted(self, side: int) -> Image.Image:
        """The picture, RGB, side × side."""
        # All shapes are posed in one go: some thousand points cost little more than one.
        sizes = [len(shape[0]) for shape in self._shapes]
        points = np.concatenate([shape[0] for shape in self._shapes])
        layer = np.repeat([shape[2] for shape in self._shapes], sizes)
        depth = np.repeat([shape[3] for shape in self._shapes], sizes)
        shares = points / (1.08 * self.half_width, 1.12 * self.half_height)
        round_ = 52.0 * np.sqrt(np.maximum(0.0, 1.0 - np.square(shares).sum(1)))
        chin = 20.0 * np.square(np.clip(shares[:, 1], 0.0, 1.0))
        depth = depth + round_ * (layer == _FRONT) + chin * (layer == _OUTLINE)
        posed = np.column_stack([points, depth]) @ self._pose + self._middle
        posed = np.where((layer == _BODY)[:, None], points + self._body_middle, posed) * (side / 256)
        flat = posed.ravel().tolist()
        image = Image.new("RGB", (side, side), _BACKGROUNDS[self.look.background])
        pen = ImageDraw.Draw(image)
        start = 0
        for (_, colour, _, _), size in zip(self._shapes, sizes, strict=True):
            pen.polygon(flat[start : start + 2 * size], fill=colour)
            start += 2 * size
        return image


def draw(person: Person, look: Look, size: int = SIZE) -> Image.Image:
    """A picture of the person with that look: RGB, size × size."""
    easel = _Easel(person, look)
    skin = _SKINS[person.skin]
    hair = _HAIRS[person.hair_colour]
    locks = _locks(person)

    easel.body(_DISC * 108.0 - (0.0, 14.0), _mix(_BACKGROUNDS[look.background], (255, 255, 255), 0.35))
    _paint_locks(easel, locks, "behind")
    _paint_body(easel, look, skin)
    _paint_locks(easel, locks, "over")
    if person.headwear != "headscarf":
        _paint_ears(easel, person, skin)
    _paint_head(easel, person, look, skin, hair)
    _paint_nose(easel, person, look, skin)
    _paint_mouth(easel, person, look, skin, hair)
    for side in (-1, 1):
        _paint_eye(easel, person, look, skin, side)
        _paint_brow(easel, person, look, hair, side)
    _paint_locks(easel, locks, "front")
    if person.glasses != "none":
        _paint_glasses(easel, person)
    return _lit(easel.painted(4 * size).reduce(4), look)


@lru_cache(maxsize=8)
def _locks(person: Person) -> tuple[tuple[str, Points, Colour], ...]:
    """The layer, outline and colour of each lock of hair, then of each piece of headwear."""
    hair = _STYLES[person.hair]
    if person.headwear in _KEEPS_SIDES:
        hair = tuple(lock for lock in hair if lock[1] <= 0)  # no sheen on hair under a hat
    worn = _HEADWEAR[person.headwear]
    coloured = [(lock, _HAIRS[person.hair_colour]) for lock in hair] + [
        (lock, _ACCENTS[person.accent]) for lock in worn
    ]
    return tuple(
        (layer, _closed(np.array(points) * _half_sides(person), 4), _shaded(colour, 0.16 * tone))
        for (layer, tone, points), colour in coloured
    )


def _paint_locks(easel: _Easel, locks: Sequence[tuple[str, Points, Colour]], layer: str) -> None:
    for where, outline, colour in locks:
        if where == layer == "front":
            easel.face(outline, colour)
        elif where == layer:
            easel.beside(outline, colour, -22.0 if layer == "behind" else -6.0)


def _paint_body(easel: _Easel, look: Look, skin: Colour) -> None:
    cloth, trim = _CLOTHES[look.clothes], _CLOTHES[look.trim]
    shoulders = np.array([(-118, 150), (-112, 116), (-76, 98), (-34, 88), (34, 88), (76, 98), (112, 116), (118, 150)])
    easel.body(_open(shoulders.astype(float), 3), cloth)
    if look.collar == 1:  # stripes
        for y in (97, 111):
            easel.body(np.array([(-116.0, y + 4), (116.0, y + 4), (116.0, y + 10), (-116.0, y + 10)]), trim)
    jaw = easel.beneath(np.array([(-27.0, 40.0), (27.0, 40.0)]), -8.0)
    base = np.array([(33.0, 96.0), (20.0, 106.0), (0.0, 110.0), (-20.0, 106.0), (-33.0, 96.0)])
    easel.body(np.concatenate([jaw, base]), _shaded(skin, -0.2))
    if look.collar == 2:  # shirt
        for side in (-1, 1):
            easel.body(np.array([(side * 34.0, 84.0), (side * 44.0, 98.0), (side * 20.0, 124.0), (0.0, 108.0)]), trim)
    elif look.collar == 3:  # turtleneck
        easel.body(
            _closed(
                np.array([(-38.0, 84.0), (0.0, 94.0), (38.0, 84.0), (42.0, 108.0), (0.0, 118.0), (-42.0, 108.0)]), 3
            ),
            _shaded(cloth, -0.12),
        )
    elif look.collar == 0:  # round neck with a rim
        rim = _open(np.array([(-37.0, 92.0), (-24.0, 106.0), (0.0, 112.0), (24.0, 106.0), (37.0, 92.0)]), 4)
        easel.body(_ribbon(rim, 6.0), _shaded(cloth, -0.18))


def _paint_ears(easel: _Easel, person: Person, skin: Colour) -> None:
    for side in (-1, 1):
        middle = np.array([side * (easel.half_width + 3.0), 0.06 * easel.half_height])
        easel.beside(_RING * (10.0 * person.ears, 15.0 * person.ears) + middle, _shaded(skin, -0.06), -8.0)
        easel.beside(_RING * (5.0 * person.ears, 9.0 * person.ears) + middle, _shaded(skin, -0.22), -8.0)
        lobe = middle + (side * 2.0, 17.0 * person.ears)
        if person.earrings == "studs":
            easel.beside(_RING * 5.0 + lobe, (247, 206, 92), -6.0)
        elif person.earrings == "hoops":
            easel.beside(_ring(_RING * (9.0, 12.0), 0.68) + lobe + (0.0, 8.0), (236, 188, 70), -6.0)


def _ring(outer: Points, inner_share: float) -> Points:
    """A closed band as one outline: around, and back along the inside."""
    loop = np.concatenate([outer, outer[:1]])
    return np.concatenate([loop, loop[::-1] * inner_share])


def _paint_head(easel: _Easel, person: Person, look: Look, skin: Colour, hair: Colour) -> None:
    outline = _closed(easel.share(_pair((0.0, -1.0), *_FACES[person.face][2], (0.0, 1.0))))
    easel.outline(outline, _shaded(skin, -0.13))
    toward = np.array([math.cos(look.light), math.sin(look.light)]) * 5.0
    easel.outline(outline * 0.925 + toward, skin)

    w, h = easel.half_width, easel.half_height
    blush = _mix(skin, (226, 84, 84), 0.36 if person.marks == "blush" else 0.17)
    for side in (-1, 1):
        easel.face(_RING * (13.0, 9.0) + (side * 0.58 * w, (0.36 - 0.03 * look.smile) * h), blush)
    if person.marks == "freckles":
        dark = _mix(skin, (140, 70, 40), 0.5)
        for u, v in ((0.3, 0.27), (0.48, 0.22), (0.66, 0.28), (0.4, 0.37), (0.58, 0.38), (0.12, 0.2)):
            for side in (-1, 1):
                easel.face(_DOT * 2.6 + (side * u * w, v * h), dark)
    if person.marks in ("mole left", "mole right"):
        side = -1 if person.marks == "mole left" else 1
        easel.face(_DOT * 3.6 + (side * 0.46 * w, 0.5 * h), _shaded(skin, -0.62))
    if person.beard != "none":
        share = {"stubble": 0.24, "short": 0.68}.get(person.beard, 1.0)
        if person.beard not in ("moustache", "handlebar"):
            patch = _closed(easel.share(_BEARDS[person.beard]), 4)
            easel.face(patch, _mix(skin, _shaded(hair, -0.08), share))
    if person.wrinkles:
        line = _shaded(skin, -0.24)
        for side in (-1, 1):
            fold = _open(np.array([(side * 0.3, 0.3), (side * 0.42, 0.42), (side * 0.44, 0.54)]) * (w, h), 4)
            easel.face(_ribbon(fold, 3.0), line)
            corner = np.array([(side * 0.74, 0.02), (side * 0.88, -0.03)]) * (w, h)
            easel.face(_ribbon(corner, 2.6), line)
        easel.face(_ribbon(_open(np.array([(-0.3, -0.46), (0.0, -0.49), (0.3, -0.46)]) * (w, h), 4), 2.6), line)


def _paint_nose(easel: _Easel, person: Person, look: Look, skin: Colour) -> None:
    dark, bright = _shaded(skin, -0.2), _shaded(skin, 0.32)
    size = person.nose_size
    tip = np.array([0.0, 0.31 * easel.half_height])
    side = -1.0 if math.cos(look.light) > 0 else 1.0  # the shadow falls away from the light
    if person.nose == "button":
        easel.face(_RING * (9.0 * size, 7.5 * size) + tip, dark, 10.0)
        easel.face(_RING * (6.5 * size, 5.0 * size) + tip - (0.0, 1.5), _shaded(skin, 0.12), 11.0)
    elif person.nose == "long":
        bridge = np.array([(side * 4.0, -30.0), (side * 7.0 * size, -4.0), (side * 9.0 * size, 4.0), (0.0, 8.0)])
        easel.face(_ribbon(_open(bridge + tip, 4), 4.0), dark, 9.0)
    elif person.nose == "wide":
        wings = np.array([(-15, 0), (-9, -5), (0, -7), (9, -5), (15, 0), (10, 7), (0, 8), (-10, 7)]) * size
        easel.face(_closed(wings + tip, 3), dark, 9.0)
        easel.face(_RING * (7.0 * size, 5.0 * size) + tip - (0.0, 2.0), skin, 10.0)
    elif person.nose == "hooked":
        bridge = np.array(
            [(side * 3.0, -28.0), (side * 9.0, -16.0), (side * 8.0, 0.0), (side * 3.0, 9.0), (-side * 7.0, 6.0)]
        )
        easel.face(_ribbon(_open(bridge * size + tip, 4), 4.2), dark, 10.0)
    elif person.nose == "pointed":
        easel.face(np.array([(0.0, -24.0), (side * 11.0 * size, 6.0), (-2.0 * side, 8.0)]) + tip, dark, 10.0)
    else:  # small: two nostrils
        for nostril in (-1, 1):
            easel.face(_DOT * (2.8, 2.2) + tip + (nostril * 5.0 * size, 3.0), _shaded(skin, -0.4), 8.0)
    if person.nose != "small":
        easel.face(_DOT * (2.8, 2.2) + tip - (side * 2.5, 4.0), bright, 12.0)


def _paint_mouth(easel: _Easel, person: Person, look: Look, skin: Colour, hair: Colour) -> None:
    half = 19.0 * person.mouth * (1.0 + 0.14 * look.smile - 0.12 * look.open)
    middle = np.array([0.0, 0.62 * easel.half_height])
    lip = _mix(skin, (196, 48, 74) if person.lipstick else (172, 62, 62), 0.72 if person.lipstick else 0.42)
    bow = 7.5 * look.smile
    drop = 15.0 * look.open
    x = np.linspace(-1.0, 1.0, 9)
    round_ = 1.0 - x**2
    line = bow * (round_ - 0.6)
    thick = 3.0 * person.lips
    upper, lower = line - 0.35 * drop * round_, line + 0.85 * drop * round_
    cupid = thick * round_ * (1.0 - 0.35 * np.exp(-((x / 0.16) ** 2)))
    top, bottom = upper - cupid - 0.8, lower + 1.25 * thick * round_ + 0.8

    def across(above: Points, below: Points, narrow: float = 1.0) -> Points:
        return (
            np.concatenate(
                [np.column_stack([x * half * narrow, above]), np.column_stack([x * half * narrow, below])[::-1]]
            )
            + middle
        )

    easel.face(across(top, bottom), lip, 4.0)
    if look.open > 0.12:
        easel.face(across(upper + 0.5, lower - 0.5, 0.93), (96, 24, 34), 4.0)
        teeth = upper + np.minimum(0.42 * (lower - upper), 7.0)
        easel.face(across(upper + 0.5, teeth, 0.84), (252, 250, 244), 4.0)
        if look.open > 0.45:
            tongue = np.maximum(lower - 0.36 * (lower - upper), teeth)
            easel.face(across(tongue, lower - 1.0, 0.55), (226, 110, 116), 4.0)
    else:
        centre = np.column_stack([x * (half + 2.0), line]) + middle
        easel.face(_ribbon(centre, 3.2), _mix(lip, (60, 16, 24), 0.62), 4.0)
    if person.beard in ("moustache", "handlebar", "full", "circle"):
        patch = _BEARDS["handlebar" if person.beard == "handlebar" else "moustache"]
        easel.face(_closed(easel.share(patch) - (0.0, 0.3 * drop), 4), _shaded(hair, -0.02), 6.0)


_EYES: dict[str, tuple[float, float, float, float]] = {
    # half width, half height, roundness (small: round), how far the outer corner stands up
    "round": (14.5, 13.5, 0.5, 0.0),
    "almond": (16.5, 11.0, 0.8, 0.08),
    "narrow": (17.0, 7.5, 0.75, 0.1),
    "drooping": (15.5, 11.0, 0.65, -0.16),
    "upturned": (16.5, 10.5, 0.75, 0.24),
}


def _paint_eye(easel: _Easel, person: Person, look: Look, skin: Colour, side: int) -> None:
    half, height, roundness, slant = _EYES[person.eyes]
    half, height = half * person.eye_size, height * person.eye_size
    closed = look.blink[0 if side < 0 else 1]
    middle = np.array([side * 0.43 * easel.half_width * person.eye_gap, 0.02 * easel.half_height])
    x = np.linspace(-1.0, 1.0, 9)
    bulge = np.maximum(0.0, 1.0 - x**2) ** roundness
    tilt = -side * slant * half * x
    low = tilt + 0.8 * height * bulge * (1.0 - 0.22 * max(0.0, look.smile))
    up = low + (tilt - height * bulge - low) * (1.0 - closed)
    lash = (46, 30, 30) if person.skin < 8 else (22, 14, 14)

    def column(y: Points) -> Points:
        return np.column_stack([x * half, y]) + middle

    easel.face(_ribbon(column(up - 4.5), 3.0), _shaded(skin, -0.14))  # the fold of the lid
    if closed < 0.75:
        easel.face(np.concatenate([column(up), column(low)[::-1]]), (252, 250, 247))
        gaze = np.array([0.3 * half * look.gaze_x, 0.28 * height * look.gaze_y])
        radius = 0.86 * min(height, 0.72 * half) + 1.2
        for share, colour in ((1.0, _IRISES[person.iris]), (0.55, (18, 14, 18))):
            ball = _RING * radius * share + gaze
            ball[:, 1] = np.clip(ball[:, 1], np.interp(ball[:, 0], x * half, up), np.interp(ball[:, 0], x * half, low))
            easel.face(ball + middle, colour)
        if closed < 0.4:
            easel.face(_DOT * 0.3 * radius + gaze + middle - (0.3 * radius, 0.34 * radius), (255, 255, 255))
    weight = np.interp(x * side, (-1.0, 0.4, 1.0), (2.4, 4.2, 4.6 if person.lashes else 2.8))
    easel.face(_ribbon(column(up), weight), lash)
    if person.lashes:
        tip = np.array(
            [
                (side * half * 0.8, up[-2 if side > 0 else 1]),
                (side * half * 1.32, up[-1 if side > 0 else 0] - 7.0),
                (side * half, up[-1 if side > 0 else 0] + 1.0),
            ]
        )
        easel.face(tip + middle, lash)


_BROWS: dict[str, tuple[float, float, float]] = {
    # thickness, arch, how far the outer end stands up
    "thin": (4.2, 4.0, 0.0),
    "straight": (6.5, 0.8, 1.0),
    "arched": (5.8, 7.0, 0.0),
    "bushy": (10.0, 2.5, 0.0),
    "angled": (7.0, 2.0, 6.0),
}


def _paint_brow(easel: _Easel, person: Person, look: Look, hair: Colour, side: int) -> None:
    thickness, arch, rise = _BROWS[person.brows]
    x = np.linspace(0.0, 1.0, 7)
    span = 31.0 * person.eye_size
    start = 0.43 * easel.half_width * person.eye_gap - 0.52 * span
    y = -(26.0 + 9.0 * person.eye_size - 9.0) - arch * np.sin(math.pi * x**1.2) - rise * x - 6.0 * look.brows
    y = y + (1.0 - x) * 6.0 * max(0.0, -look.brows)
    curve = np.column_stack([side * (start + span * x), y])
    colour = _mix(hair, (40, 26, 24), 0.4)
    if person.hair_colour in ("white", "grey"):
        colour = _mix(hair, (90, 86, 90), 0.4)
    easel.face(_ribbon(curve, thickness * (1.0 - 0.55 * x**2)), colour, 2.0)


_GLASSES: dict[str, tuple[float, float, float]] = {
    # half width, half height, squareness (0 an ellipse, 1 nearly a rectangle)
    "round": (22.0, 22.0, 0.0),
    "square": (24.0, 18.0, 1.0),
    "oval": (24.0, 15.5, 0.3),
    "cat-eye": (24.0, 17.0, 0.6),
}


def _paint_glasses(easel: _Easel, person: Person) -> None:
    half, height, square = _GLASSES[person.glasses]
    colour = _FRAMES[person.frame]
    gap = 0.43 * easel.half_width * person.eye_gap
    half = min(half, gap - 2.0)
    rim = np.sign(_RING) * np.abs(_RING) ** (1.0 - 0.55 * square)
    for side in (-1, 1):
        lens = rim * (half, height)
        if person.glasses == "cat-eye":
            lens = lens + np.column_stack(
                [np.zeros(len(lens)), -7.0 * (lens[:, 0] * side > 0.5 * half) * (lens[:, 1] < 0)]
            )
        easel.face(_ring(lens, 0.83) + (side * gap, 1.5), colour, 9.0)
        temple = np.array([(side * (gap + half - 2.0), -4.0), (side * (easel.half_width + 2.0), -6.0)])
        easel.face(_ribbon(temple, 4.5), colour, 2.0)
    bridge = _open(np.array([(-gap + half - 1.0, -1.0), (0.0, -6.0), (gap - half + 1.0, -1.0)]), 3)
    easel.face(_ribbon(bridge, 4.5), colour, 10.0)


def _lit(image: Image.Image, look: Look) -> Image.Image:
    """The picture under the look's light: brighter toward it, and warmer or cooler."""
    pixels = np.asarray(image, dtype=np.float32)
    ramp = np.linspace(-1.0, 1.0, image.width, dtype=np.float32)
    slope = ramp[None, :] * math.cos(look.light) + ramp[:, None] * math.sin(look.light)
    gain = look.brightness * (1.0 + look.contrast * slope)
    tint = np.array([1.0 + look.warmth, 1.0, 1.0 - look.warmth], dtype=np.float32)
    return Image.fromarray(np.minimum(pixels * (gain[..., None] * tint) + 0.5, 255.0).astype(np.uint8))


def trait_distance(a: Person, b: Person) -> float:
    """How much two people differ: the weights of the traits in which they do, the most visible ones weighing most."""
    differing = sum(weight for trait, weight in _WEIGHTS.items() if getattr(a, trait) != getattr(b, trait))
    return differing + 0.4 * min(4, abs(a.skin - b.skin))


_WEIGHTS = {
    "hair": 2.0, "headwear": 1.5, "beard": 1.5, "hair_colour": 1.2, "glasses": 1.2, "face": 0.8, "eyes": 0.8,
    "nose": 0.7, "brows": 0.5, "iris": 0.4, "marks": 0.4, "wrinkles": 0.4, "lashes": 0.3,
    "earrings": 0.3, "lipstick": 0.3,
}  # fmt: skip


def people(count: int, seed: int) -> list[Person]:
    """That many different people, any two of them at least UNLIKE apart in trait_distance."""
    rng = np.random.default_rng([seed, 0])
    names = [(name, kind) for kind, pool in _NAMES.items() for name in pool.split()]
    chosen: list[Person] = []
    for index in rng.permutation(len(names))[:count]:
        name, kind = names[index]
        candidate = _invented(name, kind, rng)
        while any(trait_distance(candidate, other) < UNLIKE for other in chosen):
            candidate = _invented(name, kind, rng)
        chosen.append(candidate)
    return chosen


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
# Light, middle and deep skin.
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


def _invented(name: str, kind: str, rng: np.random.Generator) -> Person:
    """Someone by that name: "w" and "m" follow the usual looks of women and men, "a" mixes them."""
    skin = int(rng.integers(len(_SKINS)))
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
    hair = "bald" if headwear in _COVERS_HAIR else _pick(rng, styles)
    # Hair of the skin's own colour would have no outline.
    seen = {c: weight for c, weight in _HAIR_COLOURS[tone].items() if math.dist(_HAIRS[c], _SKINS[skin]) > 75.0}
    colour = _pick(rng, seen)
    beard = "none"
    if kind != "w" and colour not in _DYED and chance() < (0.6 if kind == "m" else 0.15):
        beard = _pick(
            rng, {"stubble": 2, "short": 2, "full": 1.6, "goatee": 1, "circle": 1, "moustache": 1.2, "handlebar": 0.7}
        )
    return Person(
        name=name,
        face=_pick(rng, dict.fromkeys(_FACES, 1.0)),
        width=rng.uniform(0.96, 1.04),
        height=rng.uniform(0.97, 1.03),
        skin=skin,
        hair=hair,
        hair_colour=colour,
        headwear=headwear,
        accent=int(rng.integers(len(_ACCENTS))),
        eyes=_pick(rng, dict.fromkeys(_EYES, 1.0)),
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
        glasses=_pick(rng, dict.fromkeys(_GLASSES, 1.0)) if chance() < 0.3 else "none",
        frame=int(rng.integers(len(_FRAMES))),
        beard=beard,
        marks=_pick(
            rng, {"none": 5, "freckles": 1.6 if tone < 2 else 0.5, "mole left": 0.8, "mole right": 0.8, "blush": 1.2}
        ),
        wrinkles=chance() < (0.75 if colour in ("grey", "white") else 0.06),
    )


def looks(count: int, rng: np.random.Generator) -> list[Look]:
    """That many looks, drawn at random."""

    def spread(width: float, limit: float) -> float:
        return float(np.clip(rng.normal(0.0, width), -limit, limit))

    drawn = []
    for _ in range(count):
        lids = rng.uniform(0.0, 0.22)
        blinking = rng.random()
        left, right = (1.0 if blinking < 0.07 or lo <= blinking < lo + 0.03 else lids for lo in (0.07, 0.1))
        clothes, trim = rng.permutation(len(_CLOTHES))[:2].tolist()
        drawn.append(
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
                background=int(rng.integers(len(_BACKGROUNDS))),
                clothes=clothes,
                trim=trim,
                collar=int(rng.integers(5)),
            )
        )
    return drawn


def build(seed: int = 0, progress: Progress | None = None) -> Dataset:
    """240 people of 24 looks each, uint8 [N, 3, 64, 64]: 168 to train, 36 to validate and 36 to test on.

    The same seed gives the same images. progress receives 0 to 1.
    """
    cast = people(PEOPLE, seed)
    images = torch.empty(PEOPLE, IMAGES_PER_PERSON, 3, SIZE, SIZE, dtype=torch.uint8)
    for i, person in enumerate(cast):
        # Each person's own stream: their pictures do not depend on who came before.
        for j, look in enumerate(looks(IMAGES_PER_PERSON, np.random.default_rng([seed, 1, i]))):
            images[i, j] = torch.from_numpy(np.array(draw(person, look))).permute(2, 0, 1)
        if progress is not None:
            progress((i + 1) / PEOPLE)
    ends = (0, round(0.7 * PEOPLE), round(0.85 * PEOPLE), PEOPLE)
    train, validation, test = (_bank(images[a:b], cast[a:b]) for a, b in pairwise(ends))
    return Dataset("doodle-faces", "Doodle faces", "faces", "people", train, validation, test)


def _bank(images: Tensor, cast: list[Person]) -> ImageBank:
    return ImageBank(
        images=images.flatten(0, 1).contiguous(),
        counts=torch.full((len(cast),), images.shape[1]),
        class_names=tuple(person.name for person in cast),
        groups=torch.zeros(len(cast), dtype=torch.long),
        group_names=("people",),
    )
