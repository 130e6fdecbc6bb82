"""Person and Look: the traits that a person keeps, what changes from picture to picture, and the tables for both."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]

SKINS: tuple[Colour, ...] = (
    (253, 228, 210), (248, 212, 181), (241, 196, 157), (230, 176, 132), (214, 154, 109),
    (191, 130, 86), (166, 107, 68), (139, 86, 56), (112, 68, 46), (84, 51, 37),
)  # fmt: skip
HAIRS: dict[str, Colour] = {
    "black": (34, 29, 33), "espresso": (55, 39, 34), "brown": (92, 61, 40), "chestnut": (131, 77, 46),
    "auburn": (150, 58, 32), "ginger": (211, 107, 46), "dark blond": (183, 139, 82), "blond": (229, 192, 118),
    "platinum": (243, 231, 203), "grey": (150, 150, 156), "white": (233, 231, 232), "teal": (44, 153, 152),
    "pink": (226, 119, 160), "violet": (122, 88, 180), "blue": (62, 106, 190),
}  # fmt: skip
IRISES: dict[str, Colour] = {
    "dark brown": (59, 36, 26), "brown": (104, 64, 36), "hazel": (135, 104, 52), "green": (84, 132, 82),
    "blue": (72, 128, 184), "grey": (118, 134, 146),
}  # fmt: skip
CLOTHES: tuple[Colour, ...] = (
    (38, 70, 83), (42, 157, 143), (233, 196, 106), (244, 162, 97), (231, 111, 81), (69, 123, 157), (120, 80, 140),
    (214, 93, 124), (88, 129, 87), (60, 60, 66), (240, 236, 228), (178, 58, 72), (94, 129, 190), (205, 180, 219),
)  # fmt: skip
BACKGROUNDS: tuple[Colour, ...] = (
    (190, 222, 235), (250, 220, 190), (205, 230, 205), (240, 205, 215), (222, 212, 240), (248, 235, 185),
    (196, 208, 222), (232, 226, 214), (170, 212, 204), (243, 190, 170), (180, 190, 226), (214, 220, 180),
)  # fmt: skip
ACCENTS: tuple[Colour, ...] = (
    (38, 70, 83), (178, 58, 72), (42, 130, 120), (233, 186, 86), (120, 80, 140), (214, 93, 124), (69, 103, 167),
    (60, 56, 62), (226, 214, 196), (231, 111, 81),
)  # fmt: skip
FRAMES: tuple[Colour, ...] = ((40, 36, 40), (120, 62, 36), (176, 40, 56), (40, 78, 130), (196, 158, 74), (70, 110, 90))


# Half the width and half the height of each face, in units (the picture is 256 units wide); then the right half of its
# outline, from the top of the head to the chin, in shares of these two.
FACES: dict[str, tuple[float, float, tuple[tuple[float, float], ...]]] = {
    "oval": (61, 79, ((0.62, -0.87), (0.95, -0.46), (1.0, 0.0), (0.92, 0.42), (0.64, 0.8), (0.28, 0.975))),
    "round": (67, 74, ((0.64, -0.86), (0.95, -0.46), (1.02, 0.04), (0.97, 0.45), (0.74, 0.8), (0.35, 0.98))),
    "square": (63, 76, ((0.66, -0.88), (0.97, -0.5), (1.0, 0.0), (0.98, 0.45), (0.86, 0.8), (0.45, 0.985))),
    "heart": (64, 78, ((0.68, -0.86), (1.0, -0.46), (1.0, -0.02), (0.86, 0.42), (0.5, 0.8), (0.17, 0.98))),
    "long": (56, 86, ((0.64, -0.89), (0.95, -0.5), (0.99, 0.0), (0.94, 0.45), (0.7, 0.82), (0.32, 0.98))),
    "diamond": (62, 81, ((0.56, -0.87), (0.88, -0.48), (1.03, 0.0), (0.86, 0.44), (0.5, 0.82), (0.2, 0.98))),
}


EYES: dict[str, tuple[float, float, float, float]] = {
    # half width, half height, roundness (small: round), how much higher the outer corner is
    "round": (14.5, 13.5, 0.5, 0.0),
    "almond": (16.5, 11.0, 0.8, 0.08),
    "narrow": (17.0, 7.5, 0.75, 0.1),
    "drooping": (15.5, 11.0, 0.65, -0.16),
    "upturned": (16.5, 10.5, 0.75, 0.24),
}


BROWS: dict[str, tuple[float, float, float]] = {
    # thickness, arch, how much higher the outer end is
    "thin": (4.2, 4.0, 0.0),
    "straight": (6.5, 0.8, 1.0),
    "arched": (5.8, 7.0, 0.0),
    "bushy": (10.0, 2.5, 0.0),
    "angled": (7.0, 2.0, 6.0),
}


GLASSES: dict[str, tuple[float, float, float]] = {
    # half width, half height, squareness (0 an ellipse, 1 nearly a rectangle)
    "round": (22.0, 22.0, 0.0),
    "square": (24.0, 18.0, 1.0),
    "oval": (24.0, 15.5, 0.3),
    "cat-eye": (24.0, 17.0, 0.6),
}


@dataclass(frozen=True)
class Person:
    """The fixed traits of one drawn person. Strings are names in the tables; a size of 1 is the usual one."""

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
