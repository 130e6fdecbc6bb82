"""python -m siamese train RECIPE [--data NAME_OR_PATH] [--steps N] ... [--out FILE], also under torchrun"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from siamese import SiameseError
from siamese.commands.devices import Process, processes
from siamese.commands.output import output_file, print_evaluation, print_json, progress_bar, write
from siamese.data.bank import Dataset
from siamese.data.catalogue import load_dataset
from siamese.data.image_file import printable
from siamese.data.split import folds
from siamese.evaluation.calibration import calibrate
from siamese.evaluation.protocols import WAY, Evaluation, Evaluator
from siamese.evaluation.scores import Validation
from siamese.evaluation.subsets import all_images, fingerprint
from siamese.evaluation.whitening import whitened
from siamese.export.cards import Making, model_card
from siamese.learning.sampling import holds_a_large_group
from siamese.models.checkpoint import Checkpoint, best_of
from siamese.models.views import KINDS, check_views
from siamese.recipes import RECIPES, Recipe, recipe_named
from siamese.training.control import TrainingControl
from siamese.training.events import Diagnosis, Finished, Progress, Started, plain
from siamese.training.loop import train

_ENDS = {"steps": "all steps done", "seconds": "time is up", "stopped": "stopped", "diverged": "diverged"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help="one of " + ", ".join(RECIPES))
    parser.add_argument("--data", metavar="NAME_OR_PATH", default="glyphs", help="a set's name, a folder, zip or CSV")
    parser.add_argument("--steps", type=int, metavar="N", help="the recipe's steps where it is left out")
    parser.add_argument("--seconds", type=float, metavar="S", help="end after so long, even if steps are left")
    parser.add_argument("--seed", type=int, metavar="N")
    parser.add_argument("--device", metavar="D", help="cpu, cuda or cuda:N (a GPU where there is one)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="FIELD=VALUE",
        help="change a field of the recipe",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the best checkpoint; the last one goes beside it as FILE.last"
    )
    parser.add_argument("--resume", type=Path, metavar="FILE", help="go on from the last checkpoint of such a run")
    parser.add_argument(
        "--views",
        choices=KINDS,
        default="one",
        help="views of an image that are embedded when the trained network compares (one)",
    )
    parser.add_argument(
        "--whiten",
        action="store_true",
        help="after training, let images of one class differ by the same in every direction of the embedding",
    )
    parser.add_argument("--folds", type=int, metavar="K", help="cross-validate: train and score K networks, keep none")
    parser.add_argument("--half", action="store_true", help="write and score the weights in float16, in half the bytes")
    parser.add_argument("--card", type=Path, metavar="FILE.md", help="write a model card with measured test scores")


@dataclass
class _Outcome:
    """The outcome of a run."""

    started: Started
    finished: Finished
    diverged_at: int | None


def run(options: argparse.Namespace) -> int:
    out = None if options.out is None else output_file(options.out, [".safetensors"])
    card = None if options.card is None else output_file(options.card, [".md"])
    if options.seconds is not None and not options.seconds > 0:
        raise SiameseError(f"seconds is {options.seconds:g}; it has to be above 0.")
    resumed = None if options.resume is None else Checkpoint.load(options.resume)
    # A resumed run does not know the score of its best network so far. It stands in the file of that network.
    earlier = Checkpoint.load(out) if resumed is not None and out is not None and out.exists() else None
    with processes(options.device) as process:
        dataset = _dataset(options)
        recipe = _recipe(options, dataset.kind)
        if options.folds is not None:
            return _cross_validate(options, process, recipe, dataset)
        outcome = _train(options, process, recipe, dataset, resumed)
    if process.rank != 0:
        return 0

    marks = {"fingerprint": fingerprint(dataset)}
    last = _marked(Checkpoint.from_bytes(outcome.finished.last), marks)
    candidates = [_marked(checkpoint, marks) for checkpoint in _candidates(options, process, outcome, dataset)]
    if earlier is not None and earlier.recipe == last.recipe:
        candidates.insert(0, earlier)
    best = calibrate(best_of(candidates), dataset, process.device)
    if out is not None:
        best.save(out)
        last.save(_last_beside(out))
    if outcome.diverged_at is not None:
        raise SiameseError(
            f"The loss is no longer a finite number since step {outcome.diverged_at}; lower learning_rate "
            f"({recipe.learning_rate:g}) and start again."
        )
    evaluations = _evaluations(best, dataset, process, with_verification=card is not None)
    _tell(options, outcome, best, dataset, out, evaluations)
    if card is not None:
        name = "These weights" if out is None else out.name
        making = Making(
            _command(options, process), outcome.started.device, outcome.started.parameters, len(best.to_bytes())
        )
        write(card, model_card(name, best, dataset, making, evaluations).encode())
    return 0


def _dataset(options: argparse.Namespace) -> Dataset:
    with progress_bar(options) as bar:
        return load_dataset(options.data, options.data_dir, progress=lambda share: bar.update(share, "reading images"))


def _recipe(options: argparse.Namespace, kind: str) -> Recipe:
    settings: dict[str, Any] = {}
    for setting in options.settings:
        field, equals, value = setting.partition("=")
        if not equals:
            raise SiameseError(f'"--set {setting}" names no value; write --set field=value, as in --set margin=0.5.')
        settings[field.strip()] = value.strip()
    for field in ("steps", "seed"):
        if getattr(options, field) is not None:
            settings[field] = getattr(options, field)
    recipe = recipe_named(options.recipe, kind).with_settings(settings)
    check_views(options.views, recipe.similarity)
    return recipe


def _train(
    options: argparse.Namespace, process: Process, recipe: Recipe, dataset: Dataset, resumed: Checkpoint | None
) -> _Outcome:
    control = TrainingControl()
    started: Started | None = None
    validation: Validation | None = None
    diverged_at = None
    with progress_bar(options) as bar, _interrupts_stop(control):
        for event in train(recipe, dataset, control, device=process.device, seconds=options.seconds, resume=resumed):
            if options.json and process.rank == 0:
                print_json(plain(event))
            if isinstance(event, Started):
                started = event
            elif isinstance(event, Validation):
                validation = event
            elif isinstance(event, Diagnosis) and event.kind == "diverged":
                diverged_at = event.step
            elif isinstance(event, Progress):
                bar.update(_share(event, recipe, options.seconds), _line(event, recipe, validation))
            elif isinstance(event, Finished):
                assert started is not None
                return _Outcome(started, event, diverged_at)
    raise AssertionError("a run ends with Finished")


def _candidates(options: argparse.Namespace, process: Process, outcome: _Outcome, dataset: Dataset) -> list[Checkpoint]:
    """The best network of a run and its last one, finished as the options say, to be compared by their scores.

    During a run few pairs are asked; these scores are from all validation pairs.
    """
    assert outcome.finished.best is not None
    found = [Checkpoint.from_bytes(outcome.finished.best)]
    last = Checkpoint.from_bytes(outcome.finished.last)
    if outcome.diverged_at is None and last.step != found[0].step:
        found.append(replace(last, training={}))
    if options.whiten:
        found = [whitened(checkpoint, dataset, process.device) for checkpoint in found]
    found = [replace(checkpoint.in_half() if options.half else checkpoint, views=options.views) for checkpoint in found]
    return [Evaluator(checkpoint, process.device).calibrated(dataset) for checkpoint in found]


def _cross_validate(options: argparse.Namespace, process: Process, recipe: Recipe, dataset: Dataset) -> int:
    """Trains a network for each fold of the classes, prints how it does on that fold, and the mean of all."""
    rates: list[tuple[float, float]] = []
    for parts in folds(all_images(dataset), options.folds):
        turn = replace(dataset, train=parts.train, validation=parts.validation, test=parts.test, unseen=parts.unseen)
        outcome = _train(options, process, recipe, turn, None)
        if process.rank != 0:
            continue
        best = best_of(_candidates(options, process, outcome, turn))
        scores = Evaluator(best, process.device).verification(turn).scores
        rates.append((scores["eer"], scores["baseline_eer"]))
        held = ", ".join(printable(name) for name in parts.test.class_names)
        if options.json:
            print_json({"event": "fold", "held_out": list(parts.test.class_names), "step": best.step, **scores})
        else:
            print(f"{held}: equal error rate {rates[-1][0]:.2%} (raw pixels {rates[-1][1]:.2%})", flush=True)
    if process.rank == 0:
        ours, pixels = (sum(column) / len(rates) for column in zip(*rates))
        if options.json:
            print_json({"event": "result", "folds": len(rates), "eer": ours, "baseline_eer": pixels})
        else:
            print(f"mean of {len(rates)} folds: equal error rate {ours:.2%} (raw pixels {pixels:.2%})")
    return 0


def _share(event: Progress, recipe: Recipe, seconds: float | None) -> float:
    return max(event.step / recipe.steps, 0.0 if seconds is None else event.seconds / seconds)


def _line(event: Progress, recipe: Recipe, validation: Validation | None) -> str:
    validated = "" if validation is None else f"  validation pairs {validation.scores.pair_accuracy:.1%}"
    rate = f"{event.pairs_per_second:,.0f} pairs/s"
    return f"step {event.step:,} of {recipe.steps:,}  loss {event.losses[-1]:.4g}{validated}  {rate}"


@contextlib.contextmanager
def _interrupts_stop(control: TrainingControl) -> Iterator[None]:
    """Ctrl-C or SIGTERM stops the run after its step. A second one ends the program at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(*_: Any) -> None:
        control.stop()
        restore()

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    for number in previous:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()


def _last_beside(out: Path) -> Path:
    return out.with_name(f"{out.stem}.last{out.suffix}")


def _marked(checkpoint: Checkpoint, marks: dict[str, str]) -> Checkpoint:
    return replace(checkpoint, data=checkpoint.data | marks)


def _evaluations(best: Checkpoint, dataset: Dataset, process: Process, with_verification: bool) -> list[Evaluation]:
    evaluator = Evaluator(best, process.device)
    evaluations = [evaluator.pairs(dataset)]
    if with_verification:
        evaluations.append(evaluator.verification(dataset))
    return [*evaluations, evaluator.oneshot(dataset, within_group=holds_a_large_group(dataset.test, WAY))]


def _tell(
    options: argparse.Namespace,
    outcome: _Outcome,
    best: Checkpoint,
    dataset: Dataset,
    out: Path | None,
    evaluations: list[Evaluation],
) -> None:
    finished = outcome.finished
    if options.json:
        # Two protocols may have a score of the same name. The first one counts, with or without a card.
        scores = {name: value for evaluation in reversed(evaluations) for name, value in evaluation.scores.items()}
        about = {
            "event": "result",
            "recipe": best.recipe.name,
            "data": dataset.name,
            "device": outcome.started.device,
            "parameters": outcome.started.parameters,
            "steps": finished.step,
            "seconds": finished.seconds,
            "why": finished.why,
            "best_step": best.step,
            "weights": None if out is None else out.name,
            "validation": best.scores,
            "protocols": {evaluation.protocol: evaluation.words for evaluation in evaluations},
        }
        print_json(about | scores)
        return
    print(
        f"{best.recipe.name} on {dataset.title}: {_ENDS[finished.why]} at step {finished.step:,} after "
        f"{finished.seconds:.1f} s on {outcome.started.device}; the best network is of step {best.step:,}"
    )
    for evaluation in evaluations:
        print_evaluation(evaluation, as_json=False)
    if out is not None:
        print(
            f"written: {printable(out.name)} (the best) and {printable(_last_beside(out).name)} (the last, to resume)"
        )


def _command(options: argparse.Namespace, process: Process) -> str:
    """The command line, quoted so that it can be typed again."""
    alone = ["python", "-m", "siamese"]
    group = ["torchrun", "--nproc-per-node", os.environ.get("LOCAL_WORLD_SIZE", str(process.world)), "-m", "siamese"]
    return shlex.join([*(alone if process.world == 1 else group), *options.arguments])
