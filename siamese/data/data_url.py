"""Pictures that a script of the page sends as text: a drawing, or a frame of a camera."""

from __future__ import annotations

import base64
import binascii
import re

from PIL import Image

from siamese import SiameseError
from siamese.data import limits
from siamese.data.image_file import printable, read_image

# The script of the page says "other" for a file that the browser cannot decode, such as a PGM.
_HEAD = re.compile(r"data:image/(?:png|jpeg|webp|other);base64,")


def read_data_url(
    text: object, name: str, at_least: int | None = limits.PAGE_SIDE, most: int = limits.MAX_DATA_URL_BYTES
) -> Image.Image:
    """Decodes the picture in a data URL with read_image; returns it upright, in mode "L" or "RGB".

    at_least: as read_image has it; the other arguments and the errors are those of data_url_bytes and read_image.
    """
    return read_image(data_url_bytes(text, name, most), name, at_least)


def data_url_bytes(text: object, name: str, most: int = limits.MAX_DATA_URL_BYTES) -> bytes:
    """The file in a text "data:image/png;base64,…". Whether it is an image is left to the decoder.

    text: comes from outside, and may be anything.  name: what the messages call the picture.  most: bytes of the file.

    Raises SiameseError for any other text, and for more than `most` bytes.
    """
    label = printable(name)
    head = _HEAD.match(text[:40]) if isinstance(text, str) else None
    if not isinstance(text, str) or head is None:
        raise SiameseError(f'"{label}" is no picture that this page can send; draw or take it again.')
    # Checked before a byte is copied. Four letters of base64 are three bytes.
    if len(text) - head.end() > (most + 2) // 3 * 4:
        raise SiameseError(f'"{label}" is larger than {most / limits.MIB:.1f} MB; send a smaller picture.')
    try:
        return base64.b64decode(text[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise SiameseError(f'"{label}" did not arrive whole; draw or take it again.') from error
