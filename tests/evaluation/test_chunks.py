"""Work on large images is cut by bytes, so that no image size makes validation or its baseline eat the machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from siamese.data import bank as banks
from siamese.data.bank import ImageBank
from siamese.evaluation.judge import embed_bank, pixel_judge
from siamese.evaluation.validation import Sample, score
from siamese.models import inputs
from siamese.models.inputs import images_per_chunk, rows_per_chunk
from siamese.models.network import build_network
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe


def test_a_chunk_is_counted_in_bytes() -> None:
    assert images_per_chunk(28, 28) == 256 and images_per_chunk(256, 256) == 4
    assert images_per_chunk(10_000, 10_000) == 1
    for numbers in (1, 64, 784, 3 * 256 * 256, 1 << 30):
        rows = rows_per_chunk(numbers)
        assert 1 <= rows <= 4096 and (rows == 1 or 4 * rows * numbers <= inputs.CHUNK_BYTES)


def test_raw_pixels_are_compared_in_chunks_of_bytes(
    make_bank: Callable[..., ImageBank], monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = make_bank(classes=6, each=8, size=40, channels=3)
    sample = Sample.draw(bank, 200, 100, 0)
    whole = score(pixel_judge(Recipe(), bank), sample)[0]
    sizes = []
    compare = Similarity.forward

    def watched(self: Similarity, left: Tensor, right: Tensor) -> Tensor:
        sizes.append(left.nbytes)
        return compare(self, left, right)

    monkeypatch.setattr(Similarity, "forward", watched)
    monkeypatch.setattr(inputs, "CHUNK_BYTES", 10 * 4 * 3 * 40 * 40)
    assert score(pixel_judge(Recipe(), bank), sample)[0] == whole
    assert max(sizes) == inputs.CHUNK_BYTES and len(sizes) > 10


def test_the_pixels_stay_bytes_until_they_are_compared(make_bank: Callable[..., ImageBank]) -> None:
    """The Euclidean distance of raw pixels, by a slow loop."""
    bank = make_bank(classes=4, each=4, size=8)
    sample = Sample.draw(bank, 40, 20, 0)
    pixels = bank.images.double() / 255
    apart = [float((pixels[i] - pixels[j]).norm()) for i, j in zip(sample.pairs.left, sample.pairs.right)]
    scores = score(pixel_judge(Recipe(), bank), sample)[0]
    right = sum((d < scores.threshold) == bool(s) for d, s in zip(apart, sample.pairs.same)) / len(apart)
    assert scores.pair_accuracy == pytest.approx(right)


def test_large_images_are_embedded_a_few_at_a_time(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank(classes=2, each=6, size=192)
    network = build_network(Recipe(encoder="strided"), 1, (192, 192))
    seen = []
    network.encoder.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    embed_bank(network, Recipe(encoder="strided"), bank)
    assert sum(seen) == 12 and max(seen) == images_per_chunk(192, 192) == 7


@pytest.mark.parametrize(("grey", "size"), [(True, None), (False, (20, 12)), (True, (9, 30))])
def test_a_bank_prepared_in_parts_is_the_same(
    make_bank: Callable[..., ImageBank], monkeypatch: pytest.MonkeyPatch, grey: bool, size: tuple[int, int] | None
) -> None:
    bank = make_bank(classes=3, each=5, size=16, channels=3)
    whole = bank.prepared(size, grey, invert=True).images
    monkeypatch.setattr(banks, "_PART_BYTES", 1)
    assert torch.equal(bank.prepared(size, grey, invert=True).images, whole)
