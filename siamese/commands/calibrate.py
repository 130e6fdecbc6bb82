"""python -m siamese calibrate WEIGHTS...

A run calibrates its network when it ends. This command does the same for older files, and for files whose data set has
changed. The weights stay as they are.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from siamese import SiameseError
from siamese.commands.output import print_json, progress_bar, write
from siamese.data.catalogue import load_dataset
from siamese.evaluation.calibration import calibrate
from siamese.models.checkpoint import Checkpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("weights", type=Path, nargs="+", metavar="WEIGHTS", help="checkpoints, rewritten in place")
    parser.add_argument("--data", metavar="NAME_OR_PATH", help="where the data set is not one that has a name")


def run(options: argparse.Namespace) -> int:
    for path in options.weights:
        checkpoint = Checkpoint.load(path)
        with progress_bar(options) as bar:
            name = options.data or checkpoint.data["name"]
            dataset = load_dataset(name, options.data_dir, progress=partial(bar.update, text=path.name))
        calibrated = calibrate(replace(checkpoint, calibration=None), dataset)
        calibration = calibrated.calibration
        if calibration is None:
            raise SiameseError(
                f"The validation part of {dataset.title} does not calibrate {path.name}: it has too few pairs, or the "
                "network's answers are not finite."
            )
        write(path, calibrated.to_bytes())
        if options.json:
            print_json({"file": path.name, "calibration": calibration.as_dict()})
        else:
            boards = ", ".join(f"{rule.things}: {rule.threshold:.4f}" for rule in calibration.board)
            print(
                f"{path.name}: {calibration.pairs:,} pairs of {dataset.title}; thresholds of boards by things {boards}"
            )
    return 0
