"""python -m siamese compare WEIGHTS IMAGE IMAGE"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from siamese.commands.output import print_json
from siamese.comparison.compare import Comparer
from siamese.data.image_file import read_image
from siamese.models.checkpoint import Checkpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("weights", type=Path, metavar="WEIGHTS")
    parser.add_argument("left", type=Path, metavar="IMAGE")
    parser.add_argument("right", type=Path, metavar="IMAGE")


def run(options: argparse.Namespace) -> int:
    comparer = Comparer(Checkpoint.load(options.weights))
    left, right = (read_image(path, path.name) for path in (options.left, options.right))
    result = comparer.compare(left, right)
    if options.json:
        print_json(asdict(result))
        return 0
    print(f"{'same' if result.same else 'different'}")
    print(f"dissimilarity {result.dissimilarity:.4g}, threshold {result.threshold:.4g} (below it: same)")
    for path, inverted in zip((options.left, options.right), result.inverted):
        if inverted:
            print(f"{path.name} was inverted first: the network knows light strokes on dark, or dark on light, alone")
    return 0
