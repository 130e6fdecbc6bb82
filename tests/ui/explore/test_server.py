"""What the Explore tab is told: a run's own batch, index by index; errors that are the ROC's; requests from anybody."""

from __future__ import annotations

import base64
import io
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from siamese.data.bank import Dataset
from siamese.evaluation import metrics
from siamese.evaluation.protocols import Evaluator
from siamese.models.checkpoint import Checkpoint
from siamese.models.views import count
from siamese.recipes import Recipe
from siamese.training.batch_record import pictures
from siamese.training.jobs.job import TrainingJob, Visitor
from siamese.training.look import network_now, newest_batch
from siamese.ui import lab as labs
from siamese.ui.explore import source as sources_of
from siamese.ui.explore.batch import choose
from siamese.ui.explore.server import control, explore, score, sources
from siamese.ui.explore.threshold import named_thresholds
from siamese.ui.lab import Lab, current_lab, open_lab
from siamese.ui.settings import Settings

WAIT = 30.0
SMALL: dict[str, Any] = {
    "name": "contrastive-pairs",
    "precision": "float32",
    "encoder": "strided",
    "embedding_dim": 8,
    "batch_size": 16,
    "steps": 400,
}
RECIPES = {
    "pairs": Recipe(**SMALL, augmentation="affine"),
    "towers": Recipe(**SMALL, second_tower="strided"),
    "all-pairs": Recipe(**SMALL, batching="all-pairs", classes_per_batch=6, images_per_class=4, invert=True),
    "triplets": Recipe(**SMALL, loss="triplet", batching="triplets", margin=0.2, rotations_as_classes=True),
    "bce": Recipe(**SMALL, loss="bce", similarity="learned"),
}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_dataset: Callable[..., Dataset]) -> Iterator[Lab]:
    opened = open_lab(Settings(tmp_path, torch.device("cpu"), jobs=4, workers=1, threads=1))
    dataset = make_dataset(classes=9, each=8, partner=True, groups=2)
    monkeypatch.setattr(Lab, "dataset", lambda self, name, progress=None: dataset)
    yield opened
    opened.close()


def paused_run(recipe: Recipe, steps: int) -> tuple[TrainingJob, str]:
    """A run that stands still after so many steps, and its key."""
    job = current_lab().jobs.submit(
        Visitor("me"), recipe, "glyphs", lambda _: current_lab().dataset("glyphs"), paused=True
    )
    for _ in range(steps):
        job.control.step_once()
    done = 0
    while done < steps:
        done = job.ask(lambda run: run.steps_done, WAIT) or 0
        # A run that has not begun answers nothing; asked again at once, it would hardly get Python's lock to begin.
        assert not job.ended.wait(0.002), job.error
    return job, f"run:{job.id}"


def ask(view: str, key: str, **options: Any) -> dict[str, Any]:
    answer = explore([view, {"from": key, **options}])
    assert "error" not in answer, answer
    json.dumps(answer, allow_nan=False)
    return answer


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def drawn(image: torch.Tensor) -> np.ndarray:
    return image.mul(255).round().byte().permute(1, 2, 0).numpy().squeeze()


@pytest.mark.parametrize("name", RECIPES)
def test_the_wall_is_the_steps_own_batch(lab: Lab, name: str) -> None:
    job, key = paused_run(RECIPES[name], 3)
    record, step = job.ask(lambda run: (newest_batch(run), run.step), WAIT)
    for order, size in itertools.product(("drawn", "loss"), (12, 32)):
        wall = ask("batch", key, order=order, size=size)
        assert wall["step"] == 3 and wall["total"] == job.recipe.pairs_per_step
        forces = record.forces()
        bank = lab.dataset("glyphs").train
        for card in wall["cards"]:
            number = card["number"]
            rows = torch.stack([forces.left[number], forces.right[number]])
            # The very images that the step's own index names, with the very changes.
            assert step.inputs.batch.index[rows].tolist() == record.inputs.batch.index[rows].tolist()
            left, right = pictures(record, bank, rows)
            assert (pixels(card["left"]) == drawn(left)).all() and (pixels(card["right"]) == drawn(right)).all()
            assert card["same"] == bool(forces.same[number])
            assert card["d"] == pytest.approx(float(forces.dissimilarity[number]), abs=1e-4)
            assert card["share"] == pytest.approx(float(forces.share[number]), abs=1e-5)
        kinds = [card["same"] for card in wall["cards"]]
        assert len(kinds) == min(size, wall["total"]) and len({card["number"] for card in wall["cards"]}) == len(kinds)
        if order == "loss":
            for kind in (True, False):
                shares = [card["share"] for card in wall["cards"] if card["same"] == kind]
                assert shares == sorted(shares, reverse=True)
    shares = sum(kind["share"] for kind in wall["forces"].values())
    assert shares == pytest.approx(1.0, abs=1e-3)
    assert ask("batch", key, have=3)["unchanged"]
    control([key, "step"])
    newer = 3
    while newer == 3:
        newer = ask("batch", key).get("step", 3)
    assert newer == 4
    job.stop()
    assert job.ended.wait(WAIT)
    assert ask("batch", key)["step"] == 4, "a run that is over still shows its last batch"


def test_an_image_that_a_batch_holds_twice_is_no_pair_with_itself(lab: Lab) -> None:
    """The classes have 8 images, and the batch takes 12 of each."""
    job, key = paused_run(replace(RECIPES["all-pairs"], images_per_class=12), 1)
    record = job.ask(newest_batch, WAIT)
    index = record.inputs.batch.index
    assert len(index.unique()) < len(index)
    forces, total = record.forces(), len(record.forces().left)
    for order in ("drawn", "loss"):
        wall = ask("batch", key, order=order, size=64)
        assert wall["total"] == total == wall["same"] + wall["different"]
        for card in wall["cards"]:
            number = card["number"]
            assert index[forces.left[number]] != index[forces.right[number]]
            assert card["same"] == bool(forces.same[number]) and card["left"] != card["right"]
    pair = ask("inside", key, number=total - 1, step=1)
    assert pair["then"]["d"] == pytest.approx(float(forces.dissimilarity[-1]), abs=1e-4)
    for card in ask("triplets", key, size=32)["cards"]:
        assert card["pictures"][0] != card["pictures"][1]
    job.stop()


def test_originals_are_the_banks_own_pictures(lab: Lab) -> None:
    _, key = paused_run(RECIPES["all-pairs"], 1)
    seen, originals = ask("batch", key), ask("batch", key, seen=False)
    bank = lab.dataset("glyphs").train
    for a, b in zip(seen["cards"], originals["cards"]):
        original = torch.from_numpy(pixels(b["left"]).copy())
        assert bool((bank.images[:, 0] == original).flatten(1).all(1).any())
        assert (pixels(a["left"]) != pixels(b["left"])).any(), "the network saw it inverted"


@pytest.mark.parametrize("name", RECIPES)
def test_inside_agrees_with_the_wall(lab: Lab, name: str) -> None:
    job, key = paused_run(RECIPES[name], 2)
    wall = ask("batch", key)
    card = wall["cards"][-1]
    seen = ask("inside", key, step=2, number=card["number"])
    assert seen["then"]["d"] == card["d"] and seen["then"]["share"] == card["share"]
    assert seen["pictures"] == [card["left"], card["right"]] and seen["same"] == card["same"]
    assert seen["live"] and seen["step"] == 2 and len(seen["parts"]) == 8
    assert seen["towers"] == (2 if name == "towers" else 1)
    if name == "pairs":
        d = seen["d"]
        assert seen["loss"] == pytest.approx(d**2 if card["same"] else max(0, 1 - d) ** 2, abs=1e-3)
        assert sum(seen["parts"]) == pytest.approx(d**2, abs=1e-3)
    assert {len(stage["maps"]) for stage in seen["stages"]} == {2}
    channels = [stage["channels"] for stage in seen["stages"]]
    again = ask("inside", key, step=2, number=card["number"], channels=channels)
    assert [stage["channels"] for stage in again["stages"]] == channels
    assert "no longer here" in explore(["inside", {"from": key, "step": 999, "number": 0}])["error"]["en"]
    assert "pairs" in explore(["inside", {"from": key, "step": 2, "number": 10**6}])["error"]["en"]
    job.stop()
    assert job.ended.wait(WAIT)
    after = ask("inside", key, step=2, number=card["number"])
    assert not after["live"] and after["then"] == seen["then"]


def finished_run(recipe: Recipe) -> str:
    job, key = paused_run(recipe, 30)
    job.stop()
    assert job.ended.wait(WAIT)
    return key


def test_counts_at_any_threshold_are_the_rocs(lab: Lab) -> None:
    key = finished_run(RECIPES["pairs"])
    answer = ask("threshold", key)
    sent = {kind: np.frombuffer(base64.b64decode(answer[kind]), "<f4") for kind in ("same", "different")}
    distances = torch.cat([torch.tensor(sent["same"]), torch.tensor(sent["different"])])
    same = torch.arange(len(distances)) < len(sent["same"])
    curve = metrics.roc(distances, same)
    for threshold, false_accept, true_accept in zip(
        *(part.tolist() for part in (curve.thresholds, curve.false_accept, curve.true_accept))
    ):
        let_in = np.searchsorted(sent["different"], threshold, side="left")
        found = np.searchsorted(sent["same"], threshold, side="left")
        assert let_in == pytest.approx(false_accept * len(sent["different"]), abs=1e-6)
        assert found == pytest.approx(true_accept * len(sent["same"]), abs=1e-6)
    # The same figures as the command line's protocol gives for this network.
    weights = current_lab().jobs.access(key[4:]).job.weights  # type: ignore[union-attr]
    wanted = Evaluator(Checkpoint.from_bytes(weights or b"")).pairs(lab.dataset("glyphs")).scores
    accuracy = metrics.pair_accuracy(distances, same, answer["thresholds"]["validation"])
    assert accuracy == pytest.approx(wanted["pair_accuracy"]) and answer["eer"] == pytest.approx(wanted["eer"])
    worst = answer["worst"]
    assert [card["d"] for card in worst["same"]] == sorted((card["d"] for card in worst["same"]), reverse=True)
    assert worst["different"][0]["d"] == pytest.approx(float(sent["different"][0]), abs=1e-4)


@given(
    values=st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=2, max_size=60).filter(
        lambda rows: len({same for _, same in rows}) == 2
    )
)
def test_named_thresholds_keep_their_promises(values: list[tuple[int, bool]]) -> None:
    distances, same = torch.tensor([d / 8 for d, _ in values]), torch.tensor([s for _, s in values])
    named = named_thresholds(distances, same)

    def errors(threshold: float) -> tuple[float, float]:
        below = distances < threshold
        return float(below[~same].double().mean()), float((~below[same]).double().mean())

    gap = min(abs(a - b) for a, b in (errors(t) for t in [k / 16 for k in range(30)]))
    assert abs(errors(named["equal"])[0] - errors(named["equal"])[1]) == pytest.approx(gap)
    let_in, _ = errors(named["few"])
    assert let_in <= 0.01
    assert all(errors(t)[1] >= errors(named["few"])[1] for t in (k / 16 for k in range(30)) if errors(t)[0] <= 0.01)


@pytest.mark.parametrize("name", ["pairs", "towers"])
def test_errors_are_those_of_every_pair(lab: Lab, name: str) -> None:
    key = finished_run(RECIPES[name])
    answer = ask("errors", key, order="mistakes", size=12)
    judged = sources_of.find_source(key).judged()
    labels, once = judged.bank.labels, name == "pairs" and judged.judge.left is judged.judge.right
    matrix, threshold = judged.judge.matrix(), judged.checkpoint.threshold
    n = len(labels)
    pairs = [(i, j) for i in range(n) for j in range(n) if (i < j if once else i != j)]
    wrong = {"same": 0, "different": 0}
    for i, j in pairs:
        kind = "same" if labels[i] == labels[j] else "different"
        wrong[kind] += bool((matrix[i, j] < threshold) != (kind == "same"))
    assert answer["wrong"] == wrong
    assert answer["pairs"]["same"] + answer["pairs"]["different"] == len(pairs)
    for card in answer["cards"]:
        assert (card["d"] < answer["threshold"]) != card["same"]
        assert card["same"] == bool(labels[card["at"][0]] == labels[card["at"][1]])
    nearest = ask("errors", key, order="nearest", size=12)
    distances = [abs(float(matrix[i, j]) - threshold) for i, j in pairs]
    shown = [abs(card["d"] - threshold) for card in nearest["cards"]]
    assert shown == pytest.approx(sorted(distances)[:12], abs=2e-4)
    inside = ask("inside", key, at=answer["cards"][0]["at"], step=answer["step"])
    assert inside["d"] == pytest.approx(answer["cards"][0]["d"], abs=1e-3)
    assert inside["compare"] == "glyphs:{}:{}".format(*answer["cards"][0]["at"])


def test_triplets_of_each_kind_of_source(lab: Lab) -> None:
    for name in ("triplets", "all-pairs", "pairs"):
        job, key = paused_run(RECIPES[name], 2)
        answer = ask("triplets", key, size=12)
        assert answer["own"] == (name != "pairs") and len(answer["cards"]) == 12
        for card in answer["cards"]:
            margin = answer["margin"]
            kind = (
                "hard" if card["far"] < card["near"] else "semi_hard" if card["far"] < card["near"] + margin else "easy"
            )
            assert (
                card["kind"] == kind
                or abs(card["far"] - card["near"]) < 2e-4
                or abs(card["far"] - card["near"] - margin) < 2e-4
            )
            assert card["names"][0] == card["names"][1] != card["names"][2]
        total = {"triplets": 16, "all-pairs": 24 * 3 * 20, "pairs": 256}[name]
        assert sum(answer["counts"].values()) == total
        job.stop()
        assert job.ended.wait(WAIT)
    _, key = paused_run(RECIPES["towers"], 1)
    assert "Two towers" in explore(["triplets", {"from": key}])["error"]["en"]


def test_an_episode_and_a_hundred_more(lab: Lab) -> None:
    key = finished_run(RECIPES["all-pairs"])
    one = ask("episode", key, way=5, shot=3, seed=4)
    assert len(one["classes"]) == 5 and one["within"], "the larger group has five of the nine classes"
    assert {len(entry["pictures"]) for entry in one["classes"]} == {3}
    assert one == ask("episode", key, way=5, shot=3, seed=4) != ask("episode", key, way=5, shot=3, seed=5)
    many = ask("many", key, way=5, shot=1)
    for judge in ("network", "pixels"):
        result = many[judge]
        assert 0 <= result["low"] <= result["accuracy"] <= result["high"] <= 1
    # Wilson (1927) by hand: 3 of 4 with z = 1.96 gives 0.3006 to 0.9544.
    assert score([3, 4]) == {"accuracy": 0.75, "low": 0.3006, "high": 0.9544}
    assert "error" in score([5, 4]) and "error" in score(["a", 1]) and "error" in score(None)


def test_only_the_data(lab: Lab) -> None:
    wall = ask("batch", "data:glyphs", seed=7, guess=True)
    assert len(wall["cards"]) == 12 and "forces" not in wall and "d" not in wall["cards"][0]
    assert wall["cards"] == ask("batch", "data:glyphs", seed=7, guess=True)["cards"]
    assert wall["cards"] != ask("batch", "data:glyphs", seed=8, guess=True)["cards"]
    for view in ("inside", "errors", "threshold", "episode"):
        assert "choose a run or a model" in explore([view, {"from": "data:glyphs"}])["error"]["en"]


def test_a_watcher_may_look_and_not_control(lab: Lab) -> None:
    job, _ = paused_run(RECIPES["pairs"], 1)
    key = f"run:{job.watch_id}"
    assert ask("batch", key)["may_control"] is False
    assert "cannot be controlled" in control([key, "step"])["error"]["en"]
    assert control([f"run:{job.id}", "toggle"])["state"] == "running"
    listed = sources(["me", job.id])
    assert {"key": "data:glyphs", "title": {"en": "Glyphs", "zh": "字形"}} in json.loads(json.dumps(listed))["data"]
    assert [entry["key"] for entry in listed["runs"]] == [f"run:{job.id}"]
    assert f"run:{job.watch_id}" in [entry["key"] for entry in sources(["another", job.watch_id])["runs"]]


@pytest.mark.parametrize(
    "arguments",
    [
        None,
        [],
        ["batch"],
        ["batch", None],
        ["__class__", {}],
        [["batch"], {}],
        ["batch", {"from": 3}],
        ["batch", {"from": "run:no"}],
        ["batch", {"from": "../../etc/passwd"}],
        ["batch", {"from": "data:" + "x" * 9999}],
    ],
)
def test_what_is_no_request_gets_a_sentence(lab: Lab, arguments: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labs.Lab, "dataset", labs.Lab.__dict__["dataset"])
    assert set(explore(arguments)) == {"error"} and "error" in control(arguments)
    assert set(sources(arguments)) == {"runs", "models", "data"}


def test_options_that_do_not_fit_are_defaults(lab: Lab) -> None:
    odd = {"size": "many", "order": ["x"], "seed": -4, "have": "now", "number": 1.5, "channels": [[0] * 99], "at": [1]}
    assert len(ask("batch", "data:glyphs", **odd)["cards"]) == 12


@given(same=st.lists(st.booleans(), min_size=0, max_size=40), size=st.integers(1, 64), spread=st.booleans())
def test_chosen_pairs_are_distinct_and_of_both_kinds(same: list[bool], size: int, spread: bool) -> None:
    kinds = torch.tensor(same, dtype=torch.bool)
    numbers = choose(kinds, None, size, spread).tolist()
    assert len(set(numbers)) == len(numbers) == min(size, len(same))
    of_same = sum(same[number] for number in numbers)
    assert of_same >= min(sum(same), size // 2) and len(numbers) - of_same >= min(
        len(same) - sum(same), size - size // 2
    )


def test_several_views_bound_the_images_and_a_pair_keeps_its_place(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    job, key = paused_run(RECIPES["pairs"], 2)
    test = lab.dataset("glyphs").test
    monkeypatch.setattr(sources_of, "MOST_TEST_VIEWS", count("affine") * 3 * test.classes)
    checkpoint = replace(job.ask(network_now, WAIT), views="affine")
    whole = sources_of.judge_test(replace(checkpoint, views="one"), lab.dataset("glyphs"))
    assert whole.bank.images.data_ptr() == test.images.data_ptr(), "a view needs no second copy of the images"
    judged = sources_of.judge_test(checkpoint, lab.dataset("glyphs"))
    assert len(judged.bank) == 3 * test.classes < len(test)
    for image in range(len(judged.bank)):
        place = judged.place_in_test(image)
        assert torch.equal(test.images[place], judged.bank.images[image])
        assert test.class_names[int(test.labels[place])] == judged.bank.class_names[int(judged.bank.labels[image])]
