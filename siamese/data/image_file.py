"""The only decoder of image files. A file may come from anybody, so its header is checked before a pixel is decoded."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from siamese import SiameseError
from siamese.data import limits
from siamese.data.bank import ImageBank
from siamese.data.eight_bit import GREY_MODES, reduced
from siamese.data.memory_gate import MemoryGate

# Pillow refuses what is above twice its limit, and asks again for an image inside an image (an icon, a container), so
# half of ours makes both agree. Its warning below that says nothing that the refusal does not say.
Image.MAX_IMAGE_PIXELS = limits.MAX_IMAGE_PIXELS // 2
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# What cameras, drawing programs and data sets of the field write. Every other decoder of Pillow stays closed: EPS, for
# one, is a program that Pillow hands to Ghostscript.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "PPM", "TIFF")  # PPM stands for PGM, PBM and PFM too
_TURNED = {5, 6, 7, 8}
_ORIENTATION = 0x0112
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_decoding = MemoryGate(limits.MAX_DECODING_BYTES, limits.DECODING_PATIENCE)


class Header(NamedTuple):
    """The facts in an image's header: its upright size in pixels, and whether it is grey."""

    width: int
    height: int
    grey: bool


def read_image(file: Path | BinaryIO | bytes, name: str, at_least: int | None = None) -> Image.Image:
    """Decodes an image file, which may come from anybody. Returns it upright, in mode "L" (grey) or "RGB".

    Format, size and proportions are checked in the header before a pixel is decoded, and all images that are decoded
    at the same time share limits.MAX_DECODING_BYTES. The EXIF orientation is applied, transparency is laid on white,
    16-bit and floating-point values are brought to 8 bits, palettes and CMYK become RGB; of an animation the first
    frame is taken.
    name: what the messages call the file.
    at_least: reduce the image by a whole factor, as long as both sides keep at least this many pixels (an image that
        is more than 16 times as long is reduced further). A JPEG is decoded at 1/2, 1/4 or 1/8 of its size at once,
        which is many times faster. None: the full size.

    Raises SiameseError for a file that is empty, too large, no image, of a refused format or damaged, and where the
    server decodes too many others.
    """
    with _opened(file, name) as image:
        full = image.width * image.height
        if at_least is not None:
            image.draft(None, (at_least, at_least))
        with _decoding.room(_decoding_bytes(image, full)):
            try:
                image.load()
                orientation = _orientation(image) or 1
                small = reduced(image, at_least)
            except Exception as error:  # each decoder of Pillow raises errors of its own
                raise SiameseError(f'"{printable(name)}" is damaged or cut short; export or copy it again.') from error
    return small.transpose(_TO_UPRIGHT[orientation]) if orientation in _TO_UPRIGHT else small


def read_header(file: Path | BinaryIO | bytes, name: str) -> Header:
    """The header of an image, without decoding it. Raises the same errors as read_image."""
    with _opened(file, name) as image:
        width, height = image.size
        # Asking a PNG for an orientation that is not in its header would decode it.
        if (image.format != "PNG" or "exif" in image.info) and _orientation(image) in _TURNED:
            width, height = height, width
        return Header(width, height, image.mode in GREY_MODES)


def to_tensor(image: Image.Image, size: tuple[int, int], grey: bool, invert: bool) -> Tensor:
    """The image as a network takes it: uint8 [1, C, H, W], made grey, resized to size (height, width) and inverted by
    the same code as a bank (ImageBank.prepared), so that an upload meets the network as the training images did.

    C is 1 where grey is asked for, else 3. The image is stretched to the size; crop_to_aspect first where it should
    keep its proportions.
    """
    # A photograph of 50 megapixels as float32 would take 600 MB; a box filter first, down to eight times the size or
    # more, leaves the result the same within a grey level or two. Each side by its own factor: a long image stays long.
    factors = max(1, image.width // (8 * size[1])), max(1, image.height // (8 * size[0]))
    if factors != (1, 1):
        image = image.reduce(factors)
    pixels = torch.from_numpy(np.array(image.convert("L" if grey and image.mode == "L" else "RGB")))
    pixels = pixels[None, None] if pixels.dim() == 2 else pixels.permute(2, 0, 1)[None]
    one = ImageBank(pixels, torch.ones(1, dtype=torch.long), ("",), torch.zeros(1, dtype=torch.long), ("",))
    return one.prepared(size, grey, invert).images.contiguous()


def crop_to_aspect(image: Image.Image, width: int, height: int) -> Image.Image:
    """The largest part with the proportions width : height around the centre of the image."""
    kept_width = min(image.width, max(1, round(image.height * width / height)))
    kept_height = min(image.height, max(1, round(image.width * height / width)))
    if (kept_width, kept_height) == image.size:
        return image
    left, top = (image.width - kept_width) // 2, (image.height - kept_height) // 2
    return image.crop((left, top, left + kept_width, top + kept_height))


def background_is_light(image: Image.Image) -> bool:
    """Whether the median of the border is lighter than mid-grey, as for ink on paper; for chalk on a board it is not.

    The border is a frame of a twentieth of the shorter side, at least one pixel.
    """
    small = image.convert("L")
    small.thumbnail((256, 256))
    pixels = torch.from_numpy(np.array(small))[None, None]
    return bool(border_median(pixels) > 127)


def border_median(images: Tensor) -> Tensor:
    """The median grey value of each image's border: uint8 [N, 1, H, W] to uint8 [N]; the frame is a twentieth of the
    shorter side wide, at least one pixel."""
    height, width = images.shape[2:]
    frame = max(1, min(height, width) // 20)
    border = torch.ones(height, width, dtype=torch.bool, device=images.device)
    border[frame : height - frame, frame : width - frame] = False
    return images[:, 0][:, border].median(dim=1).values


@cache
def image_suffixes() -> frozenset[str]:
    """The endings, lower case with their dot, of the formats that read_image reads."""
    Image.init()
    return frozenset(suffix for suffix, known in Image.registered_extensions().items() if known in _FORMATS)


def printable(name: str) -> str:
    """A file's name for a message: its last 80 characters, with "?" for each that cannot be printed."""
    text = "".join(letter if letter.isprintable() else "?" for letter in name)
    return text if len(text) <= 80 else "…" + text[-79:]


@contextmanager
def _opened(file: Path | BinaryIO | bytes, name: str) -> Iterator[Image.Image]:
    """The image with its header read and checked."""
    label = printable(name)
    stream = _stream(file, label)
    try:
        start = stream.read(512)
        if not start:
            raise SiameseError(f'"{label}" is empty; choose an image.')
        stream.seek(0)
        try:
            image = Image.open(stream, formats=_FORMATS)
        except Image.DecompressionBombError as error:
            number = re.search(r"\d+", str(error))
            raise _too_many_pixels(label, int(number[0]) if number else None) from error
        except Exception as error:  # a forged header can cause any error
            raise SiameseError(f'"{label}" is not an image that can be read here; {_advice(start)}.') from error
        with image:
            if image.width * image.height > limits.MAX_IMAGE_PIXELS:
                raise _too_many_pixels(label, image.width * image.height)
            if min(image.size) < 1:
                raise SiameseError(f'"{label}" has a side of no pixels; choose another image.')
            pixels = image.width * image.height
            if pixels > limits.ANY_PROPORTION_PIXELS and max(image.size) > limits.MAX_PROPORTION * min(image.size):
                raise SiameseError(
                    f'"{label}" has {image.width:,} × {image.height:,} pixels, and no side may be more than '
                    f"{limits.MAX_PROPORTION} times the other; cut it."
                )
            yield image
    finally:
        stream.close()


def _stream(file: Path | BinaryIO | bytes, label: str) -> BinaryIO:
    """The file as a stream that belongs to us and may be closed. Raises SiameseError for a file that is too large."""
    too_large = SiameseError(
        f'"{label}" is larger than {limits.MAX_IMAGE_BYTES // limits.MIB} MB, the most for one image; save it smaller.'
    )
    if isinstance(file, Path):
        try:
            # A pipe or a device may have no end, and a folder has no bytes.
            if not file.is_file():
                raise SiameseError(f'There is no file "{label}"; check its name.')
            if file.stat().st_size > limits.MAX_IMAGE_BYTES:
                raise too_large
            return file.open("rb")
        except OSError as error:
            raise SiameseError(f'"{label}" cannot be read: {error.strerror}.') from error
    data = file if isinstance(file, bytes) else file.read(limits.MAX_IMAGE_BYTES + 1)
    if len(data) > limits.MAX_IMAGE_BYTES:
        raise too_large
    return BytesIO(data)


def _too_many_pixels(label: str, pixels: int | None) -> SiameseError:
    most = f"{limits.MAX_IMAGE_PIXELS // 1_000_000} megapixels"
    has = f"has {pixels // 1_000_000:,} megapixels, and {most} is" if pixels else f"has more than {most},"
    return SiameseError(f'"{label}" {has} the most that is read; save it smaller.')


def _advice(start: bytes) -> str:
    if start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"):
        return "it is in the HEIC format of phones: save it as JPEG or PNG"
    if start.lstrip()[:1] == b"<":
        return "it holds drawing instructions or text (SVG, HTML): save it as PNG"
    if start.startswith((b"PK\x03\x04", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b")):
        return "it is an archive: unpack it and choose an image"
    return "save it as PNG or JPEG, or leave it out"


def _orientation(image: Image.Image) -> int | None:
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception:  # the pixels are fine even where the EXIF data is broken
        return None
    return value if isinstance(value, int) else None


def _decoding_bytes(image: Image.Image, full: int) -> int:
    """The most memory that decoding takes, as measured with Pillow 12.

    full: the number of pixels in the file. image.size is smaller where a JPEG is decoded at a reduced size.
    """
    pixels = image.width * image.height
    if image.format == "WEBP":
        return 20 * pixels
    # A progressive JPEG keeps the coefficients of the whole image.
    coefficients = 3 * full if "progressive" in image.info else 0
    # One copy as it is decoded, and one in the mode that is returned.
    return coefficients + 2 * pixels * (1 if image.mode in ("1", "L", "P") else 4)
