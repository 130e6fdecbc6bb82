"""Zips: read like the folder they hold, and refused before they unpack where they mean harm."""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from siamese import SiameseError
from siamese.data import limits
from siamese.data.archive import list_members, load_zip, open_zip
from siamese.data.folder import load_folder


def png(value: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (12, 10), value).save(stream, "PNG")
    return stream.getvalue()


def zip_of(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def good_files(prefix: str = "") -> dict[str, bytes]:
    return {f"{prefix}c{c}/{i}.png": png(40 * c + i) for c in range(3) for i in range(6)}


def with_entry(tmp_path: Path, change: Callable[[zipfile.ZipInfo], None], name: str = "c0/bad.png") -> Path:
    """A good zip with one more member, whose entry is changed before it is written."""
    path = zip_of(tmp_path / "set.zip", good_files())
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo(name)
        change(info)
        archive.writestr(info, png())
    return path


def patched(path: Path, name: str, offset: int, value: bytes) -> Path:
    """The zip with bytes of the central directory's entry of that member replaced."""
    data = bytearray(path.read_bytes())
    entry = data.rindex(name.encode()) - 46
    assert data[entry : entry + 4] == b"PK\x01\x02"
    data[entry + offset : entry + offset + len(value)] = value
    path.write_bytes(data)
    return path


def refused(path: Path, message: str) -> None:
    """Loading ends in a sentence that does not tell where the server keeps the file."""
    with pytest.raises(SiameseError, match=message) as caught:
        load_zip(path)
    assert str(path.parent) not in str(caught.value)


@pytest.mark.parametrize("wrapper", ["", "my set/"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_read_like_the_folder_it_holds(method: int, wrapper: str, tmp_path: Path) -> None:
    extra = {"__MACOSX/c0/._0.png": b"fork", f"{wrapper}.DS_Store": b"x", "README.md": b"notes"}
    path = zip_of(tmp_path / "set.zip", good_files(wrapper) | extra, method)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "set")
    before = sorted(tmp_path.iterdir())
    packed, plain = load_zip(path, seed=3), load_folder(tmp_path / "set", seed=3)
    assert packed.name == plain.name == "set"
    for ours, theirs in ((packed.train, plain.train), (packed.validation, plain.validation), (packed.test, plain.test)):
        assert torch.equal(ours.images, theirs.images) and torch.equal(ours.counts, theirs.counts)
        assert ours.class_names == theirs.class_names == ("c0", "c1", "c2")
    assert sorted(tmp_path.iterdir()) == before


def test_windows_separators_are_understood(tmp_path: Path) -> None:
    files = {name.replace("/", "\\"): data for name, data in good_files().items()}
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, data)
    assert load_zip(path).train.class_names == ("c0", "c1", "c2")


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd.png", "../x.png", "c0/../../x.png", "..\\x.png", "C:\\x.png", "c:x.png", "\\\\host\\x.png", "c0/.."],
)
def test_members_that_point_out_of_the_zip(name: str, tmp_path: Path) -> None:
    def rename(info: zipfile.ZipInfo) -> None:
        info.filename = name

    refused(with_entry(tmp_path, rename), "points out of the zip")


def test_folders_that_point_out_of_the_zip(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "set.zip", good_files() | {"../outside/": b""})
    refused(path, r'"\.\./outside/" points out of the zip')


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_devices(kind: int, tmp_path: Path) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = (kind | 0o777) << 16

    refused(with_entry(tmp_path, change), r'"c0/bad\.png" in the zip is a link or a device')


@pytest.mark.parametrize("name", ["c0/more.zip", "more.tar.gz", "c1/x.7z", "c0/X.RAR"])
def test_archives_in_the_archive(name: str, tmp_path: Path) -> None:
    refused(zip_of(tmp_path / "set.zip", good_files() | {name: b"PK"}), f'"{name}" is an archive inside')


def test_an_archive_in_disguise(tmp_path: Path) -> None:
    inner = zip_of(tmp_path / "inner.zip", good_files()).read_bytes()
    refused(zip_of(tmp_path / "set.zip", good_files() | {"c0/z.png": inner}), r'"c0/z\.png" is not an image.*archive')


def test_encrypted_members(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "set.zip", good_files())
    refused(patched(path, "c2/5.png", 8, struct.pack("<H", 1)), r'"c2/5\.png" in the zip is encrypted')


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_measure(method: int, tmp_path: Path) -> None:
    refused(zip_of(tmp_path / "set.zip", good_files(), method), "packed in an unusual way")


def test_a_method_nobody_knows(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "set.zip", good_files())
    refused(patched(path, "c2/5.png", 10, struct.pack("<H", 77)), r'"c2/5\.png" in the zip is packed in an unusual')


def test_a_name_that_comes_twice(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        path = with_entry(tmp_path, lambda info: None, "c0/0.png")
    refused(path, r'"c0/0\.png" is in the zip twice')


def test_a_bomb_is_told_by_its_ratio(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "set.zip", good_files() | {"c0/bomb.bmp": bytes(8 * limits.MIB)})
    tracemalloc.start()
    refused(path, r'"c0/bomb\.bmp" in the zip unpacks to [\d,]+ times its size')
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < limits.MIB


def test_a_bomb_of_many_small_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_IMAGE_BYTES", 2 * limits.MIB)
    bombs = {f"c0/{number}.bmp": bytes(limits.MIB) for number in range(4)}
    refused(zip_of(tmp_path / "set.zip", good_files() | bombs), r"unpacks to [\d,]+ times its size")


def test_a_member_larger_than_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_IMAGE_BYTES", limits.MIB)
    path = zip_of(tmp_path / "set.zip", good_files() | {"c0/x.bmp": bytes(limits.MIB + 1)}, zipfile.ZIP_STORED)
    refused(path, r'"c0/x\.bmp" in the zip has 1 MB, and 1 MB is the most')


def test_the_limits_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zip_of(tmp_path / "set.zip", good_files())
    with monkeypatch.context() as patch:
        patch.setattr(limits, "MAX_FILES", 17)
        refused(path, "holds 18 files, and 17 is the most")
    monkeypatch.setattr(limits, "MAX_TOTAL_BYTES", 18 * len(png()) - 18)
    refused(path, "is the most; leave some images out")


def test_ten_gigabytes_in_headers_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    zip_of(path, {f"c{c}/{i}.png": png() for c in range(3) for i in range(60)})
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        size = struct.pack("<I", 60 * limits.MIB)
        data[at + 20 : at + 24] = data[at + 24 : at + 28] = size
        at = data.find(b"PK\x01\x02", at + 4)
    path.write_bytes(data)
    refused(path, r"unpacks to 10\.5 GB, and 4 GB is the most")


@pytest.mark.parametrize("claim", [10, 5_000])
def test_headers_that_lie_about_the_length(claim: int, tmp_path: Path) -> None:
    noise = bytes(range(256)) * 4
    path = zip_of(tmp_path / "set.zip", good_files() | {"c2/5.png": noise}, zipfile.ZIP_STORED)
    patched(path, "c2/5.png", 24, struct.pack("<I", claim))
    refused(path, r'"c2/5\.png" in the zip is (damaged|not as long)')


def test_no_more_is_unpacked_than_declared(tmp_path: Path) -> None:
    """The declared size and its checksum agree, and the packed bytes hold 64 MB more."""
    bomb = bytes(64 * limits.MIB)
    path = zip_of(tmp_path / "set.zip", good_files() | {"c2/5.png": bomb})
    patched(path, "c2/5.png", 24, struct.pack("<I", 100))
    patched(path, "c2/5.png", 16, struct.pack("<I", zlib.crc32(bomb[:100])))
    tracemalloc.start()
    refused(path, r'"c2/5\.png"')
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * limits.MIB


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "set.zip", good_files(), zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    at = data.index(b"c1/3.png") + len(b"c1/3.png") + 30
    data[at] ^= 0xFF
    path.write_bytes(data)
    refused(path, r'"c1/3\.png" in the zip is damaged')


@pytest.mark.parametrize(
    "data", [b"", b"no zip at all", b"PK\x05\x06" + bytes(18) + b"more", b"PK\x03\x04" + bytes(99)]
)
def test_files_that_are_no_zip(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(data)
    refused(tmp_path / "x.zip", r'"x\.zip" is no zip|There is no image')


def test_any_cut_zip_is_refused(tmp_path: Path) -> None:
    whole = zip_of(tmp_path / "x.zip", good_files()).read_bytes()
    for length in range(0, len(whole), 97):
        (tmp_path / "x.zip").write_bytes(whole[:length])
        refused(tmp_path / "x.zip", r'"x\.zip" is no zip')


def test_a_list_of_members_as_long_as_the_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ZIP_DIRECTORY_BYTES", 100_000)
    directory = bytes(4 * limits.MIB)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), 0, 0)
    (tmp_path / "x.zip").write_bytes(directory + end)
    refused(tmp_path / "x.zip", r'"x\.zip" lists more members than are read')


def test_members_larger_than_the_list_may_be_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ZIP_DIRECTORY_BYTES", 2 * limits.MIB)
    data = bytes(range(256)) * (12 * 1024)
    path = zip_of(tmp_path / "x.zip", {"c/x.bin": data}, zipfile.ZIP_STORED)
    with open_zip(path) as archive:
        assert list_members(archive)[0].open() == data


def test_an_image_of_a_hundred_megapixels_is_named(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "set.zip", good_files() | {"c1/big.pgm": b"P5 10000 10000 255\n" + png()})
    refused(path, r'"c1/big\.pgm" has 100 megapixels')


def test_a_zip_without_images(tmp_path: Path) -> None:
    refused(zip_of(tmp_path / "x.zip", {}), "There is no image")
    refused(zip_of(tmp_path / "x.zip", {"digits.csv": b"1,2,3"}), r'"digits\.csv" lies in no class folder')
