"""python -m siamese benchmark: how fast this machine trains and serves, compared with the code that others have.

Each part is a module. Its ABOUT says what it measures and how; its measure(bench) yields the results, one plain dict a
row. This module prints the rows, as JSON lines or as tables, and writes the report. Read `bench` first.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

# Names of modules, imported one by one when they run, so that --help is quick.
PARTS = ("time_to_accuracy", "faces", "resnet", "jobs", "starvation", "serving", "scaling", "load")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command. Every command has --json and --data-dir besides."""
    parser.add_argument("--device", metavar="D", help="cpu, cuda or cuda:N (a GPU where there is one)")
    parser.add_argument("--quick", action="store_true", help="three minutes at most on two cores, in place of fifteen")
    parser.add_argument("--out", type=Path, metavar="REPORT.md", help="also write the tables as Markdown")
    parser.add_argument("named", nargs="*", metavar="PART", help="the same as --part PART")
    parser.add_argument(
        "--part",
        action="append",
        choices=PARTS,
        dest="parts",
        metavar="NAME",
        help=f"only this part, once for each ({', '.join(PARTS)}; else all)",
    )


def run(options: argparse.Namespace) -> int:
    """Measures the chosen parts and prints each when it is done. Returns 1 where a part failed, else 0."""
    from siamese import SiameseError
    from siamese.commands.benchmark.bench import Bench
    from siamese.commands.benchmark.report import Report, print_part
    from siamese.commands.output import output_file, print_json, write
    from siamese.models.devices import device_named

    chosen = [*options.named, *(options.parts or [])] or PARTS
    if unknown := [name for name in chosen if name not in PARTS]:
        raise SiameseError(f'There is no part "{unknown[0]}"; the parts are {", ".join(PARTS)}.')
    out = None if options.out is None else output_file(options.out, [".md"])
    bench = Bench(device_named(options.device), options.quick, options.data_dir)
    bench.wake()
    report = Report(bench.device, getattr(options, "arguments", ["benchmark"]))
    failed = False
    for name in chosen:
        part = importlib.import_module(f"siamese.commands.benchmark.{name}")
        print(f"{name} …", file=sys.stderr, flush=True)
        rows = []
        try:
            for row in part.measure(bench):
                rows.append(row)
                if options.json:
                    print_json(row)
        except SiameseError as error:
            failed = True
            rows.append(bench.row(name, failed=str(error)))
            if options.json:
                print_json(rows[-1])
        if not options.json:
            print_part(name, part.ABOUT, rows)
        report.add(name, part.ABOUT, rows)
    if out is not None:
        write(out, report.markdown().encode())
    return int(failed)
