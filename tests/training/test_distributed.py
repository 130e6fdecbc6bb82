"""Two processes on one global batch against one process on the same: equal losses, gradients and weights.

Every case runs in one pair of processes, since starting them is what takes the time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from safetensors.torch import load_file, save_file
from torch import Tensor

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.recipes import Recipe
from siamese.training.control import TrainingControl
from siamese.training.events import Finished, Progress, Stepped
from siamese.training.loop import train
from siamese.training.step import TrainingStep

CPU = torch.device("cpu")
STEPS = 3
PAIRS = Recipe(
    encoder="mnist-post",
    embedding_dim=8,
    batch_size=12,
    augmentation="affine",
    optimizer="sgd",
    learning_rate=0.1,
    precision="float32",
)
ALL_PAIRS = replace(PAIRS, batching="all-pairs", classes_per_batch=5, images_per_class=4)
CASES = {
    "pairs": PAIRS,
    "pairs, learned similarity": replace(PAIRS, loss="bce", similarity="learned", normalize=False),
    "pairs, two towers": replace(PAIRS, second_tower="mnist-post"),
    "triplets": replace(PAIRS, loss="triplet", batching="triplets", augmentation="none"),
    "all pairs": ALL_PAIRS,
    "all pairs, learned similarity": replace(ALL_PAIRS, loss="bce", similarity="learned", normalize=False),
    "all pairs, supcon": replace(ALL_PAIRS, loss="supcon", similarity="cosine"),
    "all pairs, class mining": replace(ALL_PAIRS, loss="supcon", similarity="cosine", class_mining=True),
    "all pairs, hard triplets": replace(ALL_PAIRS, loss="triplet", mining="hard"),
    "all pairs, random triplets": replace(ALL_PAIRS, loss="triplet", mining="random"),
    "pairs, batch norm": replace(PAIRS, encoder="strided"),
    "all pairs, batch norm": replace(ALL_PAIRS, encoder="conv4"),
}
UNEVEN = {
    "triplets": replace(PAIRS, loss="triplet", batching="triplets", batch_size=7),
    "all-pairs": replace(ALL_PAIRS, classes_per_batch=5, images_per_class=3),
}


def trained_by_hand(recipe: Recipe, bank: ImageBank) -> dict[str, Tensor]:
    """Losses, first gradients and last weights of a few steps."""
    step = TrainingStep(recipe, bank, CPU)
    told: dict[str, Tensor] = {}
    for number in range(STEPS):
        step()
        if number == 0:
            for name, parameter in step.network.named_parameters():
                assert parameter.grad is not None
                told[f"gradient {name}"] = parameter.grad.clone().contiguous()
    told |= {f"weight {name}": value.detach().clone().contiguous() for name, value in step.network.named_parameters()}
    told |= {f"buffer {name}": value.clone() for name, value in step.network.named_buffers()}
    assert step.embeddings is not None
    return told | {"losses": step.losses[:STEPS].clone(), "embeddings": step.embeddings.clone().contiguous()}


def process(rank: int, folder: Path, data: Dataset, two_domains: Dataset) -> None:
    """One of two ranks: runs every case and writes down what came of it."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2)
    told: dict[str, Any] = {"uneven": {}}
    for name, recipe in CASES.items():
        bank = (two_domains if recipe.second_tower else data).train
        save_file(trained_by_hand(recipe, bank), folder / f"{name} {rank}")
    for batching, recipe in UNEVEN.items():
        try:
            TrainingStep(recipe, data.train, CPU)
        except SiameseError as error:
            told["uneven"][batching] = str(error)

    def run(steps: int, control: TrainingControl | None = None, seconds: float | None = None) -> dict[str, Any]:
        events = []
        for event in train(replace(PAIRS, steps=steps, validate_every=4), data, control, device=CPU, seconds=seconds):
            events.append(event)
            if isinstance(event, Stepped) and event.step == 2 and control is not None:
                control.stop()
        end = events[-1]
        assert isinstance(end, Finished)
        losses = [loss for event in events if isinstance(event, Progress) for loss in event.losses]
        stepped = [event.step for event in events if isinstance(event, Stepped)]
        return {"step": end.step, "why": end.why, "losses": losses, "stepped": stepped}

    told["complete"] = run(10)
    # Rank 1 has its own clock and nobody steers it: rank 0 decides for both.
    told["by time"] = run(10**6, seconds=0.05 if rank == 0 else 1e9)
    control = TrainingControl(paused=True) if rank == 0 else TrainingControl()
    if rank == 0:
        control.step_once()
        control.step_once()
    told["steered"] = run(10**6, control)
    (folder / f"told {rank}").write_text(json.dumps(told))
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def folder(make_dataset: Callable[..., Dataset], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    mp.spawn(process, args=(folder, make_dataset(), make_dataset(partner=True)), nprocs=2)
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> list[dict[str, Any]]:
    return [json.loads((folder / f"told {rank}").read_text()) for rank in range(2)]


@pytest.mark.parametrize("name", CASES)
def test_two_processes_train_as_one(name: str, folder: Path, make_dataset: Callable[..., Dataset]) -> None:
    recipe = CASES[name]
    alone = trained_by_hand(recipe, make_dataset(partner=recipe.second_tower is not None).train)
    for rank in range(2):
        together = load_file(folder / f"{name} {rank}")
        assert together.keys() == alone.keys()
        for what, value in alone.items():
            try:
                torch.testing.assert_close(together[what], value, rtol=1e-4, atol=1e-5)
            except AssertionError as error:
                raise AssertionError(f"{what} of rank {rank}") from error
    assert all(float(value.abs().max()) > 0 for what, value in alone.items() if "weight" in what)


def test_a_batch_that_cannot_be_shared_evenly_is_told(told: list[dict[str, Any]]) -> None:
    for rank in range(2):
        assert told[rank]["uneven"] == {
            "triplets": "A batch of 7 triplets cannot be shared evenly by 2 processes; "
            "make batch_size a multiple of 2.",
            "all-pairs": "A batch of 15 images cannot be shared evenly by 2 processes; "
            "make classes_per_batch × images_per_class a multiple of 2.",
        }


def test_pairs_that_cannot_be_shared_evenly_are_told(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: 5)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    with pytest.raises(SiameseError) as refusal:
        TrainingStep(PAIRS, dataset.train, CPU)
    assert str(refusal.value) == (
        "A batch of 12 pairs cannot be shared evenly by 5 processes; make batch_size a multiple of 5."
    )


def test_a_whole_run_is_that_of_one_process(told: list[dict[str, Any]], dataset: Dataset) -> None:
    alone = [
        loss
        for event in train(replace(PAIRS, steps=10), dataset, device=CPU)
        if isinstance(event, Progress)
        for loss in event.losses
    ]
    for rank in range(2):
        assert (told[rank]["complete"]["step"], told[rank]["complete"]["why"]) == (10, "steps")
        assert told[rank]["complete"]["losses"] == pytest.approx(alone, rel=1e-3)


def test_rank_0_decides_when_both_end(told: list[dict[str, Any]]) -> None:
    first, second = (rank["by time"] for rank in told)
    assert first["why"] == second["why"] == "seconds"
    assert first["step"] == second["step"] and first["losses"] == second["losses"]


def test_rank_0_steers_both(told: list[dict[str, Any]]) -> None:
    for rank in range(2):
        steered = told[rank]["steered"]
        assert (steered["step"], steered["why"], steered["stepped"]) == (2, "stopped", [1, 2])


def test_one_process_shares_with_nobody(dataset: Dataset) -> None:
    step = TrainingStep(UNEVEN["triplets"], dataset.train, CPU)
    assert (step.ranks.world, step.ranks.rank) == (1, 0)
    step()
