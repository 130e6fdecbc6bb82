"""Checkpoints come back as they were written, and nothing else is taken for one."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save as save_tensors

from siamese import SiameseError
from siamese.data.bank import Dataset
from siamese.models.checkpoint import FORMAT, LARGEST_HEADER, Checkpoint, best_of
from siamese.models.network import build_network
from siamese.recipes import Recipe
from siamese.training.events import Finished
from siamese.training.loop import train

RECIPE = Recipe(encoder="strided", embedding_dim=4, batch_size=8, steps=3)


def trained(recipe: Recipe, dataset: Dataset) -> Finished:
    *_, finished = train(recipe, dataset, device=torch.device("cpu"))
    assert isinstance(finished, Finished)
    return finished


@pytest.fixture(scope="module")
def finished(dataset: Dataset) -> Finished:
    return trained(RECIPE, dataset)


@pytest.fixture(scope="module")
def best(finished: Finished) -> bytes:
    assert finished.best is not None
    return finished.best


def made(recipe: Recipe = RECIPE, **changes: Any) -> Checkpoint:
    """A checkpoint of an untrained network."""
    network = build_network(recipe, 1, (16, 16), fetch=False)
    return replace(
        Checkpoint(
            recipe=recipe,
            data={"name": "patterns", "title": "Patterns", "kind": "images", "unseen": "classes"},
            channels=1,
            size=(16, 16),
            dark_background=True,
            threshold=0.5,
            scores={"auc": 0.9},
            step=3,
            seconds=0.25,
            weights=dict(network.state_dict()),
        ),
        **changes,
    )


def with_header(content: bytes, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> bytes:
    """The file with its header and its own description changed in place."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    about = json.loads(header["__metadata__"]["about"])
    change(header, about)
    if "__metadata__" in header and "about" in header["__metadata__"]:
        header["__metadata__"]["about"] = json.dumps(about)
    written = json.dumps(header).encode()
    return len(written).to_bytes(8, "little") + written + content[8 + length :]


def refused(content: bytes, name: str = "mine.safetensors") -> str:
    with pytest.raises(SiameseError) as told:
        Checkpoint.from_bytes(content, name)
    return str(told.value)


FOREIGN = (
    "mine.safetensors is no checkpoint of this project, or it is cut short; "
    "choose a .safetensors file that a training run here has written."
)


def test_a_checkpoint_comes_back_as_it_was_written() -> None:
    checkpoint = made(training={"steps_done": torch.tensor(3), "generator": torch.arange(5, dtype=torch.uint8)})
    read = Checkpoint.from_bytes(checkpoint.to_bytes())
    for name in ("recipe", "data", "channels", "size", "dark_background", "threshold", "scores", "step", "seconds"):
        assert getattr(read, name) == getattr(checkpoint, name), name
    assert read.versions == checkpoint.versions and read.versions["torch"] == torch.__version__
    for ours, theirs in ((read.weights, checkpoint.weights), (read.training, checkpoint.training)):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) and ours[name].dtype == theirs[name].dtype for name in ours)


def test_the_size_before_the_recipe_changed_it_is_kept(best: bytes) -> None:
    assert Checkpoint.from_bytes(made(source_size=(112, 92)).to_bytes()).source_size == (112, 92)
    assert Checkpoint.from_bytes(made().to_bytes()).source_size is None
    older = with_header(best, lambda _, about: about.pop("source_size"))
    assert Checkpoint.from_bytes(older).source_size is None
    for wrong in ([0, 92], [112], 5, "112"):
        changed = with_header(best, lambda _, about, wrong=wrong: about.__setitem__("source_size", wrong))
        assert refused(changed) == FOREIGN


@pytest.mark.parametrize("dark", [True, False, None])
def test_what_is_known_of_the_background_survives(dark: bool | None) -> None:
    assert Checkpoint.from_bytes(made(dark_background=dark).to_bytes()).dark_background is dark


def test_the_best_is_for_use_and_the_last_for_going_on(finished: Finished, best: bytes) -> None:
    assert Checkpoint.from_bytes(best).training == {}
    last = Checkpoint.from_bytes(finished.last)
    assert {"generator", "losses", "steps_done", "optimizer.0.exp_avg"} <= set(last.training)
    assert last.weights.keys() == Checkpoint.from_bytes(best).weights.keys()
    assert not any(name.startswith(("network.", "training.")) for name in (*last.weights, *last.training))


def test_threshold_and_scores_stand_in_the_metadata_of_a_plain_safetensors_file(best: bytes, tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    path.write_bytes(best)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        names = set(file.keys())
    about = json.loads(metadata["about"])
    assert metadata["format"] == FORMAT
    assert about["threshold"] == about["scores"]["threshold"] and 0 < about["scores"]["auc"] <= 1
    assert about["data"]["name"] == "patterns" and about["recipe"]["encoder"] == "strided"
    assert set(about["versions"]) == {"torch", "python"}
    assert names == {f"network.{name}" for name in build_network(RECIPE, 1, (16, 16)).state_dict()}


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE,
        replace(RECIPE, encoder="conv4", similarity="learned", loss="bce"),
        replace(RECIPE, second_tower="conv4"),
        replace(RECIPE, raw_pixels=True),
        replace(RECIPE, encoder="resnet18", pretrained=True, seed=7),
    ],
    ids=["plain", "learned", "two towers", "raw pixels", "pretrained"],
)
def test_the_network_answers_as_the_one_that_was_saved(recipe: Recipe) -> None:
    network = build_network(recipe, 1, (16, 16), fetch=False).eval()
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.add_(0.01)
    checkpoint = made(recipe, weights=dict(network.state_dict()))
    again = Checkpoint.from_bytes(checkpoint.to_bytes()).network()
    assert not again.training and type(again) is type(network)
    pair = torch.rand(2, 3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(again(*pair), network(*pair))


def test_weights_in_any_memory_layout_come_back(dataset: Dataset) -> None:
    weights = {
        name: value.to(memory_format=torch.channels_last) if value.dim() == 4 else value
        for name, value in made().weights.items()
    }
    read = Checkpoint.from_bytes(made(weights=weights).to_bytes())
    assert all(torch.equal(read.weights[name], value) for name, value in weights.items())


def test_saving_and_loading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    made().save(path)
    made(threshold=0.75).save(path)
    assert Checkpoint.load(path).threshold == 0.75
    assert [file.name for file in tmp_path.iterdir()] == ["mine.safetensors"]


def test_a_file_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("missing.safetensors", "folder"):
        with pytest.raises(SiameseError) as told:
            Checkpoint.load(tmp_path / name)
        assert str(told.value) == f"There is no readable file {name}; give the path of a checkpoint."
    with pytest.raises(SiameseError) as told:
        made().save(tmp_path / "nowhere" / "mine.safetensors")
    assert (
        str(told.value) == "mine.safetensors cannot be written: No such file or directory; choose another place for it."
    )


def test_a_file_cut_anywhere_is_refused(best: bytes) -> None:
    length = 8 + int.from_bytes(best[:8], "little")
    cuts = {0, 1, 7, 8, 9, 100, length // 2, length - 1, length, length + 1, (length + len(best)) // 2, len(best) - 1}
    for cut in sorted(cuts):
        assert refused(best[:cut]) == FOREIGN, cut
    Checkpoint.from_bytes(best)


class Trap:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_foreign_files_are_refused_and_never_unpickled(best: bytes, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    torch.save({"weights": Trap(trap)}, tmp_path / "model.pt")
    tensors = {"a": torch.ones(2)}
    huge = (10**12).to_bytes(8, "little")
    deep = b"[" * 200_000
    for content in (
        b"",
        b"\0" * 8,
        b"\0" * 100,
        b"PK\x03\x04" + b"x" * 100,
        pickle.dumps(Trap(trap)),
        (tmp_path / "model.pt").read_bytes(),
        b"\x89PNG\r\n\x1a\n" + b"\0" * 64,
        save_tensors(tensors),
        save_tensors(tensors, {"format": "pt"}),
        save_tensors(tensors, {"format": FORMAT}),
        save_tensors(tensors, {"format": FORMAT, "about": "nothing"}),
        save_tensors(tensors, {"format": FORMAT, "about": "[]"}),
        save_tensors(tensors, {"format": FORMAT, "about": "{}"}),
        save_tensors(tensors, {"format": FORMAT, "about": "[" * 100_000}),
        huge + best[8:],
        (LARGEST_HEADER + 1).to_bytes(8, "little") + b"{" + b" " * (LARGEST_HEADER + 10),
        len(deep).to_bytes(8, "little") + deep,
        (2).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (24).to_bytes(8, "little") + b'{"__metadata__":    null}',
        (4).to_bytes(8, "little") + b"\xff\xfe\xfd\xfc",
    ):
        assert refused(content) == FOREIGN, content[:40]
    assert not trap.exists()


WRONG: dict[str, Any] = {
    "threshold": "high",
    "threshold is infinite": ("threshold", float("inf")),
    "seconds": float("nan"),
    "step": float("inf"),
    "step is text": ("step", "x"),
    "size": [0, 16],
    "size of three": ("size", [16, 16, 16]),
    "size is enormous": ("size", [16, 10**9]),
    "size is a number": ("size", 16),
    "channels": None,
    "dark_background": "dark",
    "data": ["name"],
    "scores": {"auc": "good"},
    "scores is a list": ("scores", [1]),
    "versions": 3,
    "recipe": None,
    "recipe is a list": ("recipe", [1, 2]),
}


@pytest.mark.parametrize("case", WRONG)
def test_impossible_descriptions_are_refused(case: str, best: bytes) -> None:
    field, value = WRONG[case] if isinstance(WRONG[case], tuple) else (case, WRONG[case])
    assert refused(with_header(best, lambda _, about: about.__setitem__(field, value))) == FOREIGN
    assert refused(with_header(best, lambda _, about: about.pop(field))) == FOREIGN


def test_a_recipe_that_is_none_says_what_is_wrong_with_it(best: bytes) -> None:
    def spoil(name: str, value: Any) -> str:
        return refused(with_header(best, lambda _, about: about["recipe"].__setitem__(name, value)))

    assert spoil("encoder", "enormous").startswith("encoder is 'enormous'; it has to be one of strided,")
    assert spoil("margin", -1) == "margin is -1.0; it has to be a number from 0.01 to 100."
    assert spoil("colour", 1).startswith('A recipe has no field "colour"')


def test_headers_that_lie_about_their_tensors_are_refused(best: bytes) -> None:
    name = "network.encoder.2.bias"

    def change(**values: Any) -> bytes:
        return with_header(best, lambda header, _: header[name].update(values))

    for content in (
        change(data_offsets=[0, 10**12]),
        change(data_offsets=[-1, 4]),
        change(shape=[10**6]),
        change(shape=[-4]),
        change(dtype="F128"),
        change(dtype="I8"),
        with_header(best, lambda header, _: header.update({name: 3})),
    ):
        assert refused(content) == FOREIGN


def test_weights_of_another_network_are_refused(best: bytes) -> None:
    told = 'The weights in this checkpoint do not fit its encoder "strided"; the file is damaged.'
    read = Checkpoint.from_bytes(best)
    lost = {name: value for name, value in read.weights.items() if not name.endswith("bias")}
    more = read.weights | {"extra": torch.ones(1)}
    for checkpoint in (
        replace(read, weights=lost),
        replace(read, weights=more),
        replace(read, weights={}),
        replace(read, size=(20, 20)),
        replace(read, channels=3),
        replace(read, recipe=replace(read.recipe, embedding_dim=5)),
    ):
        with pytest.raises(SiameseError) as refusal:
            checkpoint.network()
        assert str(refusal.value) == told
    with pytest.raises(SiameseError, match='do not fit its encoder "conv4"'):
        replace(read, recipe=replace(read.recipe, encoder="conv4")).network()


def test_a_small_file_that_claims_an_enormous_network_costs_nothing(best: bytes) -> None:
    # 134 million features into 500 units would be 268 gigabytes.
    content = with_header(
        best, lambda _, about: (about.update(size=[4096, 4096]), about["recipe"].update(encoder="faces-code"))
    )
    with pytest.raises(SiameseError, match='do not fit its encoder "faces-code"'):
        Checkpoint.from_bytes(content).network()


def test_an_encoder_that_needs_larger_images_is_refused(best: bytes) -> None:
    read = Checkpoint.from_bytes(best)
    with pytest.raises(SiameseError, match="Images of 16×16 pixels are too small for the encoder koch-2015"):
        replace(read, recipe=replace(read.recipe, encoder="koch-2015")).network()


@pytest.mark.parametrize("seed", range(40))
def test_a_file_with_wrong_bytes_gives_a_sentence_or_a_checkpoint(seed: int, best: bytes) -> None:
    chance = random.Random(seed)
    header = 8 + int.from_bytes(best[:8], "little")
    for _ in range(10):
        content = bytearray(best)
        for _ in range(chance.choice([1, 1, 3, 20])):
            content[chance.randrange(header)] = chance.randrange(256)
        try:
            Checkpoint.from_bytes(bytes(content)).network()
        except SiameseError as error:
            assert str(error).endswith(".")


def test_all_of_a_recipe_is_kept(best: bytes) -> None:
    assert Checkpoint.from_bytes(best).recipe == RECIPE
    about = json.loads(json.dumps(asdict(RECIPE)))
    assert about == RECIPE.as_dict()


def test_the_best_of_several_has_the_lowest_equal_error_rate_and_of_equal_ones_is_the_last() -> None:
    several = [replace(made(), step=step, scores={"eer": eer}) for step, eer in ((1, 0.2), (2, 0.1), (3, 0.1))]
    assert [best_of(several[:n]).step for n in (1, 2, 3)] == [1, 2, 3]
    assert best_of([several[1], several[0]]).step == 2
