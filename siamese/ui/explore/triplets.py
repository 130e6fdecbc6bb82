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
from siamese.training.look import embed_now
from siamese.training.step import Drawn
from siamese.training.taken import TakenBatch
from siamese.ui.explore.cards import batch_names, batch_pictures, scale_of
from siamese.ui.explore.source import PATIENCE, Source

COUNTED = 256  # triplets that a seed draws where a batch holds none
USUAL_MARGIN = 0.2  # of FaceNet, where the recipe's loss knows no triplets
KINDS = ("easy", "semi_hard", "hard")


def triplet_wall(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    """size triplets with their distances and kinds, and the count of each kind in the batch.

    A run that learns from triplets, or from all pairs of a batch, shows those of its newest batch. Any other source
    shows triplets that the seed draws from the training images, so that the same ones can be followed.
    options: size, seed, seen.
    """
    recipe = source.recipe
    if recipe.second_tower is not None:
        raise SiameseError("Two towers compare a left with a right image and know no triplets; look at its pairs.")
    own = source.job is not None and recipe.batching in ("triplets", "all-pairs")
    taken = source.taken(options["seed"]) if own else _drawn(source, options["seed"])
    if taken is None:
        return {"empty": True}
    margin = taken.margin if recipe.loss == "triplet" else USUAL_MARGIN
    rows, counts = _triplets(taken, margin, options["size"])
    bank = source.dataset().train
    uris, names = batch_pictures(taken, bank, rows.flatten(), options["seen"]), batch_names(taken, bank, rows.flatten())
    cards: list[dict[str, Any]] = [
        {"pictures": [uris[row] for row in three], "names": [names[row] for row in three]} for three in rows.tolist()
    ]
    answer: dict[str, Any] = {"step": taken.step, "own": own, "cards": cards, "margin": round(margin, 4)}
    if taken.embeddings is None or taken.similarity is None:
        return answer
    anchor, positive, negative = (taken.embeddings[part] for part in rows.T)
    near, far = taken.similarity(anchor, positive), taken.similarity(anchor, negative)
    for card, a, b, kind in zip(cards, near.tolist(), far.tolist(), difficulty(near, far, margin).tolist()):
        card |= {"near": round(a, 4), "far": round(b, 4), "kind": KINDS[kind]}
    assert counts is not None
    return answer | {"counts": counts._asdict(), "scale": scale_of(torch.cat([near, far]))}


def _drawn(source: Source, seed: int) -> TakenBatch | None:
    """Triplets of the training images as the sampler of training draws them, seen by the network as it is now."""
    bank = source.dataset().train
    check_pairs(bank)
    generator = torch.Generator().manual_seed(seed)
    triplets = sample_triplets(bank, COUNTED, generator)
    index = torch.cat(triplets)
    drawn = Drawn(
        Batch(index, torch.ones(COUNTED, dtype=torch.bool)),
        draw_transforms(source.recipe.augmentation, len(index), generator),
    )
    recipe = (
        source.recipe.with_settings({"loss": "triplet", "batching": "triplets", "similarity": "euclidean"})
        if source.model is None
        else source.recipe
    )
    taken = TakenBatch(recipe, drawn, margin=recipe.margin)
    if source.alive and source.job is not None:
        answer = source.job.ask(lambda run: embed_now(run, drawn), PATIENCE)
        if answer is None:
            return None
        step, embeddings, similarity = answer
        return replace(taken, step=step, embeddings=embeddings, similarity=similarity)
    return taken if source.model is None else source.seen_by_model(taken)


def _triplets(taken: TakenBatch, margin: float, size: int) -> tuple[Tensor, Difficulties | None]:
    """Rows of `size` triplets, int64 [size, 3], and how many of all are of each kind (None: no network)."""
    batch, embeddings, similarity = taken.drawn.batch, taken.embeddings, taken.similarity
    if batch.same.dim() == 2:
        assert embeddings is not None and similarity is not None
        with torch.no_grad():
            counts = count_difficulties(similarity.matrix(embeddings, embeddings), batch.same, margin)
        return _some_of_all(batch.same, size, taken.step), counts
    rows = torch.stack(torch.arange(len(batch.index)).chunk(3), 1)
    if embeddings is None or similarity is None:
        return rows[:size], None
    with torch.no_grad():
        anchor, positive, negative = embeddings.chunk(3)
        kinds = difficulty(similarity(anchor, positive), similarity(anchor, negative), margin)
    return rows[:size], Difficulties(*torch.bincount(kinds.long(), minlength=3).tolist())


def _some_of_all(same: Tensor, size: int, seed: int) -> Tensor:
    """Triplets of an all-pairs batch, each with another anchor as far as there are so many: int64 [size, 3]."""
    generator = torch.Generator().manual_seed(seed)
    positive = same & ~torch.eye(len(same), dtype=torch.bool)
    anchors = (positive.any(1) & (~same).any(1)).nonzero().flatten()
    anchors = anchors[torch.randperm(len(anchors), generator=generator)[:size]]

    def one_of(allowed: Tensor) -> Tensor:
        chance = torch.rand(allowed.shape, generator=generator)
        return chance.masked_fill(~allowed, -1).argmax(1)

    return torch.stack([anchors, one_of(positive[anchors]), one_of(~same[anchors])], 1)
