"""python -m siamese examples --out DIR"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from siamese import SiameseError
from siamese.commands.output import print_json, progress_bar, write
from siamese.data.catalogue import available, load_dataset
from siamese.export.examples import load_models, make_examples

WEIGHTS = Path(__file__).parents[2] / "weights"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the folder of pictures and pairs.json")
    parser.add_argument("--weights", type=Path, metavar="DIR", default=WEIGHTS, help="models to choose pairs for")


def run(options: argparse.Namespace) -> int:
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SiameseError(f"The folder of the examples cannot be made: {error.strerror}.") from error
    # Pictures of built-in sets are the project's own; those of other sets are not ours to give away.
    built_in = {entry.name for entry in available(options.data_dir) if entry.built_in}
    models = {}
    with progress_bar(options) as bar:
        for name, checkpoint in load_models(options.weights).items():
            if checkpoint.data["name"] not in built_in:
                continue
            tell = partial(bar.update, text=name)
            models[name] = checkpoint, load_dataset(checkpoint.data["name"], options.data_dir, progress=tell)
    files = make_examples(models)
    for name, content in files.items():
        write(options.out / name, content)
    if options.json:
        print_json({"files": sorted(files)})
    else:
        print(f"{len(files) - 1} pictures and pairs.json written")
    return 0
