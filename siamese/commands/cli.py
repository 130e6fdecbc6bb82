"""The command line: python -m siamese data | train | evaluate | calibrate | compare | examples | benchmark."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from siamese import SiameseError

# Each command is a module with add_arguments(parser) and run(options) -> exit code. Only the chosen one is imported,
# because torch takes seconds to import and --help should be quick.
COMMANDS = {
    "data": ("siamese.commands.data", "list the data sets, fetch one, look at one"),
    "train": ("siamese.commands.train", "train a network by a recipe"),
    "evaluate": ("siamese.commands.evaluate", "score a trained network by a fixed protocol"),
    "calibrate": ("siamese.commands.calibrate", "measure what a trained network's distances mean"),
    "compare": ("siamese.commands.compare", "compare two images"),
    "examples": ("siamese.commands.examples", "make the example pairs that the page offers"),
    "benchmark": ("siamese.commands.benchmark", "measure the speed of training and serving on this machine"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0, or 2 after an error, which stands as one sentence on stderr."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser(arguments).parse_args(arguments, argparse.Namespace(arguments=arguments))
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except SiameseError as error:
        # All processes of a distributed run meet the same error; only one prints it.
        if os.environ.get("RANK", "0") == "0":
            print(f"siamese: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has gone, as after "| head". The rest of the buffer must not fail a second time at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m siamese", description="Train, score and use Siamese networks; the page is app.py."
    )
    _add_common(parser, json=False, data_dir=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (module, about) in COMMANDS.items():
        # A command may define --json or --data-dir with another meaning.
        command = commands.add_parser(
            name, help=about, description=about.capitalize() + ".", conflict_handler="resolve"
        )
        # Without defaults here, an option that stands before the command keeps its value.
        _add_common(command, json=argparse.SUPPRESS, data_dir=argparse.SUPPRESS)
        if name in arguments:
            loaded = importlib.import_module(module)
            loaded.add_arguments(command)
            command.set_defaults(run=loaded.run)
    return parser


def _add_common(parser: argparse.ArgumentParser, json: bool | str, data_dir: str | None) -> None:
    parser.add_argument("--json", action="store_true", default=json, help="print one JSON object a line")
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        default=data_dir,
        help="where data sets are kept (else SIAMESE_DATA_DIR, else the cache folder of this user)",
    )
