"""The one way from a file that somebody gave us to pixels: checked by its header first, and never trusted."""

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
from PIL import Image, ImageOps
from torch import Tensor

from siamese import SiameseError
from siamese.data import limits
from siamese.data.bank import ImageBank

# Pillow refuses what is above twice its limit, and asks again for an image inside an image (an icon, a container), so
# half of ours makes both agree. Its warning below that says nothing that the refusal does not say.
Image.MAX_IMAGE_PIXELS = limits.MAX_IMAGE_PIXELS // 2
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# EPS is a program that Pillow hands to Ghostscript, WMF one for Windows; the others can be named but not decoded.
_REFUSED_FORMATS = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"}
_GREY_MODES = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"}
_TURNED = {5, 6, 7, 8}
_ORIENTATION = 0x0112


class Header(NamedTuple):
    """What an image says of itself before it is decoded: its upright size in pixels, and whether it holds no colour."""

    width: int
    height: int
    grey: bool


def read_image(file: Path | BinaryIO | bytes, name: str, at_least: int | None = None) -> Image.Image:
    """Decodes an image that nobody vouches for; returns it upright, in mode "L" (grey) or "RGB".

    The size is checked in the header before a pixel is decoded. The EXIF orientation is applied, transparency is laid
    on white, 16-bit and floating-point values are brought to 8 bits, palettes and CMYK become RGB; of an animation the
    first frame is taken.
    name: what the messages call the file.
    at_least: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, which is many times faster, as long as both sides
        keep at least this many pixels; other formats are not affected.

    Raises SiameseError for a file that is empty, too large, no image, of a refused format or damaged.
    """
    with _opened(file, name) as image:
        if at_least is not None:
            image.draft(None, (at_least, at_least))
        try:
            image.load()
            upright = _upright(image)
            return _eight_bit(upright)
        except Exception as error:  # each of Pillow's forty decoders fails in its own way
            raise SiameseError(f'"{printable(name)}" is damaged or cut short; export or copy it again.') from error


def read_header(file: Path | BinaryIO | bytes, name: str) -> Header:
    """The upright size of an image and whether it is grey, without decoding it; errors as read_image has them."""
    with _opened(file, name) as image:
        width, height = image.size
        # Asking a PNG for an orientation that is not in its header would decode it.
        if (image.format != "PNG" or "exif" in image.info) and _orientation(image) in _TURNED:
            width, height = height, width
        return Header(width, height, image.mode in _GREY_MODES)


def to_tensor(image: Image.Image, size: tuple[int, int], grey: bool, invert: bool) -> Tensor:
    """The image as a network takes it: uint8 [1, C, H, W], made grey, resized to size (height, width) and inverted by
    the same code as a bank (ImageBank.prepared), so that an upload meets the network as the training images did.

    C is 1 where grey is asked for, else 3. The image is stretched to the size; crop_to_aspect first where it should
    keep its proportions.
    """
    # A photograph of 50 megapixels as float32 would take 600 MB; a box filter first, down to eight times the size or
    # more, leaves the result the same within a grey level or two.
    factor = min(image.height // (8 * size[0]), image.width // (8 * size[1]))
    if factor > 1:
        image = image.reduce(factor)
    pixels = torch.from_numpy(np.array(image.convert("L" if grey and image.mode == "L" else "RGB")))
    pixels = pixels[None, None] if pixels.dim() == 2 else pixels.permute(2, 0, 1)[None]
    one = ImageBank(pixels, torch.ones(1, dtype=torch.long), ("",), torch.zeros(1, dtype=torch.long), ("",))
    return one.prepared(size, grey, invert).images.contiguous()


def crop_to_aspect(image: Image.Image, width: int, height: int) -> Image.Image:
    """The largest part around the centre of the image that has the proportions width : height."""
    kept_width = min(image.width, max(1, round(image.height * width / height)))
    kept_height = min(image.height, max(1, round(image.width * height / width)))
    if (kept_width, kept_height) == image.size:
        return image
    left, top = (image.width - kept_width) // 2, (image.height - kept_height) // 2
    return image.crop((left, top, left + kept_width, top + kept_height))


def background_is_light(image: Image.Image) -> bool:
    """Whether the median of the image's border is lighter than mid-grey: ink on paper rather than chalk on a board.

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
    return frozenset(suffix for suffix, known in Image.registered_extensions().items() if known in _formats())


def printable(name: str) -> str:
    """A file's name as a message shows it: at most its last 80 characters, with what cannot be printed as "?"."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in name)
    return shown if len(shown) <= 80 else "…" + shown[-79:]


@contextmanager
def _opened(file: Path | BinaryIO | bytes, name: str) -> Iterator[Image.Image]:
    """The image with its header read and checked."""
    shown = printable(name)
    stream = _stream(file, shown)
    try:
        start = stream.read(512)
        if not start:
            raise SiameseError(f'"{shown}" is empty; choose an image.')
        stream.seek(0)
        try:
            image = Image.open(stream, formats=_formats())
        except Image.DecompressionBombError as error:
            pixels = re.search(r"\d+", str(error))
            raise _too_many_pixels(shown, int(pixels[0]) if pixels else None) from error
        except Exception as error:  # a hostile header fails in any way it likes
            raise SiameseError(f'"{shown}" is not an image that can be read here; {_advice(start)}.') from error
        with image:
            if image.width * image.height > limits.MAX_IMAGE_PIXELS:
                raise _too_many_pixels(shown, image.width * image.height)
            if min(image.size) < 1:
                raise SiameseError(f'"{shown}" has a side of no pixels; choose another image.')
            yield image
    finally:
        stream.close()


def _stream(file: Path | BinaryIO | bytes, shown: str) -> BinaryIO:
    """The file, no larger than allowed, as a stream of our own that may be closed."""
    too_large = SiameseError(
        f'"{shown}" is larger than {limits.MAX_IMAGE_BYTES // limits.MIB} MB, the most for one image; save it smaller.'
    )
    if isinstance(file, Path):
        try:
            # A pipe or a device has no end, and a folder no bytes.
            if not file.is_file():
                raise SiameseError(f'There is no file "{shown}"; check its name.')
            if file.stat().st_size > limits.MAX_IMAGE_BYTES:
                raise too_large
            return file.open("rb")
        except OSError as error:
            raise SiameseError(f'"{shown}" cannot be read: {error.strerror}.') from error
    data = file if isinstance(file, bytes) else file.read(limits.MAX_IMAGE_BYTES + 1)
    if len(data) > limits.MAX_IMAGE_BYTES:
        raise too_large
    return BytesIO(data)


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(known for known in Image.ID if known not in _REFUSED_FORMATS)


def _too_many_pixels(shown: str, pixels: int | None) -> SiameseError:
    most = f"{limits.MAX_IMAGE_PIXELS // 1_000_000} megapixels"
    has = f"has {pixels // 1_000_000:,} megapixels, and {most} is" if pixels else f"has more than {most},"
    return SiameseError(f'"{shown}" {has} the most that is read; save it smaller.')


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
    except Exception:  # broken EXIF is no reason to refuse the pixels
        return None
    return value if isinstance(value, int) else None


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF is no reason to refuse the pixels
        return image


def _eight_bit(image: Image.Image) -> Image.Image:
    """The decoded image in mode "L" or "RGB"."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_wide_values(np.asarray(image), image.mode)
    if image.has_transparency_data:
        image = image.convert("RGBA" if image.mode not in ("LA", "La") else "LA")
        paper = Image.new(image.mode, image.size, "white")
        image = Image.alpha_composite(paper, image) if image.mode == "RGBA" else _on_white(image)
    return image.convert("L" if image.mode in _GREY_MODES else "RGB")


def _on_white(image: Image.Image) -> Image.Image:
    grey, alpha = image.split()
    return Image.composite(grey, Image.new("L", image.size, 255), alpha)


def _from_wide_values(values: np.ndarray, mode: str) -> Image.Image:
    """16-bit integers, 32-bit integers (16-bit ones, as Pillow reads a PGM, unless some is larger) or floats (0 to 1,
    or 0 to 255) as 8 bits; values beyond either range are stretched over it."""
    wide = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(wide.min()), float(wide.max())
    full = 65535.0 if mode != "F" else 1.0 if high <= 1.0 else 255.0
    if low < 0 or high > full:
        wide, full = wide - low, high - low
    return Image.fromarray(np.rint(wide * (255.0 / full)).astype(np.uint8))
