"""From paths to parts, groups and classes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamese import SiameseError
from siamese.data.layout import Member, arrange


def members(*paths: str) -> list[Member]:
    return [Member(PurePosixPath(path), bytes) for path in paths]


def places(*paths: str) -> list[tuple[str, str, str]]:
    return [(file.part, file.group, file.class_name) for file in arrange(members(*paths))]


def test_class_folders_in_natural_order() -> None:
    files = arrange(members("s10/1.pgm", "s2/10.pgm", "s2/9.pgm"))
    assert [str(file.member.path) for file in files] == ["s2/9.pgm", "s2/10.pgm", "s10/1.pgm"]
    assert [(file.part, file.group, file.class_name) for file in files] == [
        ("train", "all", name) for name in ("s2", "s2", "s10")
    ]


def test_groups_stand_before_the_class() -> None:
    assert places("Greek/alpha/1.png", "Latin/alpha/1.png") == [
        ("train", "Greek", "Greek/alpha"),
        ("train", "Latin", "Latin/alpha"),
    ]


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("train", "test"), ["test", "train"]),
        (("training", "testing"), ["test", "train"]),
        (("Train", "VAL", "Test"), ["test", "train", "validation"]),
        (("train", "valid"), ["train", "validation"]),
    ],
)
@pytest.mark.parametrize("wrapper", ["", "faces/", "a/b/c/"])
@pytest.mark.parametrize("group", ["", "g/"])
def test_parts_are_read_from_the_top_folders(
    names: tuple[str, ...], parts: list[str], wrapper: str, group: str
) -> None:
    found = places(*(f"{wrapper}{name}/{group}{c}/1.png" for name in names for c in "xy"))
    assert found == [(part, group[:-1] or "all", group + c) for part in parts for c in "xy"]


def test_a_single_part_is_a_wrapper() -> None:
    assert places("faces/training/s1/1.pgm", "faces/training/s2/1.pgm") == [
        ("train", "all", "s1"),
        ("train", "all", "s2"),
    ]


def test_a_part_beside_another_folder_is_a_group() -> None:
    assert places("test/a/1.png", "other/a/1.png") == [("train", "other", "other/a"), ("train", "test", "test/a")]


def test_notes_and_litter_are_passed_over() -> None:
    expected = [("train", "all", "a"), ("train", "all", "b")]
    assert places("w/a/1.png", "w/b/1.png", "README", "w/LICENSE.txt", "docs/deep/er/still/x.md") == expected
    assert places("a/1.png", "b/1.png", "a/.DS_Store", "a/Thumbs.db", "__MACOSX/a/._1.png", ".git/x/y.png") == expected
    parts = places("train/a/1.png", "test/a/1.png", "train/labels.csv", "notes/of/somebody.txt")
    assert parts == [("test", "all", "a"), ("train", "all", "a")]
    assert places("g/a/1.png", "g2/b/1.png", "g/info.txt") == [("train", "g", "g/a"), ("train", "g2", "g2/b")]


def test_inside_a_class_every_file_claims_to_be_an_image() -> None:
    assert places("a/1.png", "b/1.png", "b/x.txt") == [("train", "all", "a")] + [("train", "all", "b")] * 2


def test_names_that_say_nothing_are_taken_for_images() -> None:
    names = [f"{c}/subject{number}.happy" for c in "ab" for number in range(4)]
    assert len(places(*names)) == len(places(*names, "a/1.png")) - 1 == 8


def test_a_single_folder_of_images_is_one_class() -> None:
    assert {file.class_name for file in arrange(members("set/one/1.png", "set/one/2.png"))} == {"one"}


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ((), "There is no image"),
        ((".hidden/1.png",), "There is no image"),
        (("1.png", "2.png"), r'"1\.png" lies in no class folder'),
        (("a/1.png", "2.png"), r'"2\.png" lies in no class folder'),
        (("train/1.png", "test/a/2.png"), r'"train/1\.png" lies in no class folder'),
        (("a/1.png", "b/c/2.png"), r'"a/1\.png" does not lie as deep as "b/c/2\.png"'),
        (("a/b/c/d/1.png", "e/b/c/d/1.png"), r'"a/b/c/d/1\.png" lies too deep'),
        (("a/1.png", "b/1.png", "b/more/data.bin"), r'"b/more/data\.bin" lies deeper'),
    ],
)
def test_other_layouts_are_refused_by_name(paths: tuple[str, ...], message: str) -> None:
    with pytest.raises(SiameseError, match=message):
        arrange(members(*paths))


folder_names = st.text("abcXYZ019 _-é", min_size=1, max_size=4).map(lambda name: f"n{name}")


@settings(deadline=None)
@given(st.sets(st.tuples(folder_names, folder_names, st.integers(0, 20)), min_size=2), st.randoms())
def test_the_order_of_the_files_does_not_matter(tree: set[tuple[str, str, int]], random: object) -> None:
    paths = [f"{group}/{name}/{number}.png" for group, name, number in tree]
    shuffled = list(paths)
    random.shuffle(shuffled)
    try:
        expected = arrange(members(*paths))
    except SiameseError:
        with pytest.raises(SiameseError):
            arrange(members(*shuffled))
        return
    found = arrange(members(*shuffled))
    assert [file.member.path for file in found] == [file.member.path for file in expected]
    classes = [file.class_name for file in found]
    assert len(found) == len(tree)
    assert sum(a != b for a, b in pairwise(classes)) == len(set(classes)) - 1
