"""Untrusted image files: what is read, how it is read, and what is refused before it costs anything."""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from siamese import SiameseError
from siamese.data import image_file, limits
from siamese.data.bank import ImageBank
from siamese.data.eight_bit import reduced
from siamese.data.image_file import (
    background_is_light,
    crop_to_aspect,
    printable,
    read_header,
    read_image,
    to_tensor,
)
from siamese.data.memory_gate import MemoryGate


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header states a size, followed by hardly any pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def gradient(mode: str = "RGB", size: tuple[int, int] = (12, 8)) -> Image.Image:
    width, height = size
    values = np.add.outer(np.arange(height) * 9, np.arange(width) * 7).astype(np.uint8)
    image = Image.fromarray(np.stack([values, 255 - values, values // 2], axis=2))
    return image.convert(mode)


def same_pixels(image: Image.Image, other: Image.Image) -> bool:
    return image.mode == other.mode and image.size == other.size and image.tobytes() == other.tobytes()


@pytest.mark.parametrize("kind", ["PNG", "PPM", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_lossless_formats_come_back_as_they_were(kind: str, mode: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    image = read_image(encoded(gradient(mode), kind, **options), f"x.{kind}")
    expected = gradient(mode) if kind != "WEBP" else gradient(mode).convert("RGB")
    assert same_pixels(image, expected)


def test_plain_text_pgm_is_read() -> None:
    image = read_image(b"P2 3 1 255\n0 128 255\n", "x.pgm")
    assert image.mode == "L" and list(image.tobytes()) == [0, 128, 255]


@pytest.mark.parametrize("source", ["path", "stream", "bytes"])
def test_paths_streams_and_bytes_give_the_same_image(source: str, tmp_path: Path) -> None:
    data = encoded(gradient())
    path = tmp_path / "x.png"
    path.write_bytes(data)
    file = {"path": path, "stream": io.BytesIO(data), "bytes": data}[source]
    assert same_pixels(read_image(file, "x.png"), gradient())


def test_a_callers_stream_stays_open() -> None:
    stream = io.BytesIO(encoded(gradient()))
    read_image(stream, "x.png")
    assert not stream.closed


def test_one_bit_and_palette_images() -> None:
    one_bit = Image.new("1", (4, 1))
    one_bit.putpixel((2, 0), 1)
    assert list(read_image(encoded(one_bit), "x.png").tobytes()) == [0, 0, 255, 0]
    palette = Image.new("RGB", (3, 1), (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    image = read_image(encoded(palette), "x.png")
    assert image.mode == "RGB" and image.getpixel((1, 0)) == (10, 200, 30)


def test_cmyk_jpeg_keeps_its_colour() -> None:
    image = read_image(encoded(Image.new("RGB", (16, 16), (200, 40, 40)).convert("CMYK"), "JPEG", quality=95), "x.jpg")
    assert image.mode == "RGB"
    assert np.abs(np.array(image.getpixel((8, 8))) - (200, 40, 40)).max() <= 6


def test_sixteen_bits_become_eight() -> None:
    values = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    for data in (encoded(Image.fromarray(values)), b"P5 4 1 65535\n" + values.astype(">u2").tobytes()):
        image = read_image(data, "x")
        assert image.mode == "L" and list(image.tobytes()) == [0, 1, 128, 255]
        assert read_header(data, "x").grey


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.2, 1.0], [0, 51, 255]),
        ([0.0, 51.0, 255.0], [0, 51, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0.0, 1.0, float("nan")], [0, 255, 0]),
    ],
)
def test_floating_point_images(values: list[float], expected: list[int]) -> None:
    data = encoded(Image.fromarray(np.array([values], dtype=np.float32)), "TIFF")
    assert list(read_image(data, "x.tif").tobytes()) == expected


def test_transparency_is_laid_on_white() -> None:
    colour = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    colour.putpixel((1, 0), (0, 0, 0, 128))
    image = read_image(encoded(colour), "x.png")
    assert image.mode == "RGB" and image.getpixel((0, 0)) == (255, 255, 255)
    assert image.getpixel((1, 0)) == (127, 127, 127)
    grey = Image.new("LA", (2, 1), (7, 0))
    grey.putpixel((1, 0), (7, 255))
    assert list(read_image(encoded(grey), "x.png").tobytes()) == [255, 7]
    keyed = Image.new("P", (2, 1))
    keyed.putpalette([0, 0, 0, 9, 8, 7])
    keyed.putpixel((1, 0), 1)
    image = read_image(encoded(keyed, "GIF", transparency=0), "x.gif")
    assert [image.getpixel((0, 0)), image.getpixel((1, 0))] == [(255, 255, 255), (9, 8, 7)]


def test_of_an_animation_the_first_frame_is_read() -> None:
    frames = [Image.new("L", (5, 5), value) for value in (40, 200)]
    image = read_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "x.gif")
    assert image.convert("L").getpixel((2, 2)) == 40


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = gradient(size=(12, 8))
    data = encoded(stored, "PNG", exif=exif)
    image, header = read_image(data, "x.png"), read_header(data, "x.png")
    turned = orientation >= 5
    assert image.size == ((8, 12) if turned else (12, 8)) == (header.width, header.height)
    steps = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_270],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_90],
    }[orientation]
    for step in steps:
        stored = stored.transpose(step)
    assert same_pixels(image, stored)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_cost_the_picture() -> None:
    data = encoded(gradient(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    assert read_image(data, "x.jpg").size == (12, 8)


@pytest.mark.parametrize("pillows_limit", [limits.MAX_IMAGE_PIXELS // 2, None], ids=["pillow", "ours"])
@pytest.mark.parametrize("size", [(10_000, 10_000), (8192, 6400), (60_000, 60_000), (2_000_000_000, 2)])
def test_too_many_pixels_are_refused_from_the_header(
    size: tuple[int, int], pillows_limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(self: object) -> None:
        raise AssertionError("decoded")

    assert Image.MAX_IMAGE_PIXELS == limits.MAX_IMAGE_PIXELS // 2
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pillows_limit)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    megapixels = f"{size[0] * size[1] // 1_000_000:,}"
    for read in (read_image, read_header):
        with pytest.raises(
            SiameseError, match=rf'"big\.png" has {megapixels} megapixels, and 52 megapixels is the most'
        ):
            read(png_of_size(*size), "big.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_fifty_megapixel_camera_is_welcome() -> None:
    assert read_header(png_of_size(8192, 6144), "x.png") == (8192, 6144, True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"Hello, world.", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC"),
        (b"PK\x03\x04" + bytes(50), "archive"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not an image"),
    ],
    ids=["empty", "text", "svg", "heic", "zip", "eps"],
)
def test_what_is_no_image_is_refused_with_advice(data: bytes, message: str) -> None:
    for read in (read_image, read_header):
        with pytest.raises(SiameseError, match=rf'"notes\.png".*{message}'):
            read(data, "notes.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF"])
def test_cut_short_files_are_refused(kind: str) -> None:
    rng = np.random.default_rng(0)
    data = encoded(Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)), kind)
    with pytest.raises(SiameseError, match='"x"'):
        read_image(data[: len(data) // 2], "x")


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(SiameseError, match=r'There is no file "a\.png"') as caught:
        read_image(tmp_path / "a.png", "a.png")
    assert str(tmp_path) not in str(caught.value)
    with pytest.raises(SiameseError, match="There is no file"):
        read_image(tmp_path, "folder")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(SiameseError, match="There is no file"):
        read_image(tmp_path / "pipe.png", "pipe.png")


def test_files_too_large_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_IMAGE_BYTES", limits.MIB)
    data = bytes(limits.MIB + 1)
    (tmp_path / "x.png").write_bytes(data)
    for file in (data, io.BytesIO(data), tmp_path / "x.png"):
        with pytest.raises(SiameseError, match="larger than 1 MB"):
            read_image(file, "x.png")


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=200), st.integers(0, 10_000))
def test_random_damage_is_a_sentence_or_an_image(noise: bytes, place: int) -> None:
    whole = bytearray(encoded(gradient()))
    place %= len(whole)
    whole[place : place + len(noise)] = noise
    for data in (bytes(whole), noise):
        with suppress(SiameseError):
            assert read_image(data, "x").mode in ("L", "RGB")


def test_a_jpeg_is_decoded_no_larger_than_needed() -> None:
    data = encoded(gradient("RGB", (1600, 1200)), "JPEG")
    assert read_image(data, "x.jpg", at_least=150).size == (200, 150)
    assert read_image(data, "x.jpg", at_least=200).size == (400, 300)
    assert read_image(data, "x.jpg").size == (1600, 1200)


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_to_tensor_does_what_a_bank_does(mode: str, grey: bool, invert: bool) -> None:
    image = gradient(mode, (30, 22))
    pixels = np.array(image.convert("RGB"))
    source = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    one = torch.ones(1, dtype=torch.long)
    expected = ImageBank(source, one, ("x",), one - 1, ("all",)).prepared((10, 14), grey, invert).images
    result = to_tensor(image, (10, 14), grey, invert)
    assert result.dtype == torch.uint8 and result.shape == (1, 1 if grey else 3, 10, 14)
    assert (result.int() - expected.int()).abs().max() <= 1
    assert torch.equal(to_tensor(image, (22, 30), False, False), source)


def test_huge_images_are_reduced_first_and_look_the_same() -> None:
    rng = np.random.default_rng(0)
    values = np.kron(rng.integers(0, 256, (20, 30)), np.ones((50, 50))).astype(np.uint8)
    result = to_tensor(Image.fromarray(values), (28, 28), True, False)
    direct = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None, None].float(), size=(28, 28), mode="bilinear", antialias=True
    )
    assert (result.float() - direct).abs().max() <= 4


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_a_crop_is_central_and_as_large_as_can_be(width: int, height: int, across: int, down: int) -> None:
    image = Image.fromarray(np.add.outer(np.arange(height) * 64, np.arange(width)).astype(np.int32))
    cropped = crop_to_aspect(image, across, down)
    assert cropped.width == width or cropped.height == height
    assert abs(cropped.width - min(width, height * across / down)) <= 1
    assert abs(cropped.height - min(height, width * down / across)) <= 1
    top, left = divmod(int(cropped.getpixel((0, 0))), 64)
    assert abs((width - cropped.width) - 2 * left) <= 1 and abs((height - cropped.height) - 2 * top) <= 1


def test_the_border_tells_ink_on_paper_from_chalk_on_a_board() -> None:
    paper = Image.new("RGB", (300, 200), (250, 250, 245))
    paper.paste((0, 0, 0), (100, 20, 200, 180))
    assert background_is_light(paper)
    board = Image.new("L", (28, 28), 0)
    board.paste(255, (2, 2, 26, 26))
    assert not background_is_light(board)
    assert background_is_light(Image.new("L", (1, 1), 255))


def test_names_are_shown_short_and_harmless() -> None:
    assert printable("a/b.png") == "a/b.png"
    assert printable("a\x1b[31m\n.png") == "a?[31m?.png"
    assert len(printable("x" * 500 + ".png")) == 80 and printable("x" * 500 + ".png").endswith("x.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_line_of_fifty_million_pixels_is_refused_from_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    for size in ((1, 50_000_000), (50_000_000, 1), (1200, 40_000)):
        for read in (read_image, read_header):
            with pytest.raises(SiameseError, match="no side may be more than 30 times the other"):
                read(png_of_size(*size), "line.png")
    # A long image of few pixels costs nothing.
    assert read_header(png_of_size(3000, 20), "line.png").width == 3000


@pytest.mark.parametrize("kind", ["ICO", "TGA", "PCX", "PSD", "EPS", "JPEG2000"])
def test_formats_that_nobody_photographs_in_stay_closed(kind: str) -> None:
    data = encoded(gradient(size=(16, 16)), kind) if kind != "PSD" else b"8BPS\0\1" + bytes(60)
    with pytest.raises(SiameseError, match="not an image that can be read here"):
        read_image(data, "x")


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "I;16", "RGB", "RGBA"])
def test_every_kind_of_pixels_is_reduced_as_it_is_read(mode: str) -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (30, 50), dtype=np.uint8)
    fine = Image.fromarray(np.kron(coarse, np.ones((40, 40), dtype=np.uint8)))
    image = Image.fromarray(np.array(fine).astype(np.uint16) * 257) if mode == "I;16" else fine.convert(mode)
    data = encoded(image)
    small, whole = read_image(data, "x.png", at_least=120), read_image(data, "x.png")
    assert small.size == (200, 120) and whole.size == (2000, 1200)
    # The oracle: the mean of every square of ten by ten pixels.
    means = np.array(whole).reshape(120, 10, 200, 10, -1).mean((1, 3))
    assert np.abs(np.array(small).reshape(120, 200, -1) - means).max() <= 0.51


def test_a_long_image_is_reduced_further() -> None:
    assert read_image(encoded(Image.new("L", (9000, 300))), "x.png", at_least=64).size == (1125, 38)
    assert read_image(encoded(Image.new("L", (9000, 300))), "x.png", at_least=256).size == (4500, 150)


@pytest.mark.parametrize(("capacity", "together"), [(1, 1), (limits.GIB, 6)], ids=["large images", "small images"])
def test_images_share_the_memory_in_which_they_are_decoded(
    capacity: int, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, most = 0, 0
    counting = threading.Lock()
    all_in = threading.Barrier(together)

    def watched(image: Image.Image, at_least: int | None) -> Image.Image:
        nonlocal inside, most
        with counting:
            inside += 1
            most = max(most, inside)
        all_in.wait(20)  # breaks, and fails the test, unless as many as expected come in
        with counting:
            inside -= 1
        return reduced(image, at_least)

    monkeypatch.setattr(image_file, "_decoding", MemoryGate(capacity, patience=60))
    monkeypatch.setattr(image_file, "reduced", watched)
    data, results = encoded(gradient(), "WEBP"), []
    threads = [threading.Thread(target=lambda: results.append(read_image(data, "x"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6 and most == together


def test_a_full_gate_says_that_the_server_is_busy() -> None:
    gate = MemoryGate(100, patience=0.05)
    with gate.room(60), gate.room(40):
        with pytest.raises(SiameseError, match="try again in a moment"), gate.room(1):
            pass
    with gate.room(1000):  # more than all there is: let in alone
        with pytest.raises(SiameseError, match="try again"), gate.room(1):
            pass
    with gate.room(100):
        pass
