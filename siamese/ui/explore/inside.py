"""Inside a pair: its way through the network, as JSON values for the page."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.learning.losses import bce_terms, contrastive_terms
from siamese.models.inside import Inside, inside
from siamese.recipes import Recipe
from siamese.training.batch_record import BatchRecord, pictures, positions_of
from siamese.training.look import look_inside
from siamese.ui.explore.cards import WORDS, batch_names, batch_pictures, picture, scale_of, test_cards
from siamese.ui.explore.source import PATIENCE, Source, bank_of, in_worker
from siamese.ui.pictures import data_uri, to_image


def pair_inside(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    """One pair: images, feature maps of some channels, embeddings, differences, distance, loss and force.

    options: number (of a pair in a batch) with step (of a run) or seed; or at ([i, j], two test images).
    channels: those on the page, so that it shows the same ones again.
    """
    at = options.get("at")
    if at is not None:
        return in_worker(lambda: _test_pair(source, at, options))
    return _batch_pair(source, options["number"], options)


def _batch_pair(source: Source, number: int, options: dict[str, Any]) -> dict[str, Any]:
    job, step = source.job, options.get("step")
    record = source.batch_record(options["seed"]) if job is None else source.record_at(step or 0)
    if record is None:
        return {"empty": True}
    left, right, same = record.pairs()
    if not 0 <= number < len(left):
        raise SiameseError(f"The batch has {len(left)} pairs and none of number {number + 1}; choose another pair.")
    rows = torch.tensor([int(left[number]), int(right[number])])
    bank = source.dataset().train
    uris, names = batch_pictures(record, bank, rows, True), batch_names(record, bank, rows)
    threshold, margin, now = record.threshold, record.margin, record.step
    answer: dict[str, Any] = {
        "pictures": [uris[row] for row in rows.tolist()],
        "names": [names[row] for row in rows.tolist()],
        "same": bool(same[number]),
        "compare": _in_compare(source, record, rows),
    }
    if source.alive and job is not None:
        reply = job.ask(
            lambda run: (
                look_inside(run, record.inputs, int(rows[0]), int(rows[1]), options.get("channels")),
                run.threshold,
                run.margin,
            ),
            PATIENCE,
        )
        if reply is None:
            return {"busy": True}
        (now, layers), threshold, margin = reply
    else:
        if source.model is None:
            raise SiameseError("Only the data is chosen; choose a run or a model to look inside a pair.")
        images = pictures(record, bank, rows)
        network = source.network()
        layers = inside(network, lambda: network.embed_pairs(images), 0, 1, options.get("channels"))
        checkpoint = source.checkpoint()
        threshold, now = checkpoint.threshold, checkpoint.step
    if (forces := record.forces()) is not None:
        answer["then"] = {
            "step": record.step,
            "d": round(float(forces.dissimilarity[number]), 4),
            "share": round(float(forces.share[number]), 5),
            "force": WORDS[int(forces.direction[number])],
        }
    return (
        answer
        | _inside(record.recipe, layers, bool(same[number]), threshold, margin)
        | {"step": now, "live": source.alive}
    )


def _test_pair(source: Source, at: tuple[int, int], options: dict[str, Any]) -> dict[str, Any]:
    test = source.judged(options.get("step"))
    bank, checkpoint = test.bank, test.checkpoint
    i, j = at
    if not (0 <= i < len(bank) and 0 <= j < len(bank)):
        raise SiameseError(f"There are {len(bank)} test images and no such pair; choose another one.")
    labels = bank.labels.cpu()
    same = bool(labels[i] == labels[j])
    prepared = test.evaluator.prepared(
        test.dataset,
        bank_of(bank.images[[i, j]].cpu(), None if bank.partner is None else bank.partner[[i, j]].cpu()),
    )
    right = prepared.images[1]
    if prepared.partner is not None and checkpoint.recipe.batching == "pairs":
        right = prepared.partner[1]
    network = test.evaluator.network
    images = torch.stack([prepared.images[0], right]).float() / 255
    layers = inside(network, lambda: network.embed_pairs(images), 0, 1, options.get("channels"))
    (card,) = test_cards(checkpoint.recipe, bank, [(i, j, same, layers.dissimilarity)])
    answer: dict[str, Any] = {
        "pictures": [picture(prepared.images[0]), picture(right)],
        "names": card["names"],
        "same": same,
        "compare": f"{source.data}:{test.place_in_test(i)}:{test.place_in_test(j)}",
    }
    answer |= _inside(checkpoint.recipe, layers, same, checkpoint.threshold, checkpoint.recipe.margin)
    return answer | {"step": checkpoint.step, "live": False}


def _in_compare(source: Source, record: BatchRecord, rows: Tensor) -> str | None:
    """The pair in a link to the Compare tab, <data>:t<image>:t<image>; None for turned images and two domains."""
    bank = source.dataset().train
    turns, positions = positions_of(record, bank, rows)
    if bool(turns.any()) or bank.partner is not None:
        return None
    return f"{source.data}:t{int(positions[0])}:t{int(positions[1])}"


def _inside(recipe: Recipe, layers: Inside, same: bool, threshold: float | None, margin: float) -> dict[str, Any]:
    """What the page draws inside a pair, with its loss if the loss of the recipe is a sum over pairs."""
    distance = torch.tensor(layers.dissimilarity)
    has_margin = recipe.loss == "contrastive"
    loss, force = _own_loss(recipe, layers, same, margin)
    return {
        "towers": layers.towers,
        "stages": [
            {
                "filters": stage.filters,
                "kernel": list(stage.kernels.shape[2:]),
                "channels": list(stage.channels),
                "maps": [
                    [_map(one, white_value(stage.maps[:, k])) for k, one in enumerate(side)] for side in stage.maps
                ],
                "kernels": [[_kernel(one) for one in tower] for tower in stage.kernels],
            }
            for stage in layers.stages
        ],
        "embeddings": [[round(v, 4) for v in side] for side in layers.embeddings.tolist()],
        "parts": [round(v, 5) for v in layers.parts.tolist()],
        "similarity": recipe.similarity,
        "d": round(layers.dissimilarity, 4),
        "threshold": None if threshold is None else round(threshold, 4),
        "margin": round(margin, 4) if has_margin else None,
        "scale": scale_of(distance[None], threshold, margin if has_margin else None, 1.0 if recipe.normalize else None),
        "loss_name": recipe.loss,
        "loss": None if loss is None else round(loss, 4),
        "force": force,
    }


def _own_loss(recipe: Recipe, layers: Inside, same: bool, margin: float) -> tuple[float | None, str | None]:
    """The pair's own term of the loss, and its force; None for a loss that compares several pairs."""
    truth = torch.tensor(same)
    if recipe.loss == "contrastive":
        term = float(contrastive_terms(torch.tensor(layers.dissimilarity), truth, margin))
    elif recipe.loss == "bce":
        # The dissimilarity is the probability of "different"; the loss needs the logit of "same".
        different = torch.tensor(layers.dissimilarity).clamp(1e-7, 1 - 1e-7)
        term = float(bce_terms(torch.logit(1 - different), truth))
    else:
        return None, None
    return term, "none" if term <= 0 else "pull" if same else "push"


def white_value(maps: Tensor) -> float:
    """The value that is drawn white. Both images have the same one, so that they can be compared."""
    return float(maps.max().clamp_min(1e-9))


def _map(values: Tensor, white: float) -> str:
    return data_uri(to_image((values.clamp_min(0) / white * 255).round().byte()[None]))


def _kernel(values: Tensor) -> str:
    low, high = float(values.min()), float(values.max())
    return data_uri(to_image(((values - low) / max(high - low, 1e-9) * 255).round().byte()[None]))
