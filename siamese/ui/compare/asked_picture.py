"""A picture as the Compare tab's scripts send it: a drawing, a data URL, or an image of a data set by its number."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

from PIL import Image

from siamese import SiameseError
from siamese.comparison.compare import Picture
from siamese.data.data_url import read_data_url
from siamese.data.strokes import read_strokes
from siamese.ui.lab import current_lab
from siamese.ui.pictures import to_image

_PARTS = {"": "test", "v": "validation", "t": "train"}
_MOST_INK = 64_000  # characters of an encoded drawing: what MOST_POINTS of siamese.data.strokes need, and some


def read_picture(asked: Any) -> Picture:
    """The picture that somebody asks about, which may be anything.

    {"ink": text}: strokes as `decode_ink` reads them.  {"url": "data:image/…"}: an image of at most 2 MB.
    {"data": name, "image": "12"}: an image of the test part of a data set; "v12" and "t12" are of its validation and
    training part.  Raises SiameseError for anything else.
    """
    if not isinstance(asked, dict):
        raise SiameseError("A picture is missing; draw it or choose a file.")
    if "ink" in asked:
        return decode_ink(asked["ink"])
    if "url" in asked:
        return read_data_url(asked["url"], "This picture")
    return data_image(asked.get("data"), asked.get("image"))


def data_image(name: Any, image: Any) -> Image.Image:
    """An image of a named data set; errors as read_picture has them."""
    found = re.fullmatch(r"([vt]?)(\d{1,7})", image) if isinstance(image, str) else None
    if found is None or not isinstance(name, str):
        raise SiameseError("This link names no picture of a data set; choose another picture.")
    bank = getattr(current_lab().dataset(name), _PARTS[found[1]])
    number = int(found[2])
    if number >= len(bank):
        raise SiameseError(f"There is no picture {number:,} in {name}; it has {len(bank):,}.")
    return to_image(bank.images[number])


def picture_key(asked: Any) -> str:
    """A name for a picture by what it is: the same for the same strokes or bytes."""
    text = repr([(name, asked[name]) for name in ("ink", "url", "data", "image") if name in asked])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def decode_ink(text: Any) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Strokes from the text that static/compare/ink.js writes: strokes with a point between them, each base64url of two
    bytes x, y for every point, 255 for the far edge. Raises SiameseError for anything else."""
    if not isinstance(text, str) or len(text) > _MOST_INK:
        raise SiameseError("This drawing cannot be read; draw it again.")
    strokes = []
    for part in text.split(".") if text else []:
        try:
            values = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise SiameseError("This drawing cannot be read; draw it again.") from error
        strokes.append([(x / 255, y / 255) for x, y in zip(values[::2], values[1::2])])
    return read_strokes(strokes)
