"""Triplets with both distances, and how many are easy, semi-hard and hard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.learning.augment import draw_transforms
from siamese.learning.batches import Batch
from siamese.learning.difficulty import Difficulties, count_difficulties, difficulty
from siamese.learning.sampling import check_pairs, sample_triplets
from siamese.training.batch_record import BatchRecord
from siamese.training.look import embed_now
from siamese.training.step import StepInputs
from siamese.ui.explore.cards import batch_names, batch_pictures, scale_of
from siamese.ui.explore.source import PATIENCE, Source

SEEDED = 256  # triplets of a seed, for a source whose batches hold none
USUAL_MARGIN = 0.2  # of FaceNet, for a recipe without triplets
KINDS = ("easy", "semi_hard", "hard")


def triplet_wall(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    """`size` triplets with their distances and kinds, and how many of each kind the batch has.

    They come from the newest batch of a run that learns from triplets or from all pairs. For any other source the seed
    draws them from the training images, so that a visitor can follow the same triplets.
    options: size, seed, seen (pictures as the network sees them).
    """
    recipe = source.recipe
    if recipe.second_tower is not None:
        raise SiameseError("Two towers compare a left with a right image and know no triplets; look at its pairs.")
    own = source.job is not None and recipe.batching in ("triplets", "all-pairs")
    record = source.batch_record(options["seed"]) if own else _seeded_triplets(source, options["seed"])
    if record is None:
        return {"empty": True}
    margin = record.margin if recipe.loss == "triplet" else USUAL_MARGIN
    rows, counts = _triplets(record, margin, options["size"])
    bank = source.dataset().train
    images = rows.flatten()
    uris, names = batch_pictures(record, bank, images, options["seen"]), batch_names(record, bank, images)
    cards: list[dict[str, Any]] = [
        {"pictures": [uris[row] for row in three], "names": [names[row] for row in three]} for three in rows.tolist()
    ]
    answer: dict[str, Any] = {"step": record.step, "own": own, "cards": cards, "margin": round(margin, 4)}
    if record.embeddings is None or record.similarity is None:
        return answer
    anchor, positive, negative = (record.embeddings[part] for part in rows.T)
    near, far = record.similarity(anchor, positive), record.similarity(anchor, negative)
    for card, a, b, kind in zip(cards, near.tolist(), far.tolist(), difficulty(near, far, margin).tolist()):
        card |= {"near": round(a, 4), "far": round(b, 4), "kind": KINDS[kind]}
    assert counts is not None
    return answer | {"counts": counts._asdict(), "scale": scale_of(torch.cat([near, far]))}


def _seeded_triplets(source: Source, seed: int) -> BatchRecord | None:
    """SEEDED triplets as training would draw them with this seed, with the embeddings of the network as it is now."""
    bank = source.dataset().train
    check_pairs(bank)
    generator = torch.Generator().manual_seed(seed)
    triplets = sample_triplets(bank, SEEDED, generator)
    index = torch.cat(triplets)
    inputs = StepInputs(
        Batch(index, torch.ones(SEEDED, dtype=torch.bool)),
        draw_transforms(source.recipe.augmentation, len(index), generator),
    )
    recipe = (
        source.recipe.with_settings({"loss": "triplet", "batching": "triplets", "similarity": "euclidean"})
        if source.model is None
        else source.recipe
    )
    record = BatchRecord(recipe, inputs, margin=recipe.margin)
    if source.alive and source.job is not None:
        answer = source.job.ask(lambda run: embed_now(run, inputs), PATIENCE)
        if answer is None:
            return None
        step, embeddings, similarity = answer
        return replace(record, step=step, embeddings=embeddings, similarity=similarity)
    return record if source.model is None else source.embedded_by_model(record)


def _triplets(record: BatchRecord, margin: float, size: int) -> tuple[Tensor, Difficulties | None]:
    """Rows of `size` triplets, int64 [size, 3], and how many triplets of each kind there are (None: no network)."""
    batch, embeddings, similarity = record.inputs.batch, record.embeddings, record.similarity
    if batch.same.dim() == 2:
        assert embeddings is not None and similarity is not None
        with torch.no_grad():
            counts = count_difficulties(similarity.matrix(embeddings, embeddings), batch.same, batch.itself, margin)
        return _random_triplets(batch, size, record.step), counts
    rows = torch.stack(torch.arange(len(batch.index)).chunk(3), 1)
    if embeddings is None or similarity is None:
        return rows[:size], None
    with torch.no_grad():
        anchor, positive, negative = embeddings.chunk(3)
        kinds = difficulty(similarity(anchor, positive), similarity(anchor, negative), margin)
    return rows[:size], Difficulties(*torch.bincount(kinds.long(), minlength=3).tolist())


def _random_triplets(batch: Batch, size: int, seed: int) -> Tensor:
    """Random triplets of an all-pairs batch, each with another anchor: int64 [n, 3], n ≤ size."""
    generator = torch.Generator().manual_seed(seed)
    same, positive = batch.same, batch.same & ~batch.itself
    anchors = (positive.any(1) & (~same).any(1)).nonzero().flatten()
    anchors = anchors[torch.randperm(len(anchors), generator=generator)[:size]]

    def one_of(allowed: Tensor) -> Tensor:
        chance = torch.rand(allowed.shape, generator=generator)
        return chance.masked_fill(~allowed, -1).argmax(1)

    return torch.stack([anchors, one_of(positive[anchors]), one_of(~same[anchors])], 1)
