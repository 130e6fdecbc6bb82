"""The training run: it learns, repeats itself, goes on where it was, obeys its control and says when it fails."""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from step_kinds import step_kinds

from siamese import SiameseError
from siamese.data.bank import Dataset
from siamese.evaluation.scores import Scores, Validation
from siamese.evaluation.validation import Validator
from siamese.learning.batches import draw_batch
from siamese.learning.forces import pair_forces
from siamese.models.checkpoint import Checkpoint
from siamese.models.devices import device_name
from siamese.models.network import build_network
from siamese.recipes import RECIPES, Recipe, recipe_named
from siamese.training import loop as training
from siamese.training.control import TrainingControl
from siamese.training.events import Baseline, Diagnosis, Event, Finished, Progress, Started, Stepped, plain
from siamese.training.loop import train
from siamese.training.schedule import next_validation, schedule_factor
from siamese.training.step import TrainingStep, in_bfloat16

CPU = torch.device("cpu")
PAIRS = Recipe(encoder="strided", embedding_dim=8, batch_size=16, steps=20, validate_every=100)
KINDS = step_kinds(PAIRS)
ALL_PAIRS = KINDS["all pairs"]
KINDS |= {
    "random triplets": replace(ALL_PAIRS, loss="triplet", mining="random", soft_margin=True),
    "two towers": replace(PAIRS, second_tower="strided-wide"),
}


def run(recipe: Recipe, dataset: Dataset, control: TrainingControl | None = None, **options: Any) -> list[Event]:
    return list(train(recipe, dataset, control, device=CPU, **options))


def of_kind(events: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def losses(events: list[Event]) -> list[float]:
    return [loss for event in of_kind(events, Progress) for loss in event.losses]


def last(events: list[Event]) -> Checkpoint:
    assert isinstance(events[-1], Finished)
    return Checkpoint.from_bytes(events[-1].last)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_steps_lower_the_loss(kind: str, make_dataset: Callable[..., Dataset]) -> None:
    events = run(KINDS[kind], make_dataset(partner=kind == "two towers"))
    seen = losses(events)
    assert len(seen) == 20
    assert mean(seen[-5:]) < 0.8 * mean(seen[:5]), seen


@pytest.mark.parametrize("name", ["glyphs", "doodle-faces", "glyphs-two-domains"])
def test_twenty_steps_lower_the_loss_on_the_built_in_data(name: str, built_in: Callable[[str], Dataset]) -> None:
    dataset = built_in(name)
    chosen = "two-towers" if name == "glyphs-two-domains" else "contrastive-pairs"
    events = run(replace(recipe_named(chosen, dataset.kind), steps=20, batch_size=64, validate_every=1000), dataset)
    seen = losses(events)
    assert len(seen) == 20
    assert mean(seen[-5:]) < mean(seen[:5]), seen


def test_a_run_tells_itself_in_order(dataset: Dataset) -> None:
    events = run(replace(PAIRS, steps=50, validate_every=10), dataset)
    assert [type(event) for event in events[:3]] == [Started, Baseline, Validation]
    started, finished = events[0], events[-1]
    assert isinstance(started, Started) and isinstance(finished, Finished)
    assert (started.train_images, started.train_classes) == (48, 8)
    assert started.parameters == sum(p.numel() for p in build_network(PAIRS, 1, (16, 16)).parameters())
    assert started.device.endswith(", bfloat16") == in_bfloat16("auto", CPU)
    assert (started.collapse, started.collapse_name) == (0.25, "m²/4") and started.device.split(", bfloat16")[
        0
    ] == device_name(CPU)
    assert (finished.step, finished.why) == (50, "steps")
    step = 0
    for event in of_kind(events, Progress):
        step += len(event.losses)
        assert event.step == step and event.steps_per_second > 0
        assert event.pairs_per_second == pytest.approx(16 * event.steps_per_second)
        assert event.learning_rate == PAIRS.learning_rate and event.margin == PAIRS.margin
    assert step == 50
    seconds = [event.seconds for event in of_kind(events, Progress)]
    assert seconds == sorted(seconds) and seconds[-1] <= finished.seconds
    assert [event.step for event in of_kind(events, Validation)] == [0, 1, 2, 4, 8, 16, 26, 36, 46, 50]


def test_the_test_part_is_not_touched(dataset: Dataset) -> None:
    without = replace(dataset, test=None)  # type: ignore[arg-type]
    assert losses(run(PAIRS, without)) == losses(run(PAIRS, dataset))


@pytest.mark.parametrize(
    ("every", "steps"),
    [
        (50, [0, 5, 10, 20, 40, 80, 130, 180]),
        (10, [0, 1, 2, 4, 8, 16, 26, 36]),
        (1, [0, 1, 2, 3, 4]),
        (1000, [0, 100, 200, 400, 800, 1600, 2600]),
    ],
)
def test_validations_double_their_distance_at_first(every: int, steps: list[int]) -> None:
    assert [next_validation(step, every) for step in steps[:-1]] == steps[1:]


def test_schedules() -> None:
    assert [schedule_factor("constant", step, 10) for step in range(3)] == [1, 1, 1]
    cycle = [schedule_factor("one-cycle", step, 100) for step in range(100)]
    assert cycle[:3] == pytest.approx([1 / 20, 2 / 20, 3 / 20]) and cycle[19] == cycle[20] == 1
    assert cycle[60] == pytest.approx(0.5) and cycle[99] == pytest.approx(1 / 80)
    long = [schedule_factor("one-cycle", step, 1050) for step in (24, 49, 50, 550, 1049)]
    assert long == pytest.approx([0.5, 1, 1, 0.5, 1 / 1000]), "a long run rises for 50 steps"
    assert schedule_factor("one-cycle", 0, 1) == 1
    decay = [schedule_factor("decay", step, 20_000) for step in (0, 99, 100, 199, 19_999)]
    assert decay == pytest.approx([1, 1, 0.99, 0.99, 0.99**199])
    assert all(0 < schedule_factor(name, step, 7) <= 1 for name in ("one-cycle", "decay") for step in range(7))


def test_a_schedule_is_followed(dataset: Dataset) -> None:
    recipe = replace(PAIRS, schedule="one-cycle", validate_every=1)
    rates = [event.learning_rate for event in of_kind(run(recipe, dataset), Progress)]
    assert rates == [PAIRS.learning_rate * schedule_factor("one-cycle", step, 20) for step in range(20)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_losses(kind: str, make_dataset: Callable[..., Dataset]) -> None:
    data = make_dataset(partner=kind == "two towers")
    recipe = replace(KINDS[kind], augmentation="affine", steps=8)
    first, again = run(recipe, data), run(recipe, data)
    assert losses(first) == losses(again)
    weights, same = last(first).weights, last(again).weights
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    assert losses(run(replace(recipe, seed=1), data)) != losses(first)


@pytest.mark.parametrize("kind", KINDS)
def test_validations_leave_training_untouched(kind: str, make_dataset: Callable[..., Dataset]) -> None:
    data = make_dataset(partner=kind == "two towers")
    recipe = replace(KINDS[kind], augmentation="shift", encoder="conv4", steps=8)
    often, seldom = (run(replace(recipe, validate_every=every), data) for every in (1, 1000))
    assert len(of_kind(often, Validation)) == 9 and len(of_kind(seldom, Validation)) == 2
    assert losses(often) == losses(seldom)
    weights, same = last(often).weights, last(seldom).weights
    assert all(torch.equal(weights[name], same[name]) for name in weights)


def stopped_after(recipe: Recipe, data: Dataset, steps: int) -> list[Event]:
    """A run that is stopped after exactly so many steps."""
    control = TrainingControl(paused=True)
    events: list[Event] = []
    for _ in range(steps):
        control.step_once()
    for event in train(recipe, data, control, device=CPU):
        events.append(event)
        if isinstance(event, Stepped) and event.step == steps:
            control.stop()
    return events


RESUMED = {
    "adamw, batch norm": replace(PAIRS, encoder="conv4"),
    "adam, learned similarity": replace(KINDS["bce"], optimizer="adam"),
    "sgd with momentum": replace(KINDS["triplet"], optimizer="sgd", momentum=0.9, learning_rate=0.01),
    "sgd without": replace(PAIRS, optimizer="sgd"),
    "one cycle": replace(ALL_PAIRS, schedule="one-cycle"),
    "random mining": KINDS["random triplets"],
    "rotations": replace(ALL_PAIRS, rotations_as_classes=True),
    "class mining": KINDS["class mining"],
    "two towers": KINDS["two towers"],
}


@pytest.mark.parametrize("kind", RESUMED)
def test_a_resumed_run_goes_on_bit_for_bit(kind: str, make_dataset: Callable[..., Dataset]) -> None:
    data = make_dataset(partner=kind == "two towers")
    recipe = replace(RESUMED[kind], augmentation="affine", steps=30)
    whole = run(recipe, data)
    part = stopped_after(recipe, data, 15)
    checkpoint = last(part)
    assert checkpoint.step == 15 and checkpoint.training
    rest = run(recipe, data, resume=checkpoint)
    assert losses(part) + losses(rest) == losses(whole)
    assert of_kind(rest, Progress)[-1].step == 30
    end, expected = last(rest), last(whole)
    assert end.seconds > checkpoint.seconds > 0
    for ours, theirs in ((end.weights, expected.weights), (end.training, expected.training)):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    # The checkpoint itself is as it was: it can be resumed from once more.
    assert losses(run(recipe, data, resume=checkpoint)) == losses(rest)


def test_a_finished_run_has_nothing_to_resume(dataset: Dataset) -> None:
    events = run(PAIRS, dataset, resume=last(run(PAIRS, dataset)))
    assert losses(events) == [] and isinstance(events[-1], Finished) and events[-1].step == 20


def test_what_cannot_be_resumed_is_told(dataset: Dataset, make_dataset: Callable[..., Dataset]) -> None:
    events = run(PAIRS, dataset)
    finished = events[-1]
    assert isinstance(finished, Finished) and finished.best is not None
    checkpoint = last(events)

    def refused(resume: Checkpoint, recipe: Recipe = PAIRS, data: Dataset = dataset) -> str:
        with pytest.raises(SiameseError) as told:
            run(recipe, data, resume=resume)
        return str(told.value)

    assert "no optimiser state" in refused(Checkpoint.from_bytes(finished.best))
    assert "another recipe" in refused(checkpoint, replace(PAIRS, margin=2.0))
    assert "does not fit this run" in refused(checkpoint, data=make_dataset(size=20))
    for lost in ("generator", "optimizer.0.exp_avg", "steps_done"):
        training_state = {name: value for name, value in checkpoint.training.items() if name != lost}
        assert "does not fit this run" in refused(replace(checkpoint, training=training_state))
    on_cuda = checkpoint.training | {"generator": torch.zeros(16, dtype=torch.uint8)}
    assert "another kind of device" in refused(replace(checkpoint, training=on_cuda))


def test_a_live_learning_rate_of_zero_freezes_the_weights(dataset: Dataset) -> None:
    control = TrainingControl()
    control.learning_rate = 0.0
    events = run(PAIRS, dataset, control)
    network = build_network(PAIRS, 1, (16, 16))
    end = last(events).weights
    assert all(torch.equal(end[name], parameter) for name, parameter in network.named_parameters())
    assert {event.learning_rate for event in of_kind(events, Progress)} == {0.0}


def test_live_settings_train_as_the_recipes_own_would(dataset: Dataset) -> None:
    control = TrainingControl()
    control.margin, control.learning_rate = 0.4, 0.01
    live = run(PAIRS, dataset, control)
    assert (
        losses(live)
        == losses(run(replace(PAIRS, margin=0.4, learning_rate=0.01), dataset))
        != losses(run(PAIRS, dataset))
    )
    assert {event.margin for event in of_kind(live, Progress)} == {0.4}


def test_live_settings_take_effect_with_the_next_step(dataset: Dataset) -> None:
    control = TrainingControl(paused=True)
    control.step_once()
    seen: list[float] = []
    for event in train(replace(PAIRS, learning_rate=0.0, steps=4), dataset, control, device=CPU):
        if isinstance(event, Progress):
            seen += event.losses
            control.margin = 0.1 if event.step == 1 else None
            control.step_once()
    frozen = losses(run(replace(PAIRS, learning_rate=0.0, steps=4), dataset))
    assert seen[0] == frozen[0] and seen[1] < frozen[1] and seen[2:] == frozen[2:]


@pytest.mark.parametrize("kind", ["contrastive", "bce", "triplet", "supcon", "two towers"])
def test_single_steps_train_as_any_others(kind: str, make_dataset: Callable[..., Dataset]) -> None:
    data = make_dataset(partner=kind == "two towers")
    recipe = replace(KINDS[kind], augmentation="affine", encoder="conv4", steps=6)
    events = stopped_after(recipe, data, 6)
    assert losses(events) == losses(run(recipe, data))
    steps = [(type(event), event.step) for event in events if isinstance(event, (Progress, Stepped))]
    assert steps == [(kind, step) for step in range(1, 7) for kind in (Progress, Stepped)]
    assert all(len(event.losses) == 1 for event in of_kind(events, Progress))


@pytest.mark.parametrize("kind", ["contrastive", "bce", "triplet", "all pairs", "two towers"])
def test_a_single_step_shows_its_pairs_before_and_after(kind: str, make_dataset: Callable[..., Dataset]) -> None:
    data = make_dataset(partner=kind == "two towers")
    recipe = replace(KINDS[kind], augmentation="affine", learning_rate=0.01)
    stepped = of_kind(stopped_after(recipe, data, 3), Stepped)[-1]
    # The same three steps by hand.
    step = TrainingStep(recipe, data.train, CPU)
    for _ in range(3):
        similarity = copy.deepcopy(step.network.similarity)
        step()
    assert step.inputs is not None and step.embeddings is not None
    batch = step.inputs.batch
    with torch.no_grad():
        moved = step.embed(step.inputs)
    forces = pair_forces(recipe, similarity, step.embeddings, batch, recipe.margin)
    with torch.no_grad():
        after = step.network.similarity(moved[forces.left], moved[forces.right])
    columns = (batch.index[forces.left], batch.index[forces.right], forces.dissimilarity, after, forces.share)
    by_hand = list(zip(*(column.tolist() for column in columns)))
    assert stepped.loss == float(step.losses[2]) and 0 < len(stepped.pairs) <= 12
    for pair in stepped.pairs:
        told = (pair.left, pair.right, pair.before, pair.after, pair.share)
        assert any(told == pytest.approx(row, rel=1e-5, abs=1e-6) for row in by_hand), told
        assert pair.same == bool(data.train.labels[pair.left] == data.train.labels[pair.right])
        assert pair.force in (("pull", "none") if pair.same else ("push", "none"))
    shares = [pair.share for pair in stepped.pairs]
    assert shares == sorted(shares, reverse=True)
    for same in (True, False):
        heaviest = sorted(forces.share[forces.same == same].tolist(), reverse=True)[:6]
        assert [pair.share for pair in stepped.pairs if pair.same == same] == pytest.approx(heaviest)


def test_pause_holds_the_run_until_it_is_resumed(dataset: Dataset) -> None:
    control = TrainingControl(paused=True)
    control.step_once()
    events = train(PAIRS, dataset, control, device=CPU)
    for event in events:
        if isinstance(event, Stepped):
            break
    assert control.paused
    control.resume()
    rest = list(events)
    assert isinstance(rest[-1], Finished) and rest[-1].step == 20 and len(losses(rest)) == 19


@pytest.mark.parametrize("at", [Started, Baseline, Validation, Progress])
def test_stop_ends_the_run_with_what_it_has(at: type[Any], dataset: Dataset) -> None:
    control = TrainingControl()
    events: list[Event] = []
    for event in train(replace(PAIRS, steps=10**6), dataset, control, device=CPU):
        events.append(event)
        if isinstance(event, at):
            control.stop()
    finished = events[-1]
    assert isinstance(finished, Finished) and finished.why == "stopped"
    assert finished.step == len(losses(events)) and (finished.step > 0) == (at is Progress)
    assert finished.best is not None and last(events).step == finished.step


def test_a_run_ends_by_time(dataset: Dataset) -> None:
    events = run(PAIRS, dataset, seconds=0.0)
    assert isinstance(events[-1], Finished)
    assert (events[-1].why, events[-1].step) == ("seconds", 0)
    longer = run(PAIRS, dataset, seconds=1e9)
    assert isinstance(longer[-1], Finished) and longer[-1].why == "steps"


def test_an_abandoned_run_can_be_closed(dataset: Dataset) -> None:
    events = train(PAIRS, dataset, device=CPU)
    assert isinstance(next(events), Started)
    events.close()  # type: ignore[attr-defined]
    assert list(events) == []


DIVERGING = replace(
    PAIRS, optimizer="sgd", learning_rate=10.0, normalize=False, similarity="squared-euclidean", margin=100.0, steps=200
)


def test_a_loss_that_is_no_number_ends_the_run(dataset: Dataset) -> None:
    events = run(DIVERGING, dataset)
    seen = losses(events)
    first = next(step for step, loss in enumerate(seen, 1) if not math.isfinite(loss))
    diagnosis, finished = events[-2:]
    assert diagnosis == Diagnosis("diverged", first)
    assert isinstance(finished, Finished) and finished.why == "diverged" and finished.step == len(seen) < 200
    assert finished.best is not None
    assert all(bool(tensor.isfinite().all()) for tensor in Checkpoint.from_bytes(finished.best).weights.values())
    for event in events:
        json.dumps(plain(event), allow_nan=False)


def test_weights_that_overflow_in_the_last_step_are_seen_by_the_validation(dataset: Dataset) -> None:
    control = TrainingControl()
    control.learning_rate = 1e30
    events = run(replace(PAIRS, normalize=False, steps=1), dataset, control)
    assert losses(events)[0] < 100
    assert events[-2] == Diagnosis("diverged", 1)
    assert isinstance(events[-1], Finished) and events[-1].why == "diverged"


def test_a_single_step_that_diverges_is_told_as_well(dataset: Dataset) -> None:
    control = TrainingControl(paused=True)
    control.learning_rate = 1e30
    for _ in range(3):
        control.step_once()
    events = run(replace(PAIRS, normalize=False), dataset, control)
    assert isinstance(events[-1], Finished) and events[-1].why == "diverged"
    for event in events:
        json.dumps(plain(event), allow_nan=False)


def test_the_recipe_that_collapses_does_and_is_diagnosed(built_in: Callable[[str], Dataset]) -> None:
    recipe = replace(RECIPES["collapse"], steps=150)
    events = run(recipe, built_in("glyphs"))
    (diagnosis,) = of_kind(events, Diagnosis)
    assert diagnosis.kind == "collapse" and 20 <= diagnosis.step <= 150
    validations = of_kind(events, Validation)
    collapsed = [event.step for event in validations if event.collapsed]
    widest = max(validations[0].edges)
    assert all(event.edges[-1] >= widest > event.scores.threshold > 0 for event in validations if event.collapsed)
    assert diagnosis.step in collapsed[1:]
    started = events[0]
    assert isinstance(started, Started) and started.collapse == recipe.margin
    assert losses(events)[-10:] == pytest.approx([recipe.margin] * 10, rel=0.01)


def test_a_collapse_is_told_once_and_so_is_its_end(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    collapsed_at = {20, 30, 40, 60}  # 60 alone is no collapse yet

    class Seeing(Validator):
        def __call__(self, network: Any, step: int, seconds: float, margin: float) -> Validation:
            return replace(super().__call__(network, step, seconds, margin), collapsed=step in collapsed_at)

    monkeypatch.setattr(training, "Validator", Seeing)
    monkeypatch.setattr(training, "next_validation", lambda step, every: step + every)
    events = run(replace(PAIRS, steps=80, validate_every=10), dataset)
    assert of_kind(events, Diagnosis) == [Diagnosis("collapse", 30), Diagnosis("recovered", 50)]


def test_triplets_that_are_satisfied_are_diagnosed(dataset: Dataset) -> None:
    recipe = replace(KINDS["triplet"], margin=0.01, steps=200, learning_rate=0.01, batch_size=4)
    events = run(recipe, dataset)
    told = [event for event in of_kind(events, Diagnosis) if event.kind == "satisfied"]
    assert told
    first = told[0].step
    assert losses(events)[first - 1 : first + 49] == [0.0] * 50
    assert first == 1 or losses(events)[first - 2] > 0


def test_a_contrastive_loss_of_zero_is_no_satisfied_triplet(dataset: Dataset) -> None:
    bank = dataset.train
    alike = replace(bank, images=bank.images[bank.starts[bank.labels]])  # each class one image over and over
    control = TrainingControl()
    control.margin = 1e-9
    events = run(replace(PAIRS, steps=60, learning_rate=0.0), replace(dataset, train=alike), control)
    assert max(losses(events)) < 1e-6 and not of_kind(events, Diagnosis)


def test_the_best_checkpoint_is_that_of_the_best_validation(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {0: 0.5, 5: 0.1, 10: 0.2, 15: 0.1, 20: 0.3}

    class Scored(Validator):
        def __call__(self, network: Any, step: int, seconds: float, margin: float) -> Validation:
            validation = super().__call__(network, step, seconds, margin)
            return replace(validation, scores=replace(validation.scores, eer=rates[step], threshold=float(step)))

    monkeypatch.setattr(training, "Validator", Scored)
    monkeypatch.setattr(training, "next_validation", lambda step, every: step + 5)
    finished = run(PAIRS, dataset)[-1]
    assert isinstance(finished, Finished) and finished.best is not None
    best, end = Checkpoint.from_bytes(finished.best), Checkpoint.from_bytes(finished.last)
    assert (best.step, best.threshold, best.scores["eer"]) == (15, 15.0, 0.1)  # of two as good, the one trained longer
    assert (end.step, end.threshold, end.scores["eer"]) == (20, 20.0, 0.3)
    assert not best.training and end.training


def test_a_checkpoint_says_where_it_comes_from(dataset: Dataset) -> None:
    dark = last(run(replace(PAIRS, steps=1), dataset))
    assert dark.data["name"] == "patterns" and dark.data["unseen"] == "classes"
    assert (dark.channels, dark.size, dark.dark_background) == (1, (16, 16), True)
    assert dark.recipe == replace(PAIRS, steps=1)
    inverted = last(run(replace(PAIRS, steps=1, invert=True, image_size=20), dataset))
    assert (inverted.size, inverted.dark_background) == ((20, 20), False)
    unknown = last(run(replace(PAIRS, steps=1), replace(dataset, dark_background=None)))
    assert unknown.dark_background is None


def every_event() -> list[Event]:
    scores = Scores(0.9, 0.95, 0.1, 0.5, 0.8, 20, 400, True, 2000)
    return [Baseline(scores), Diagnosis("collapse", 3), Finished(3, 0.1, "stopped", None)]


def test_events_can_be_pickled_and_written_as_json(dataset: Dataset) -> None:
    events = stopped_after(PAIRS, dataset, 2) + every_event()
    kinds = set()
    for event in events:
        assert pickle.loads(pickle.dumps(event)) == event
        told = json.loads(json.dumps(plain(event), allow_nan=False))
        kinds.add(told["event"])
        assert "best" not in told and "last" not in told
        if isinstance(event, Stepped):
            assert told["pairs"][0]["force"] == event.pairs[0].force
        if isinstance(event, Validation):
            assert told["scores"]["auc"] == event.scores.auc and told["edges"] == list(event.edges)
    assert kinds == {"started", "baseline", "validation", "progress", "stepped", "diagnosis", "finished"}
    assert len(repr(events)) < 40_000  # no weights in it


def test_json_says_none_for_a_number_that_is_not_finite() -> None:
    told = plain(Progress(2, (0.5, math.nan), 0.1, math.inf, 1.0, 0.1, 1.0))
    assert told["losses"] == [0.5, None] and told["steps_per_second"] is None


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_memory_that_does_not_suffice_is_told(
    error: Exception, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> Iterator[Event]:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(training, "TrainingStep", full)
        with pytest.raises(
            SiameseError, match=r"^The memory of CPU, 1 thread does not suffice for this run; lower the"
        ):
            run(PAIRS, dataset)
    monkeypatch.setattr(TrainingStep, "__call__", full)
    with pytest.raises(SiameseError, match="does not suffice"):
        run(PAIRS, dataset)


def test_real_memory_that_does_not_suffice_is_told(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TrainingStep, "__call__", lambda step: torch.empty(10**15))
    with pytest.raises(SiameseError, match="does not suffice"):
        run(PAIRS, dataset)


def test_a_mistake_of_ours_is_not_hidden(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(TrainingStep, "__call__", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run(PAIRS, dataset)


def test_data_that_a_recipe_cannot_use_is_refused(make_dataset: Callable[..., Dataset]) -> None:
    with pytest.raises(SiameseError, match="has one image"):
        run(PAIRS, make_dataset(each=1))
    good = make_dataset()
    alone = replace(good, validation=good.validation.select_classes([0]))
    with pytest.raises(SiameseError, match="Validation needs at least 2 classes, and there is 1"):
        run(PAIRS, alone)


def test_a_batch_is_fitted_to_the_data(make_dataset: Callable[..., Dataset]) -> None:
    events = run(replace(ALL_PAIRS, classes_per_batch=40, steps=1), make_dataset(classes=5))
    assert last(events).recipe.classes_per_batch == 5 and last(events).recipe.images_per_class == 32
    assert draw_batch(last(events).recipe, make_dataset(classes=5).train, torch.Generator()).index.shape == (160,)
