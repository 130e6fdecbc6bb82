"""A small recipe for each kind of training step: loss, batches, mining."""

from __future__ import annotations

from dataclasses import replace

from siamese.recipes import Recipe


def step_kinds(pairs: Recipe) -> dict[str, Recipe]:
    """Name → that recipe with another loss, other batches or another mining. pairs: a contrastive recipe of pairs."""
    all_pairs = replace(pairs, batching="all-pairs", classes_per_batch=6, images_per_class=4)
    return {
        "contrastive": pairs,
        "bce": replace(pairs, loss="bce", similarity="learned", normalize=False),
        "triplet": replace(pairs, loss="triplet", batching="triplets"),
        "all pairs": all_pairs,
        "all pairs bce": replace(all_pairs, loss="bce", similarity="learned", normalize=False),
        "supcon": replace(all_pairs, loss="supcon", similarity="cosine"),
        "class mining": replace(all_pairs, loss="supcon", similarity="cosine", class_mining=True),
        "hard triplets": replace(all_pairs, loss="triplet", mining="hard"),
    }
