"""Draws one picture of a person. The parts are painted from back to front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image

from siamese.data.doodle_faces.easel import (
    DISC,
    DOT,
    RING,
    Easel,
    Points,
    half_sides,
    mix,
    ribbon,
    shade,
    smooth_line,
    smooth_loop,
)
from siamese.data.doodle_faces.hair import BEARDS, HEADWEAR, KEEPS_SIDES, STYLES, pair
from siamese.data.doodle_faces.traits import (
    ACCENTS,
    BACKGROUNDS,
    BROWS,
    CLOTHES,
    EYES,
    FACES,
    FRAMES,
    GLASSES,
    HAIRS,
    IRISES,
    SKINS,
    Colour,
    Look,
    Person,
)

SIZE = 64  # side of an image, in pixels


def draw(person: Person, look: Look, size: int = SIZE) -> Image.Image:
    """The picture of this person with this look: RGB, size × size."""
    easel = Easel(person, look)
    skin = SKINS[person.skin]
    hair = HAIRS[person.hair_colour]
    locks = _locks(person)

    easel.body(DISC * 108.0 - (0.0, 14.0), mix(BACKGROUNDS[look.background], (255, 255, 255), 0.35))
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
    return _light(easel.paint(4 * size).reduce(4), look)


@lru_cache(maxsize=8)
def _locks(person: Person) -> tuple[tuple[str, Points, Colour], ...]:
    """The layer, outline and colour of each lock of hair, then of each piece of headwear."""
    hair = STYLES[person.hair]
    if person.headwear in KEEPS_SIDES:
        hair = tuple(lock for lock in hair if lock[1] <= 0)  # no sheen on hair under a hat
    hair_colour, cloth_colour = HAIRS[person.hair_colour], ACCENTS[person.accent]
    coloured = [(lock, hair_colour) for lock in hair] + [(lock, cloth_colour) for lock in HEADWEAR[person.headwear]]
    return tuple(
        (layer, smooth_loop(np.array(points) * half_sides(person), 4), shade(colour, 0.16 * tone))
        for (layer, tone, points), colour in coloured
    )


def _paint_locks(easel: Easel, locks: Sequence[tuple[str, Points, Colour]], layer: str) -> None:
    for where, outline, colour in locks:
        if where == layer == "front":
            easel.face(outline, colour)
        elif where == layer:
            easel.beside(outline, colour, -22.0 if layer == "behind" else -6.0)


def _paint_body(easel: Easel, look: Look, skin: Colour) -> None:
    cloth, trim = CLOTHES[look.clothes], CLOTHES[look.trim]
    shoulders = np.array([(-118, 150), (-112, 116), (-76, 98), (-34, 88), (34, 88), (76, 98), (112, 116), (118, 150)])
    easel.body(smooth_line(shoulders.astype(float), 3), cloth)
    if look.collar == 1:  # stripes
        for y in (97, 111):
            easel.body(np.array([(-116.0, y + 4), (116.0, y + 4), (116.0, y + 10), (-116.0, y + 10)]), trim)
    jaw = easel.beneath(np.array([(-27.0, 40.0), (27.0, 40.0)]), -8.0)
    base = np.array([(33.0, 96.0), (20.0, 106.0), (0.0, 110.0), (-20.0, 106.0), (-33.0, 96.0)])
    easel.body(np.concatenate([jaw, base]), shade(skin, -0.2))
    if look.collar == 2:  # shirt
        for side in (-1, 1):
            easel.body(np.array([(side * 34.0, 84.0), (side * 44.0, 98.0), (side * 20.0, 124.0), (0.0, 108.0)]), trim)
    elif look.collar == 3:  # turtleneck
        easel.body(
            smooth_loop(
                np.array([(-38.0, 84.0), (0.0, 94.0), (38.0, 84.0), (42.0, 108.0), (0.0, 118.0), (-42.0, 108.0)]), 3
            ),
            shade(cloth, -0.12),
        )
    elif look.collar == 0:  # round neck with a rim
        rim = smooth_line(np.array([(-37.0, 92.0), (-24.0, 106.0), (0.0, 112.0), (24.0, 106.0), (37.0, 92.0)]), 4)
        easel.body(ribbon(rim, 6.0), shade(cloth, -0.18))


def _paint_ears(easel: Easel, person: Person, skin: Colour) -> None:
    for side in (-1, 1):
        middle = np.array([side * (easel.half_width + 3.0), 0.06 * easel.half_height])
        easel.beside(RING * (10.0 * person.ears, 15.0 * person.ears) + middle, shade(skin, -0.06), -8.0)
        easel.beside(RING * (5.0 * person.ears, 9.0 * person.ears) + middle, shade(skin, -0.22), -8.0)
        lobe = middle + (side * 2.0, 17.0 * person.ears)
        if person.earrings == "studs":
            easel.beside(RING * 5.0 + lobe, (247, 206, 92), -6.0)
        elif person.earrings == "hoops":
            easel.beside(_ring(RING * (9.0, 12.0), 0.68) + lobe + (0.0, 8.0), (236, 188, 70), -6.0)


def _ring(outer: Points, inner_share: float) -> Points:
    """A closed band as one outline: along the outer edge, then back along the inner edge."""
    loop = np.concatenate([outer, outer[:1]])
    return np.concatenate([loop, loop[::-1] * inner_share])


def _paint_head(easel: Easel, person: Person, look: Look, skin: Colour, hair: Colour) -> None:
    outline = smooth_loop(easel.share(pair((0.0, -1.0), *FACES[person.face][2], (0.0, 1.0))))
    easel.outline(outline, shade(skin, -0.13))
    to_light = np.array([math.cos(look.light), math.sin(look.light)]) * 5.0
    easel.outline(outline * 0.925 + to_light, skin)

    w, h = easel.half_width, easel.half_height
    blush = mix(skin, (226, 84, 84), 0.36 if person.marks == "blush" else 0.17)
    for side in (-1, 1):
        easel.face(RING * (13.0, 9.0) + (side * 0.58 * w, (0.36 - 0.03 * look.smile) * h), blush)
    if person.marks == "freckles":
        dark = mix(skin, (140, 70, 40), 0.5)
        for u, v in ((0.3, 0.27), (0.48, 0.22), (0.66, 0.28), (0.4, 0.37), (0.58, 0.38), (0.12, 0.2)):
            for side in (-1, 1):
                easel.face(DOT * 2.6 + (side * u * w, v * h), dark)
    if person.marks in ("mole left", "mole right"):
        side = -1 if person.marks == "mole left" else 1
        easel.face(DOT * 3.6 + (side * 0.46 * w, 0.5 * h), shade(skin, -0.62))
    if person.beard != "none":
        share = {"stubble": 0.24, "short": 0.68}.get(person.beard, 1.0)
        if person.beard not in ("moustache", "handlebar"):
            patch = smooth_loop(easel.share(BEARDS[person.beard]), 4)
            easel.face(patch, mix(skin, shade(hair, -0.08), share))
    if person.wrinkles:
        line = shade(skin, -0.24)
        for side in (-1, 1):
            fold = smooth_line(np.array([(side * 0.3, 0.3), (side * 0.42, 0.42), (side * 0.44, 0.54)]) * (w, h), 4)
            easel.face(ribbon(fold, 3.0), line)
            corner = np.array([(side * 0.74, 0.02), (side * 0.88, -0.03)]) * (w, h)
            easel.face(ribbon(corner, 2.6), line)
        easel.face(ribbon(smooth_line(np.array([(-0.3, -0.46), (0.0, -0.49), (0.3, -0.46)]) * (w, h), 4), 2.6), line)


def _paint_nose(easel: Easel, person: Person, look: Look, skin: Colour) -> None:
    dark, bright = shade(skin, -0.2), shade(skin, 0.32)
    size = person.nose_size
    tip = np.array([0.0, 0.31 * easel.half_height])
    side = -1.0 if math.cos(look.light) > 0 else 1.0  # the shadow is on the side away from the light
    if person.nose == "button":
        easel.face(RING * (9.0 * size, 7.5 * size) + tip, dark, 10.0)
        easel.face(RING * (6.5 * size, 5.0 * size) + tip - (0.0, 1.5), shade(skin, 0.12), 11.0)
    elif person.nose == "long":
        bridge = np.array([(side * 4.0, -30.0), (side * 7.0 * size, -4.0), (side * 9.0 * size, 4.0), (0.0, 8.0)])
        easel.face(ribbon(smooth_line(bridge + tip, 4), 4.0), dark, 9.0)
    elif person.nose == "wide":
        wings = np.array([(-15, 0), (-9, -5), (0, -7), (9, -5), (15, 0), (10, 7), (0, 8), (-10, 7)]) * size
        easel.face(smooth_loop(wings + tip, 3), dark, 9.0)
        easel.face(RING * (7.0 * size, 5.0 * size) + tip - (0.0, 2.0), skin, 10.0)
    elif person.nose == "hooked":
        bridge = np.array(
            [(side * 3.0, -28.0), (side * 9.0, -16.0), (side * 8.0, 0.0), (side * 3.0, 9.0), (-side * 7.0, 6.0)]
        )
        easel.face(ribbon(smooth_line(bridge * size + tip, 4), 4.2), dark, 10.0)
    elif person.nose == "pointed":
        easel.face(np.array([(0.0, -24.0), (side * 11.0 * size, 6.0), (-2.0 * side, 8.0)]) + tip, dark, 10.0)
    else:  # small: two nostrils
        for nostril in (-1, 1):
            easel.face(DOT * (2.8, 2.2) + tip + (nostril * 5.0 * size, 3.0), shade(skin, -0.4), 8.0)
    if person.nose != "small":
        easel.face(DOT * (2.8, 2.2) + tip - (side * 2.5, 4.0), bright, 12.0)


def _paint_mouth(easel: Easel, person: Person, look: Look, skin: Colour, hair: Colour) -> None:
    half = 19.0 * person.mouth * (1.0 + 0.14 * look.smile - 0.12 * look.open)
    middle = np.array([0.0, 0.62 * easel.half_height])
    lip = mix(skin, (196, 48, 74) if person.lipstick else (172, 62, 62), 0.72 if person.lipstick else 0.42)
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
        easel.face(ribbon(centre, 3.2), mix(lip, (60, 16, 24), 0.62), 4.0)
    if person.beard in ("moustache", "handlebar", "full", "circle"):
        patch = BEARDS["handlebar" if person.beard == "handlebar" else "moustache"]
        easel.face(smooth_loop(easel.share(patch) - (0.0, 0.3 * drop), 4), shade(hair, -0.02), 6.0)


def _paint_eye(easel: Easel, person: Person, look: Look, skin: Colour, side: int) -> None:
    half, height, roundness, slant = EYES[person.eyes]
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

    easel.face(ribbon(column(up - 4.5), 3.0), shade(skin, -0.14))  # the fold of the lid
    if closed < 0.75:
        easel.face(np.concatenate([column(up), column(low)[::-1]]), (252, 250, 247))
        gaze = np.array([0.3 * half * look.gaze_x, 0.28 * height * look.gaze_y])
        radius = 0.86 * min(height, 0.72 * half) + 1.2
        for share, colour in ((1.0, IRISES[person.iris]), (0.55, (18, 14, 18))):
            ball = RING * radius * share + gaze
            ball[:, 1] = np.clip(ball[:, 1], np.interp(ball[:, 0], x * half, up), np.interp(ball[:, 0], x * half, low))
            easel.face(ball + middle, colour)
        if closed < 0.4:
            easel.face(DOT * 0.3 * radius + gaze + middle - (0.3 * radius, 0.34 * radius), (255, 255, 255))
    weight = np.interp(x * side, (-1.0, 0.4, 1.0), (2.4, 4.2, 4.6 if person.lashes else 2.8))
    easel.face(ribbon(column(up), weight), lash)
    if person.lashes:
        tip = np.array(
            [
                (side * half * 0.8, up[-2 if side > 0 else 1]),
                (side * half * 1.32, up[-1 if side > 0 else 0] - 7.0),
                (side * half, up[-1 if side > 0 else 0] + 1.0),
            ]
        )
        easel.face(tip + middle, lash)


def _paint_brow(easel: Easel, person: Person, look: Look, hair: Colour, side: int) -> None:
    thickness, arch, rise = BROWS[person.brows]
    x = np.linspace(0.0, 1.0, 7)
    span = 31.0 * person.eye_size
    start = 0.43 * easel.half_width * person.eye_gap - 0.52 * span
    y = -(26.0 + 9.0 * person.eye_size - 9.0) - arch * np.sin(math.pi * x**1.2) - rise * x - 6.0 * look.brows
    y = y + (1.0 - x) * 6.0 * max(0.0, -look.brows)
    curve = np.column_stack([side * (start + span * x), y])
    colour = mix(hair, (40, 26, 24), 0.4)
    if person.hair_colour in ("white", "grey"):
        colour = mix(hair, (90, 86, 90), 0.4)
    easel.face(ribbon(curve, thickness * (1.0 - 0.55 * x**2)), colour, 2.0)


def _paint_glasses(easel: Easel, person: Person) -> None:
    half, height, square = GLASSES[person.glasses]
    colour = FRAMES[person.frame]
    gap = 0.43 * easel.half_width * person.eye_gap
    half = min(half, gap - 2.0)
    rim = np.sign(RING) * np.abs(RING) ** (1.0 - 0.55 * square)
    for side in (-1, 1):
        lens = rim * (half, height)
        if person.glasses == "cat-eye":
            lens = lens + np.column_stack(
                [np.zeros(len(lens)), -7.0 * (lens[:, 0] * side > 0.5 * half) * (lens[:, 1] < 0)]
            )
        easel.face(_ring(lens, 0.83) + (side * gap, 1.5), colour, 9.0)
        temple = np.array([(side * (gap + half - 2.0), -4.0), (side * (easel.half_width + 2.0), -6.0)])
        easel.face(ribbon(temple, 4.5), colour, 2.0)
    bridge = smooth_line(np.array([(-gap + half - 1.0, -1.0), (0.0, -6.0), (gap - half + 1.0, -1.0)]), 3)
    easel.face(ribbon(bridge, 4.5), colour, 10.0)


def _light(image: Image.Image, look: Look) -> Image.Image:
    """The picture in the light of the look: brighter on the side of the light, and warmer or cooler."""
    pixels = np.asarray(image, dtype=np.float32)
    ramp = np.linspace(-1.0, 1.0, image.width, dtype=np.float32)
    slope = ramp[None, :] * math.cos(look.light) + ramp[:, None] * math.sin(look.light)
    gain = look.brightness * (1.0 + look.contrast * slope)
    tint = np.array([1.0 + look.warmth, 1.0, 1.0 - look.warmth], dtype=np.float32)
    return Image.fromarray(np.minimum(pixels * (gain[..., None] * tint) + 0.5, 255.0).astype(np.uint8))
