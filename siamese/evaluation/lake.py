"""Lake's one-shot runs of Omniglot: the published test of one-shot learning (Lake, Salakhutdinov, Tenenbaum 2015)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.data import limits
from siamese.data.archive import list_members, open_zip
from siamese.data.bank import ImageBank
from siamese.data.image_file import printable, read_image
from siamese.evaluation import metrics
from siamese.evaluation.judge import Judge
from siamese.evaluation.protocols import PIXELS, Evaluation, Evaluator, oneshot_scores
from siamese.models.checkpoint import Checkpoint
from siamese.models.inputs import prepare_image

LABELS = "class_labels.txt"

Open = Callable[[], Path | bytes]


class OneShotRun(NamedTuple):
    """One run as a network takes it.

    images: uint8 [way + trials, C, H, W], the training images first.  way: how many these are.
    answer: int64 [trials], the number of the training image that shows the same character as each test item.
    """

    images: Tensor
    way: int
    answer: Tensor


def lake(evaluator: Evaluator, path: Path) -> Evaluation:
    """Mean one-shot accuracy over the runs in a zip or folder: each test item goes to the nearest training image.

    Raises SiameseError for a place without runs, and for labels or images that cannot be read (named).
    """
    runs = load_runs(path, evaluator.checkpoint)
    way, trials = runs[0].way, sum(len(run.answer) for run in runs)
    words = (
        f"Mean of {len(runs)} one-shot run{'s' if len(runs) > 1 else ''} in the layout of Lake's Omniglot test: "
        f"{way}-way within one alphabet, {trials:,} trials in all. {PIXELS}; chance is {1 / way:.1%}."
    )
    scores = _scores([evaluator.network_judge(_bank(run)) for run in runs], runs)
    baseline = _scores([evaluator.pixel_judge(_bank(run)) for run in runs], runs)
    counts = {"runs": len(runs), "way": way, "shot": 1, "trials": trials}
    return Evaluation("lake", words, scores | counts | {f"baseline_{name}": value for name, value in baseline.items()})


def load_runs(path: Path, checkpoint: Checkpoint) -> list[OneShotRun]:
    """The runs of a zip or folder, prepared for the checkpoint's network.

    Every class_labels.txt stands for a run; its lines name a test item and the training image of the same character,
    with paths from the folder that holds the runs.
    """
    if path.is_dir():
        return _runs(_files_below(path), checkpoint)
    if not path.exists():
        raise SiameseError(f'There is no folder or zip "{printable(path.name)}"; check its name.')
    with open_zip(path) as archive:
        return _runs({member.path: member.open for member in list_members(archive)}, checkpoint)


def _files_below(folder: Path) -> dict[PurePosixPath, Open]:
    files: dict[PurePosixPath, Open] = {}
    for found in sorted(folder.rglob("*")):
        if found.is_file():
            files[PurePosixPath(found.relative_to(folder).as_posix())] = lambda found=found: found  # type: ignore[misc]
        if len(files) > limits.MAX_FILES:
            raise SiameseError(
                f'"{printable(folder.name)}" holds more than {limits.MAX_FILES:,} files; give the folder of the runs.'
            )
    return files


def _runs(files: Mapping[PurePosixPath, Open], checkpoint: Checkpoint) -> list[OneShotRun]:
    labels = sorted(name for name in files if name.name == LABELS)
    if not labels:
        raise SiameseError(f"There is no {LABELS} in it; give a zip or folder with runs, each with its {LABELS}.")
    runs = [_run(name, files, checkpoint) for name in labels]
    for name, run in zip(labels, runs):
        if run.way != runs[0].way:
            raise SiameseError(
                f"{name.parent.name} has {run.way} training images and {labels[0].parent.name} has {runs[0].way}; all "
                "runs need as many."
            )
    return runs


def _run(labels: PurePosixPath, files: Mapping[PurePosixPath, Open], checkpoint: Checkpoint) -> OneShotRun:
    items, answers = [], []
    for number, line in enumerate(_text(files[labels], str(labels)).splitlines(), start=1):
        if not line.strip():
            continue
        names = line.split()
        if len(names) != 2:
            raise SiameseError(
                f'"{printable(str(labels))}", line {number}: {len(names)} words where a test item and a training image '
                "are wanted."
            )
        items.append(names[0])
        answers.append(names[1])
    training = sorted(set(answers))
    if len(training) < 2:
        raise SiameseError(f'"{printable(str(labels))}" names {len(training)} training images; a choice takes two.')
    root = labels.parent.parent

    def prepared(name: str) -> Tensor:
        opened = files.get(root / name)
        if opened is None:
            raise SiameseError(f'"{printable(name)}", which {labels.parent.name}/{LABELS} names, is not there.')
        return prepare_image(read_image(opened(), name), checkpoint)[0]

    images = torch.cat([prepared(name) for name in training + items])
    return OneShotRun(images, len(training), torch.tensor([training.index(answer) for answer in answers]))


def _text(opened: Open, name: str) -> str:
    content = opened()
    try:
        return (content.read_bytes() if isinstance(content, Path) else content).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SiameseError(f'"{printable(name)}" is no readable text; copy it again.') from error


def _bank(run: OneShotRun) -> ImageBank:
    n = len(run.images)
    one = torch.ones(n, dtype=torch.long)
    return ImageBank(run.images, one, tuple(str(i) for i in range(n)), torch.zeros_like(one), ("run",))


def _scores(judges: list[Judge], runs: list[OneShotRun]) -> dict[str, float]:
    """The mean accuracy of the runs, with the interval for all their trials together."""
    distances = []
    for judge, run in zip(judges, runs):
        trials = len(run.answer)
        queries = (torch.arange(trials) + run.way).repeat_interleave(run.way)
        candidates = torch.arange(run.way).repeat(trials)
        distances.append(judge.dissimilarities(queries, candidates).view(trials, run.way, 1))
    each = [metrics.oneshot_accuracy(of_run, run.answer).accuracy for of_run, run in zip(distances, runs)]
    together = metrics.oneshot_accuracy(torch.cat(distances), torch.cat([run.answer for run in runs]))
    return oneshot_scores(together._replace(accuracy=sum(each) / len(each)))
