"""The command line, run in this process unless a test is about processes: what it prints, writes and refuses."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from siamese import SiameseError
from siamese.commands import cli
from siamese.commands import train as train_command
from siamese.commands.progress import ProgressBar
from siamese.data.bank import Dataset
from siamese.data.catalogue import NAMES
from siamese.evaluation.protocols import Evaluator
from siamese.models.checkpoint import Checkpoint
from siamese.models.devices import device_named
from siamese.training import loop as training
from siamese.training.events import Event, Finished
from siamese.training.loop import train

SMALL = ["--set", "encoder=strided", "--set", "embedding_dim=8", "--set", "batch_size=16", "--device", "cpu"]


def folder_of_classes(place: Path, classes: int = 14, each: int = 6, seed: int = 0) -> Path:
    """Class folders of grey pictures of 16 × 16 pixels: each class a random pattern, each image a noisy copy of it."""
    random = np.random.default_rng(seed)
    for c in range(classes):
        pattern = np.kron(random.random((4, 4)), np.ones((4, 4)))
        (place / f"class{c}").mkdir(parents=True)
        for number in range(each):
            noisy = pattern + random.normal(0, 0.1, pattern.shape)
            Image.fromarray((noisy.clip(0, 1) * 255).astype(np.uint8)).save(place / f"class{c}" / f"{number}.png")
    return place


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_classes(tmp_path_factory.mktemp("sets") / "patterns")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """(arguments) → exit code, stdout and stderr; data sets are kept in a folder of the test's own."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = cli.main(["--data-dir", str(tmp_path / "kept"), *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def objects(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], Path, Path]:
    """The JSON lines, the weights and the card of one small run."""
    folder = tmp_path_factory.mktemp("weights")
    out, card = folder / "small.safetensors", folder / "small.md"
    arguments = ["train", "contrastive-pairs", "--data", str(data), "--steps", "12", "--json", *SMALL]
    printed, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(printed), redirect_stderr(errors):
        code = cli.main([*arguments, "--out", str(out), "--card", str(card)])
    assert code == 0, errors.getvalue()
    assert errors.getvalue() == "", "there is no terminal, so no progress bar"
    return objects(printed.getvalue()), out, card


def test_help_names_every_command_without_importing_torch() -> None:
    code = "import sys; from siamese.commands import cli\ntry: cli.main(['--help'])\nfinally: assert 'torch' not in sys.modules"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, text=True, cwd=Path(cli.__file__).parents[2]
    )
    assert result.returncode == 0, result.stderr
    for command in cli.COMMANDS:
        assert f"\n    {command} " in result.stdout


def test_data_list_names_every_set(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run("data", "list", "--json")
    assert code == 0
    listed = objects(out)
    assert [entry["name"] for entry in listed] == list(NAMES)
    assert {entry["name"]: entry["present"] for entry in listed}["mnist"] is False
    for place in (("--json", "data", "list"), ("data", "--json", "list")):
        assert run(*place)[1] == out, "--json may stand anywhere"
    _, out, _ = run("data", "list")
    assert all(name in out for name in NAMES)


def test_data_get_refuses_what_has_no_name(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("data", "get", "cats")
    assert (code, out) == (2, "")
    assert err.startswith('siamese: There is no data set "cats" to get; the names are glyphs, ')


def test_data_export_writes_what_can_be_read_again(
    run: Callable[..., tuple[int, str, str]], data: Path, tmp_path: Path
) -> None:
    code, out, _ = run("data", "export", data, tmp_path / "folders", "--json")
    assert code == 0
    told = json.loads(out)
    for part in ("train", "validation", "test"):
        written = list((tmp_path / "folders" / part).rglob("*.png"))
        assert len(written) == told[part]["images"] and len({file.parent for file in written}) == told[part]["classes"]
    # A folder with something in it is left alone.
    code, _, err = run("data", "export", data, tmp_path / "folders")
    assert code == 2 and "already" in err


def test_data_show_writes_a_sheet(run: Callable[..., tuple[int, str, str]], data: Path, tmp_path: Path) -> None:
    code, out, err = run("data", "show", data, "--out", tmp_path / "new" / "sheet.png", "--json")
    assert (code, err) == (0, "")
    (told,) = objects(out)
    assert (told["name"], told["size"], told["channels"]) == ("patterns", [16, 16], 1)
    assert sum(told[part]["images"] for part in ("train", "validation", "test")) == 14 * 6
    with Image.open(tmp_path / "new" / "sheet.png") as sheet:
        assert sheet.size > (400, 400)


def test_training_tells_every_event_and_then_the_result(
    trained: tuple[list[dict[str, Any]], Path, Path],
) -> None:
    told, out, _ = trained
    kinds = [event["event"] for event in told]
    assert kinds[:3] == ["started", "baseline", "validation"]
    assert kinds[-2:] == ["finished", "result"]
    assert sum(len(event["losses"]) for event in told if event["event"] == "progress") == 12
    result = told[-1]
    assert (result["recipe"], result["data"], result["steps"]) == ("contrastive-pairs", "patterns", 12)
    assert (result["why"], result["weights"]) == ("steps", out.name)
    for name in ("pair_accuracy", "eer", "auc", "threshold", "oneshot_accuracy"):
        assert f"baseline_{name}" in result
        assert result[name] >= 0
    assert result["trials"] == 400
    assert set(result["protocols"]) == {"pairs", "oneshot", "verification"}


def test_the_best_checkpoint_and_the_last_are_kept(trained: tuple[list[dict[str, Any]], Path, Path]) -> None:
    told, out, _ = trained
    best = Checkpoint.load(out)
    last = Checkpoint.load(out.with_name("small.last.safetensors"))
    assert not best.training
    assert last.training
    assert last.step == 12
    validated = {event["step"]: event["scores"]["eer"] for event in told if event["event"] == "validation"}
    assert best.scores["eer"] == min(validated.values()) == validated[best.step]
    assert best.recipe.encoder == "strided"


def test_the_card_says_what_was_measured_and_how(trained: tuple[list[dict[str, Any]], Path, Path]) -> None:
    told, out, card = trained
    text, result = card.read_text(encoding="utf-8"), told[-1]
    assert text.startswith("# small.safetensors\n")
    assert "python -m siamese train contrastive-pairs --data " in text
    assert (
        f"| pair accuracy | {100 * result['pair_accuracy']:.2f} % | {100 * result['baseline_pair_accuracy']:.2f} % |"
        in text
    )
    for words in result["protocols"].values():
        assert words in text
    assert f"{out.stat().st_size / 1e6:.2f} MB" in text


@pytest.mark.parametrize("protocol", ["pairs", "verification", "oneshot"])
def test_evaluate_gives_each_score_beside_its_baseline(
    run: Callable[..., tuple[int, str, str]],
    trained: tuple[list[dict[str, Any]], Path, Path],
    data: Path,
    protocol: str,
) -> None:
    told, weights, _ = trained
    arguments = ["evaluate", weights, "--data", data, "--protocol", protocol, "--device", "cpu"]
    code, out, err = run(*arguments, "--json")
    assert (code, err) == (0, "")
    (scores,) = objects(out)
    wanted = {
        "pairs": ["pair_accuracy", "eer", "auc"],
        "verification": ["eer", "auc"],
        "oneshot": ["oneshot_accuracy"],
    }
    for name in wanted[protocol]:
        assert f"baseline_{name}" in scores
        if protocol != "verification":
            assert scores[name] == told[-1][name], "the run ended with the same protocol"
    assert scores["protocol"] == protocol
    assert "images not trained on" in scores["words"]
    code, out, _ = run(*arguments)
    assert out.startswith(f"{protocol}: {scores['words']}")
    assert "raw pixels" in out


def test_evaluate_on_other_images_takes_all_of_them(
    run: Callable[..., tuple[int, str, str]], trained: tuple[list[dict[str, Any]], Path, Path], tmp_path: Path
) -> None:
    others = folder_of_classes(tmp_path / "patterns", classes=3, each=8, seed=9)
    code, out, _ = run("evaluate", trained[1], "--data", others, "--protocol", "verification", "--json")
    assert code == 0
    # 3 · (8 · 7 / 2) genuine pairs among 24 · 23 / 2.
    assert (objects(out)[0]["genuine"], objects(out)[0]["impostor"]) == (84, 192)


def test_evaluate_reads_lakes_runs(
    run: Callable[..., tuple[int, str, str]],
    trained: tuple[list[dict[str, Any]], Path, Path],
    data: Path,
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(tmp_path / "runs.zip", "w") as archive:
        for c in range(5):
            for number, place in ((0, f"training/class{c:02d}"), (1, f"test/item{c:02d}")):
                archive.write(data / f"class{c}" / f"{number}.png", f"run01/{place}.png")
        lines = [f"run01/test/item{c:02d}.png run01/training/class{c:02d}.png" for c in range(5)]
        archive.writestr("run01/class_labels.txt", "\n".join(lines))
    code, out, _ = run("evaluate", trained[1], "--protocol", "lake", "--data", tmp_path / "runs.zip", "--json")
    assert code == 0
    assert (objects(out)[0]["runs"], objects(out)[0]["trials"]) == (1, 5)
    assert objects(out)[0]["baseline_oneshot_accuracy"] == 1.0


def test_compare_tells_dissimilarity_threshold_and_verdict(
    run: Callable[..., tuple[int, str, str]], trained: tuple[list[dict[str, Any]], Path, Path], data: Path
) -> None:
    _, weights, _ = trained
    one, other = data / "class0" / "0.png", data / "class1" / "0.png"
    threshold = Checkpoint.load(weights).threshold
    _, out, _ = run("compare", weights, one, one, "--json")
    (same,) = objects(out)
    assert (same["same"], same["threshold"]) == (True, threshold)
    assert same["dissimilarity"] == pytest.approx(0, abs=1e-3)
    _, out, _ = run("compare", weights, one, other, "--json")
    (two,) = objects(out)
    assert two["dissimilarity"] > same["dissimilarity"]
    assert two["same"] == (two["dissimilarity"] < threshold)
    assert run("compare", weights, one, one)[1].startswith(
        f"same\ndissimilarity {same['dissimilarity']:.4g}, threshold "
    )


def losses_of(told: list[dict[str, Any]]) -> list[float]:
    return [loss for event in told if event["event"] == "progress" for loss in event["losses"]]


def test_ctrl_c_keeps_what_was_learnt_and_resume_goes_on(
    run: Callable[..., tuple[int, str, str]], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A step a report, so that the interrupt comes in the middle.
    monkeypatch.setattr(training, "REPORT_SECONDS", 0.0)
    arguments = ["train", "contrastive-pairs", "--data", data, "--steps", 10, "--json", *SMALL]
    code, out, _ = run(*arguments)
    assert code == 0
    whole = losses_of(objects(out))

    print_json = train_command.print_json

    def interrupted(values: dict[str, Any]) -> None:
        print_json(values)
        if values.get("step") == 4 and values["event"] == "progress":
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(train_command, "print_json", interrupted)
    before = signal.getsignal(signal.SIGINT)
    code, out, _ = run(*arguments, "--out", tmp_path / "part.safetensors")
    first = objects(out)
    assert (code, first[-1]["why"], first[-1]["steps"]) == (0, "stopped", 4)
    assert signal.getsignal(signal.SIGINT) == before, "the handler is put back"

    monkeypatch.setattr(train_command, "print_json", print_json)
    last = tmp_path / "part.last.safetensors"
    code, out, err = run(*arguments, "--resume", last, "--out", tmp_path / "part.safetensors")
    assert code == 0, err
    assert losses_of(first) + losses_of(objects(out)) == whole
    # Resuming with another recipe is refused before a step is taken.
    code, _, err = run(*arguments, "--seed", 3, "--resume", last)
    assert code == 2
    assert "another recipe" in err


@pytest.mark.parametrize("preferred", [1, 12])
def test_best_and_last_are_both_asked_all_there_is_to_ask(
    preferred: int,
    run: Callable[..., tuple[int, str, str]],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def early_best(*arguments: Any, **options: Any) -> Iterator[Event]:
        for event in train(*arguments, **options):
            if isinstance(event, Finished):
                assert event.best is not None
                event = replace(event, best=replace(Checkpoint.from_bytes(event.best), step=1).to_bytes())
            yield event

    class Prefers(Evaluator):
        def calibrated(self, dataset: Dataset) -> Checkpoint:
            checkpoint = super().calibrated(dataset)
            eer = float(checkpoint.step != preferred)
            return replace(checkpoint, scores=checkpoint.scores | {"eer": eer})

    monkeypatch.setattr(train_command, "train", early_best)
    monkeypatch.setattr(train_command, "Evaluator", Prefers)
    out = tmp_path / "kept.safetensors"
    assert run("train", "contrastive-pairs", "--data", data, "--steps", 12, *SMALL, "--out", out)[0] == 0
    kept = Checkpoint.load(out)
    assert kept.step == preferred and not kept.training
    assert Checkpoint.load(tmp_path / "kept.last.safetensors").training


def test_a_resumed_run_does_not_lose_an_earlier_best(
    run: Callable[..., tuple[int, str, str]], data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "kept.safetensors"
    arguments = ["train", "contrastive-pairs", "--data", data, "--steps", 3, *SMALL, "--out", out]
    assert run(*arguments)[0] == 0
    checkpoint = Checkpoint.load(out)
    better = checkpoint.__class__(**{**vars(checkpoint), "scores": checkpoint.scores | {"eer": -1.0}})
    out.write_bytes(better.to_bytes())
    assert run(*arguments, "--resume", tmp_path / "kept.last.safetensors")[0] == 0
    assert Checkpoint.load(out).scores["eer"] == -1.0


def test_divergence_is_told_and_the_best_still_written(
    run: Callable[..., tuple[int, str, str]], data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "broken.safetensors"
    settings = ["--set", "optimizer=sgd", "--set", "learning_rate=10", "--set", "normalize=false", "--steps", 40]
    settings += ["--set", "similarity=squared-euclidean", "--set", "validate_every=1000000"]
    code, printed, err = run("train", "contrastive-pairs", "--data", data, *SMALL, *settings, "--json", "--out", out)
    assert code == 2
    assert "lower learning_rate (10)" in err
    assert Checkpoint.load(out).step == 0
    assert "NaN" not in printed
    assert any(None in event["losses"] for event in objects(printed) if event["event"] == "progress")


def test_people_read_a_summary(run: Callable[..., tuple[int, str, str]], data: Path) -> None:
    code, out, err = run("train", "contrastive-pairs", "--data", data, "--steps", 2, *SMALL)
    assert (code, err) == (0, "")
    assert out.startswith("contrastive-pairs on patterns: all steps done at step 2 after ")
    assert "raw pixels" in out


def test_seconds_end_a_run(run: Callable[..., tuple[int, str, str]], data: Path) -> None:
    code, out, _ = run("train", "contrastive-pairs", "--data", data, "--seconds", 0.001, "--json", *SMALL)
    assert code == 0
    assert objects(out)[-1]["why"] == "seconds"
    assert objects(out)[-1]["steps"] < 1000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "nonsense", "--data", "DATA"], 'There is no recipe "nonsense"; the recipes are contrastive-pairs, '),
        (["train", "fast", "--data", "nowhere"], 'There is no data set "nowhere"; the names are glyphs, '),
        (["train", "fast", "--data", "mnist"], 'MNIST is not in the data folder; get it with "python -m siamese data '),
        (["train", "fast", "--data", "DATA", "--set", "margin"], '"--set margin" names no value; write --set field='),
        (["train", "fast", "--data", "DATA", "--set", "colour=red"], 'A recipe has no field "colour"; its fields are '),
        (["train", "fast", "--data", "DATA", "--set", "margin=big"], "margin is 'big'; it has to be a number"),
        (["train", "fast", "--data", "DATA", "--steps", "0"], "steps is 0; it has to be "),
        (["train", "fast", "--data", "DATA", "--seconds", "-1"], "seconds is -1; it has to be above 0."),
        (["train", "fast", "--data", "DATA", "--device", "abacus"], 'There is no device "abacus"'),
        (["train", "fast", "--data", "DATA", "--out", "weights.pt"], '"weights.pt" does not end in .safetensors'),
        (
            ["train", "mnist-post", "--data", "DATA", "--views", "both-ways-up"],
            'The similarity "learned" has one weight for each number of an embedding, and the views "both-ways-up"',
        ),
        (["train", "fast", "--data", "DATA", "--card", "card.txt"], '"card.txt" does not end in .md'),
        (["train", "fast", "--data", "DATA", "--resume", "gone.safetensors"], "no readable file gone.safetensors"),
        (["evaluate", "gone.safetensors", "--protocol", "pairs"], "no readable file gone.safetensors"),
        (["evaluate", "WEIGHTS", "--protocol", "lake"], "The protocol lake needs --data"),
        (["evaluate", "WEIGHTS", "--protocol", "pairs"], 'trained on "patterns", which has to be given: --data PATH.'),
        (["evaluate", "WEIGHTS", "--data", "DATA", "--protocol", "oneshot", "--way", "99"], "99-way 1-shot episodes"),
        (["evaluate", "DATA/class0/0.png", "--protocol", "pairs"], "0.png is no checkpoint of this project"),
        (["compare", "WEIGHTS", "DATA/class0/0.png", "gone.png"], 'There is no file "gone.png"'),
        (["compare", "WEIGHTS", "DATA/class0/0.png", "WEIGHTS"], '"small.safetensors" is not an image'),
        (["data", "show", "DATA", "--out", "sheet.gif"], '"sheet.gif" does not end in .png'),
        (["data", "show", "DATA", "--out", "DATA/class0/0.png/sheet.png"], 'The folder for "sheet.png" cannot be made'),
    ],
)
def test_every_error_is_one_sentence_and_exit_code_2(
    run: Callable[..., tuple[int, str, str]],
    trained: tuple[list[dict[str, Any]], Path, Path],
    data: Path,
    arguments: list[str],
    sentence: str,
) -> None:
    places = {"DATA": str(data), "WEIGHTS": str(trained[1])}
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("siamese: ")
    assert err.count("\n") == 1
    assert sentence in err
    assert str(data.parent) not in err, "a sentence names files, not places of this machine"


def test_ctrl_c_outside_of_training_ends_quietly(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("siamese.commands.data.available", interrupted)
    assert run("data", "list") == (130, "", "")


def test_a_reader_that_leaves_is_no_error() -> None:
    # A command that prints more than a pipe holds, and needs no torch.
    code = """
import sys, types
from siamese.commands import cli
talk = types.ModuleType("talk")
talk.add_arguments = lambda parser: None
talk.run = lambda options: print("word " * 100_000)
sys.modules["talk"] = talk
cli.COMMANDS["talk"] = ("talk", "talks")
sys.exit(cli.main(["talk"]))
"""
    read, written = os.pipe()
    os.close(read)
    result = subprocess.run(
        [sys.executable, "-c", code],
        stdout=written,
        stderr=subprocess.PIPE,
        check=False,
        text=True,
        cwd=Path(cli.__file__).parents[2],
    )
    os.close(written)
    assert (result.returncode, result.stderr) == (141, "")


def test_several_processes_train_as_one(run: Callable[..., tuple[int, str, str]], data: Path, tmp_path: Path) -> None:
    # mnist-post has no batch norm, which each process would compute for its own share alone.
    arguments = ["train", "mnist-post", "--data", str(data), "--device", "cpu", "--json"]
    arguments += ["--set", "batch_size=8", "--steps", "4"]
    out = tmp_path / "group.safetensors"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "siamese"]
    result = subprocess.run(
        [*torchrun, *arguments, "--out", str(out), "--seconds", "600"],
        capture_output=True,
        check=False,
        text=True,
        cwd=Path(cli.__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr
    group = objects(result.stdout)
    assert [event["event"] for event in group].count("result") == 1, "one process alone prints"
    assert (group[-1]["why"], group[-1]["steps"]) == ("steps", 4)
    code, alone, _ = run(*arguments)
    assert code == 0
    assert losses_of(group) == pytest.approx(losses_of(objects(alone)), rel=1e-4)
    assert Checkpoint.load(out).data["name"] == "patterns"


def test_devices() -> None:
    assert str(device_named("cpu")) == "cpu"
    with pytest.raises(SiameseError, match='There is no device "cuda:99" here'):
        device_named("cuda:99")


class _Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def test_the_bar_is_drawn_on_a_terminal_and_wiped() -> None:
    terminal = _Terminal()
    with ProgressBar(terminal) as bar:
        bar.update(0.5, "step 1")
        bar.update(0.6, "too soon after the first")
        bar.update(1.0, "the end")
    drawn = terminal.getvalue()
    assert "████████████░░░░░░░░░░░░  50%  step 1" in drawn
    assert "too soon" not in drawn
    assert "100%  the end" in drawn
    assert drawn.endswith("\r\x1b[K")


def test_nothing_is_drawn_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with ProgressBar(stream) as bar:
        bar.update(1.0, "done")
    with ProgressBar(None) as bar:
        bar.update(1.0, "done")
    assert stream.getvalue() == ""


def test_folds_are_scored_one_by_one_and_on_average(run: Callable[..., tuple[int, str, str]], data: Path) -> None:
    arguments = ["train", "contrastive-pairs", "--data", data, "--steps", "4", *SMALL, "--folds", "3", "--whiten"]
    code, out, err = run(*arguments, "--json")
    assert code == 0, err
    told = [entry for entry in objects(out) if entry["event"] in ("fold", "result")]
    assert [entry["event"] for entry in told] == ["fold"] * 3 + ["result"]
    assert told[0]["held_out"] == [f"class{c}" for c in range(4)] != told[1]["held_out"]
    for name in ("eer", "baseline_eer"):
        assert told[-1][name] == pytest.approx(sum(entry[name] for entry in told[:3]) / 3)
    _, out, _ = run(*arguments)
    assert out.splitlines()[0].startswith("class0, class1, class2, class3: equal error rate ")
    assert out.splitlines()[-1].startswith("mean of 3 folds: equal error rate ")
