"""python -m siamese data list | get NAME | show NAME_OR_PATH --out sheet.png | export NAME_OR_PATH DIR"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from siamese import SiameseError
from siamese.commands.output import output_file, print_json, print_table, progress_bar, write
from siamese.data.bank import Dataset
from siamese.data.catalogue import NAMES, available, load_dataset
from siamese.data.sheet import contact_sheet
from siamese.export.files import write_dataset

_CLASSES, _IMAGES = 12, 10  # of a contact sheet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    actions.add_parser("list", help="the sets that have a name").set_defaults(action=_list)
    get = actions.add_parser("get", help="fetch or render a set, so that it is there without a network")
    get.add_argument("name", metavar="NAME")
    get.set_defaults(action=_get)
    show = actions.add_parser("show", help="a contact sheet of a set's training images")
    show.add_argument("data", metavar="NAME_OR_PATH")
    show.add_argument("--out", required=True, type=Path, metavar="FILE.png")
    show.set_defaults(action=_show)
    export = actions.add_parser("export", help="write a set as folders of PNG files, for programs of your own")
    export.add_argument("data", metavar="NAME_OR_PATH")
    export.add_argument("folder", type=Path, metavar="DIR")
    export.set_defaults(action=_export)
    for action in (get, show, export, actions.choices["list"]):
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        action.add_argument("--data-dir", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    options.action(options)
    return 0


def _list(options: argparse.Namespace) -> None:
    entries = available(options.data_dir)
    if options.json:
        for entry in entries:
            print_json(vars(entry))
        return
    for entry in entries:
        state = "built in" if entry.built_in else "here" if entry.present else "to be fetched"
        print(f"{entry.name:<20} {state:<15} {entry.description}")


def _get(options: argparse.Namespace) -> None:
    if options.name not in NAMES:
        raise SiameseError(f'There is no data set "{options.name}" to get; the names are {", ".join(NAMES)}.')
    with progress_bar(options) as bar:
        dataset = load_dataset(
            options.name, options.data_dir, download=True, progress=lambda share: bar.update(share, options.name)
        )
    _tell(dataset, options.json)


def _show(options: argparse.Namespace) -> None:
    out = output_file(options.out, [".png"])
    with progress_bar(options) as bar:
        dataset = load_dataset(options.data, options.data_dir, progress=lambda share: bar.update(share, "reading"))
    content = io.BytesIO()
    contact_sheet(dataset.train, _CLASSES, _IMAGES, seed=0).save(content, "PNG")
    write(out, content.getvalue())
    _tell(dataset, options.json)


def _export(options: argparse.Namespace) -> None:
    with progress_bar(options) as bar:
        dataset = load_dataset(options.data, options.data_dir, progress=lambda share: bar.update(share, "reading"))
    write_dataset(dataset, options.folder)
    _tell(dataset, options.json)


def _tell(dataset: Dataset, as_json: bool) -> None:
    parts = {part: getattr(dataset, part) for part in ("train", "validation", "test")}
    counts = {
        part: {"images": len(bank), "classes": bank.classes, "groups": len(bank.group_names)}
        for part, bank in parts.items()
    }
    if as_json:
        height, width = dataset.train.images.shape[2:]
        about = {"name": dataset.name, "title": dataset.title, "kind": dataset.kind, "unseen": dataset.unseen}
        print_json({**about, "size": [height, width], "channels": dataset.train.images.shape[1], **counts})
        return
    print(f"{dataset.title}: validation and test hold {dataset.unseen} that training never sees")
    rows = [(part, *(f"{value:,}" for value in counted.values())) for part, counted in counts.items()]
    print_table([("", "images", "classes", "groups"), *rows])
