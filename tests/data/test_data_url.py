"""Pictures sent as text: what is read, and what is refused before it is copied."""

from __future__ import annotations

import base64
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from siamese import SiameseError
from siamese.data import limits
from siamese.data.data_url import read_data_url


def data_url(kind: str = "png", size: tuple[int, int] = (20, 10), **options: object) -> str:
    stream = io.BytesIO()
    Image.new("RGB", size, (10, 200, 30)).save(stream, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_picture_comes_back(kind: str) -> None:
    image = read_data_url(data_url(kind), "drawing")
    assert (image.mode, image.size) == ("RGB", (20, 10))
    assert max(abs(a - b) for a, b in zip(image.getpixel((5, 5)), (10, 200, 30))) <= 4
    assert read_data_url(data_url(kind, (1600, 800)), "drawing", at_least=100).size == (200, 100)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "no picture that this page can send"),
        ({"a": 1}, "no picture"),
        ("", "no picture"),
        ("https://example.org/a.png", "no picture"),
        ("data:text/html;base64,AAAA", "no picture"),
        ("data:image/svg+xml;base64,AAAA", "no picture"),
        ("data:image/png;base64,", "is empty"),
        ("data:image/png;base64,AAAA", "not an image"),
        ("data:image/png;base64,A?==", "did not arrive whole"),
        ("data:image/png;base64,Äé", "did not arrive whole"),
        (data_url()[:-30], "did not arrive whole|damaged"),
    ],
)
def test_everything_else_is_a_sentence(text: object, sentence: str) -> None:
    with pytest.raises(SiameseError, match=sentence):
        read_data_url(text, "drawing")


def test_too_many_bytes_are_refused_before_they_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base64, "b64decode", lambda *a, **k: pytest.fail("decoded"))
    with pytest.raises(SiameseError, match=r"larger than 2\.0 MB"):
        read_data_url("data:image/png;base64," + "A" * (limits.MAX_DATA_URL_BYTES * 4 // 3 + 8), "drawing")


@settings(max_examples=40)
@given(st.text(max_size=50) | st.binary().map(lambda b: "data:image/png;base64," + base64.b64encode(b).decode()))
def test_any_text_is_a_picture_or_a_sentence(text: str) -> None:
    with pytest.raises(SiameseError):
        read_data_url(text, "drawing")
