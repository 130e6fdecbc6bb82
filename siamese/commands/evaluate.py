"""python -m siamese evaluate WEIGHTS [--data NAME_OR_PATH] --protocol pairs | verification | oneshot | lake"""

from __future__ import annotations

import argparse
from pathlib import Path

from siamese import SiameseError
from siamese.commands.output import print_evaluation, progress_bar
from siamese.data.catalogue import NAMES, load_dataset
from siamese.evaluation.lake import lake
from siamese.evaluation.protocols import TRIALS, Evaluation, Evaluator
from siamese.models.checkpoint import Checkpoint
from siamese.models.devices import device_named

PROTOCOLS = ("pairs", "verification", "oneshot", "lake")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("weights", type=Path, metavar="WEIGHTS")
    parser.add_argument("--data", metavar="NAME_OR_PATH", help="what to score it on (else what it was trained on)")
    parser.add_argument(
        "--protocol",
        required=True,
        choices=PROTOCOLS,
        help="pairs: 10,000 balanced test pairs at the stored threshold; verification: all pairs of the images; "
        "oneshot: N-way K-shot trials; lake: a zip or folder of Lake's one-shot runs",
    )
    parser.add_argument("--way", type=int, metavar="N", help="classes of a one-shot trial (20, or all there are)")
    parser.add_argument("--shot", type=int, metavar="K", default=1, help="images of each class (1)")
    parser.add_argument("--trials", type=int, metavar="T", default=TRIALS, help=f"one-shot trials ({TRIALS})")
    parser.add_argument(
        "--within-group", action="store_true", help="the classes of a trial are of one group (alphabet)"
    )
    parser.add_argument("--device", metavar="D", help="cpu, cuda or cuda:N (a GPU where there is one)")


def run(options: argparse.Namespace) -> int:
    checkpoint = Checkpoint.load(options.weights)
    evaluator = Evaluator(checkpoint, device_named(options.device))
    print_evaluation(_evaluate(evaluator, options), options.json)
    return 0


def _evaluate(evaluator: Evaluator, options: argparse.Namespace) -> Evaluation:
    if options.protocol == "lake":
        if options.data is None:
            raise SiameseError(
                "The protocol lake needs --data: a zip or folder of runs, each with its class_labels.txt."
            )
        return lake(evaluator, Path(options.data))
    name = options.data or evaluator.checkpoint.data.get("name", "")
    if options.data is None and name not in NAMES:
        raise SiameseError(f'This network was trained on "{name}", which has to be given: --data PATH.')
    with progress_bar(options) as bar:
        dataset = load_dataset(name, options.data_dir, progress=lambda share: bar.update(share, "reading images"))
    if options.protocol == "pairs":
        return evaluator.pairs(dataset)
    if options.protocol == "verification":
        return evaluator.verification(dataset)
    return evaluator.oneshot(dataset, options.way, options.shot, options.trials, options.within_group)
