"""The benchmark: what its baselines do, what its clocks count, and the rows of each part at a tiny size."""

from __future__ import annotations

import http.server
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from PIL import Image
from torch import Tensor

from siamese import SiameseError
from siamese.commands.benchmark import (
    PARTS,
    bench,
    faces,
    faces_code,
    jobs,
    mnist_post,
    pollers,
    report,
    resnet,
    scaling,
    serving,
    starvation,
    threads,
    time_to_accuracy,
)
from siamese.commands.benchmark.bench import Bench, Clock, Engine
from siamese.commands.cli import main
from siamese.data.bank import Dataset, ImageBank
from siamese.recipes import Recipe, recipe_named
from siamese.training.events import Progress
from siamese.training.jobs.registry import SWITCH_INTERVAL
from siamese.training.loop import train

CPU = torch.device("cpu")
TINY = Recipe(encoder="strided", batch_size=8, steps=12, schedule="one-cycle", validate_every=4)


class TinyBench(Bench):
    """A benchmark whose data sets are small patterns."""

    def __init__(self, dataset: Dataset, device: torch.device = CPU) -> None:
        super().__init__(device, quick=True)
        object.__setattr__(self, "tiny", dataset)

    def dataset(self, name: str) -> Dataset:
        return self.tiny  # type: ignore[attr-defined,no-any-return]

    def digits(self) -> Dataset:
        return self.dataset("")


@pytest.fixture
def tiny(make_dataset: Callable[..., Dataset]) -> TinyBench:
    return TinyBench(make_dataset(size=28))


def flat_bank(classes: int = 5, each: int = 4, size: int = 28, channels: int = 1) -> ImageBank:
    """Every image is of one value, which names its class and its number: 50 · class + number."""
    labels = torch.arange(classes).repeat_interleave(each)
    values = 50 * labels + torch.arange(each).repeat(classes)
    images = values.byte().view(-1, 1, 1, 1).expand(-1, channels, size, size).contiguous()
    return ImageBank.from_labels(images, labels, [str(c) for c in range(classes)])


# --- the MNIST post's procedure ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_of_the_post_is_half_same_and_its_targets_are_true(seed: int) -> None:
    left, right, target = mnist_post.PostLoader(flat_bank(), seed).batch()
    assert left.shape == right.shape == (100, 1, 28, 28)
    assert left.dtype == right.dtype == target.dtype == "float32"
    of_left, of_right = left[:, 0, 0, 0] // 50, right[:, 0, 0, 0] // 50
    assert (target[:, 0] == (of_left == of_right)).all()
    assert target.sum() == 50
    assert left.max() > 1, "the post's pixels go from 0 to 255"


def test_the_post_draws_every_class_and_every_pair_of_classes() -> None:
    loader = mnist_post.PostLoader(flat_bank(), seed=0)
    seen = set()
    for _ in range(20):
        left, right, _ = loader.batch()
        seen |= set(zip((left[:, 0, 0, 0] // 50).tolist(), (right[:, 0, 0, 0] // 50).tolist()))
    assert seen == {(a, b) for a in range(5) for b in range(5)}


def test_the_post_trains_with_two_passes_of_100_images_and_its_own_settings() -> None:
    training = mnist_post.PostTraining(flat_bank(), CPU)
    passes: list[int] = []
    training.network.encoder.register_forward_hook(lambda module, inputs, output: passes.append(len(inputs[0])))
    first, *_, last = training.network.parameters()
    before = first.detach().clone(), last.detach().clone()
    training.advance(2)
    assert passes == [100] * 4
    assert bool((first != before[0]).any())
    assert bool((last != before[1]).any())
    (group,) = training.optimizer.param_groups
    assert (type(training.optimizer), group["lr"], group["momentum"]) == (torch.optim.SGD, 0.001, 0.1)
    assert isinstance(training.criterion, torch.nn.BCELoss)
    assert len(training.losses) == 2


def test_the_post_learns() -> None:
    # Dark against light is learnt within a few batches, even at this rate.
    labels = torch.tensor([0] * 4 + [1] * 4)
    images = (255 * labels).byte().view(-1, 1, 1, 1).expand(-1, 1, 28, 28).contiguous()
    training = mnist_post.PostTraining(ImageBank.from_labels(images, labels, ["dark", "light"]), CPU)
    training.advance(12)
    assert sum(training.losses[-3:]) < sum(training.losses[:3])


def test_the_posts_dissimilarity_is_one_less_its_sigmoid() -> None:
    training = mnist_post.PostTraining(flat_bank(), CPU)
    bank = flat_bank()
    embeddings = training.embed(bank)
    assert embeddings.shape == (20, 84)
    expected = 1 - training.network(bank.images[:5].float(), bank.images[5:10].float())[:, 0]
    torch.testing.assert_close(training.dissimilarity(embeddings[:5], embeddings[5:10]), expected)


# --- the faces code's procedure ---------------------------------------------------------------------------------------


def test_class_folders_hold_the_images_as_grey_files(tmp_path: Path) -> None:
    faces_code.write_class_folders(flat_bank(channels=3), 3, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s1", "s2", "s3"]
    with Image.open(tmp_path / "s3" / "2.pgm") as image:
        assert (image.format, image.mode, image.size) == ("PPM", "L", (28, 28))
        assert image.getpixel((0, 0)) == 2 * 50 + 1


def test_a_pair_of_faces_is_two_opened_files_and_a_true_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces_code.write_class_folders(flat_bank(), 5, tmp_path)
    pairs = faces_code.FacePairs(tmp_path)
    opened: list[str] = []
    really_open = Image.open
    monkeypatch.setattr(faces_code.Image, "open", lambda file: (opened.append(file), really_open(file))[1])
    kinds = set()
    for index in range(len(pairs)):
        left, right, different = pairs[index]
        assert left.shape == right.shape == (1, 100, 100)
        assert 0 <= float(left.min()) <= float(left.max()) <= 1
        classes = [round(255 * float(image[0, 0, 0])) // 50 for image in (left, right)]
        assert different.tolist() == [float(classes[0] != classes[1])]
        kinds.add(float(different))
    assert kinds == {0.0, 1.0}
    assert len(opened) == 2 * len(pairs)


def test_the_faces_loss_is_the_one_of_the_code() -> None:
    a = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    b = torch.tensor([[3.0, 4.0], [0.6, 0.8], [3.0, 4.0]])
    different = torch.tensor([[0.0], [1.0], [1.0]])
    # d² = 25 of the same pair; (2 − 1)² and max(0, 2 − 5)² of the different ones
    assert float(faces_code.contrastive(a, b, different)) == pytest.approx((25 + 1 + 0) / 3, rel=1e-4)


def test_the_faces_code_trains_from_files_in_batches_of_64_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces_code, "SIDE", 20)  # the network for 100×100 has 40 million weights
    faces_code.write_class_folders(flat_bank(each=16), 5, tmp_path)
    training = faces_code.FacesTraining(tmp_path, CPU, workers=0)
    passes: list[tuple[int, ...]] = []
    training.network.register_forward_hook(lambda module, inputs, output: passes.append(tuple(inputs[0].shape)))
    training.advance(2)  # an epoch of 80 images has one whole batch: the second is of the next
    assert passes == [(64, 1, 20, 20)] * 4
    assert (type(training.optimizer), training.optimizer.param_groups[0]["lr"]) == (torch.optim.Adam, 0.0005)
    assert len(training.losses) == 2


# --- clocks and races -------------------------------------------------------------------------------------------------


def test_a_clock_counts_its_blocks_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([1.0, 3.0, 10.0, 10.5])
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(now))
    clock = Clock(CPU)
    with clock:
        pass
    with clock:
        pass
    assert clock.seconds == 2.5


class Learner:
    """Every step takes a second of the clock; its accuracy is what the list says after so many steps."""

    pairs_per_step = 10

    def __init__(self, clock: Clock, accuracies: dict[int, float]) -> None:
        self.clock, self.accuracies, self.done, self.asked = clock, accuracies, 0, []

    def advance(self, steps: int) -> None:
        self.clock.seconds += steps
        self.done += steps

    def accuracy(self, contender: object) -> float:
        self.asked.append(self.done)
        return max(value for step, value in self.accuracies.items() if step <= self.done)


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(bench.time, "perf_counter", lambda: 0.0)
    clock = Clock(CPU)
    clock.seconds = 3.0  # set-up
    return clock


def test_a_race_counts_set_up_and_steps_but_no_exam(still_clock: Clock) -> None:
    learner = Learner(still_clock, {0: 0.5, 20: 0.91, 40: 0.985})
    result = time_to_accuracy.race(learner, learner, still_clock, steps=60, first=5)  # type: ignore[arg-type]
    assert learner.asked == [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 56, 60]
    assert result.seconds_to == {"0.90": 23.0, "0.96": 43.0, "0.98": 43.0, "0.99": None}
    assert result.steps_to == {"0.90": 20, "0.96": 40, "0.98": 40}
    assert (result.steps, result.seconds, result.accuracy) == (60, 60.0, 0.985)


def test_a_race_ends_when_everything_is_reached_or_time_is_over(still_clock: Clock) -> None:
    learner = Learner(still_clock, {0: 0.5, 7: 1.0})
    assert time_to_accuracy.race(learner, learner, still_clock, 1000, 5).steps == 10  # type: ignore[arg-type]
    learner = Learner(still_clock, {0: 0.5})
    assert time_to_accuracy.race(learner, learner, still_clock, 1000, 100, limit=60).steps == 75  # type: ignore[arg-type]


def test_what_a_cut_run_did_not_reach_is_extrapolated_and_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_to_accuracy, "POST_BATCHES", {"0.90": 900, "0.96": 4000})
    reached = {"0.90": 12.0, "0.96": None, "0.98": None, "0.99": None}
    cut = time_to_accuracy.Race(reached, {"0.90": 40}, steps=50, seconds=10.0, accuracy=0.9)
    told = time_to_accuracy._extrapolated(cut, 2.0, 5000, "mnist")
    # What was measured stays; 4,000 batches at a fifth of a second, and the set-up; nothing is known of the others.
    assert told == {"seconds_to": {**reached, "0.96": pytest.approx(2.0 + 800.0)}, "extrapolated": True}
    whole = cut._replace(steps=5000)
    assert time_to_accuracy._extrapolated(whole, 2.0, 5000, "mnist") == {"seconds_to": reached, "extrapolated": False}
    assert time_to_accuracy._extrapolated(cut, 2.0, 5000, "glyphs") == {"seconds_to": reached, "extrapolated": False}


def test_how_much_faster_is_told_with_set_up_and_after_it() -> None:
    faster = time_to_accuracy._times_faster(600.0, 4.0, setup=1.0)
    assert faster == {"times_faster_to_96": 150.0, "times_faster_to_96_after_setup": 200.0}
    assert set(time_to_accuracy._times_faster(None, 4.0, 1.0).values()) == {None}


class Judge:
    """Takes the first pixel for the embedding; on test images every distance is `shift` more."""

    pairs_per_step = 1

    def __init__(self, test: ImageBank, shift: float) -> None:
        self.test, self.shift, self.testing = test, shift, False

    def advance(self, steps: int) -> None:
        pass

    def embed(self, bank: ImageBank) -> Tensor:
        self.testing = bool((bank.images[:1, 0, 0, 0] == self.test.images[:1, 0, 0, 0]).all())
        return bank.images[:, 0, 0, 0].float()

    def dissimilarity(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b).abs() + self.shift * self.testing


def test_the_exam_chooses_its_threshold_on_validation_pairs() -> None:
    validation, test = flat_bank(), flat_bank()
    test = replace(test, images=test.images + 1)  # so that the judge knows the one from the other
    exam = time_to_accuracy.Exam(Dataset("flat", "Flat", "images", "images", test, validation, test), TINY, 60, CPU)
    assert exam.test[1].same.sum() == 30
    assert exam.accuracy(Judge(test, 0.0)) == 1.0
    # Moved by more than the gap between same and different, every test pair looks different at that threshold.
    assert exam.accuracy(Judge(test, 1000.0)) == 0.5


# --- the engine and its threads ---------------------------------------------------------------------------------------


def test_the_engine_takes_the_steps_of_a_training_run(dataset: Dataset) -> None:
    engine = Engine(TINY, dataset.train, CPU, "eager")
    engine.advance(5)
    engine.advance(7)
    of_run = [
        loss for event in train(TINY, dataset, device=CPU) if isinstance(event, Progress) for loss in event.losses
    ]
    assert engine.step.losses[:12].tolist() == of_run


@pytest.mark.gpu
def test_the_engine_replays_the_same_steps_as_a_graph(dataset: Dataset) -> None:
    device = torch.device("cuda")
    eager, graph = (Engine(TINY, dataset.train, device, mode) for mode in ("eager", "graph"))
    eager.advance(12)
    graph.advance(12)
    assert eager.step.losses[:12].tolist() == graph.step.losses[:12].tolist()
    graph.close()


def test_the_engine_runs_for_the_seconds_it_is_given(dataset: Dataset) -> None:
    engine = Engine(TINY, dataset.train, CPU, "eager")
    assert engine.run(0.05) > 0
    assert engine.done > 0


def test_threads_train_side_by_side_and_the_neighbour_is_told_to_stop(dataset: Dataset) -> None:
    seen: list[bool] = []

    def neighbour(stop: threading.Event) -> None:
        seen.append(sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL))
        seen.append(stop.wait(60))

    before = sys.getswitchinterval()
    rate = threads.steps_per_second(Bench(CPU), TINY, dataset.train, "eager", 0.05, count=3, beside=neighbour)
    assert rate > 0
    assert seen == [True, True]
    assert sys.getswitchinterval() == pytest.approx(before, abs=2e-6), "put back, in whole microseconds"


def test_an_error_in_a_training_thread_or_its_neighbour_is_raised(dataset: Dataset, make_bank: Any) -> None:
    with pytest.raises(SiameseError, match="2 classes"):
        threads.steps_per_second(Bench(CPU), TINY, make_bank(classes=1), "eager", 0.05, count=3)

    def broken(stop: threading.Event) -> None:
        raise OSError("no figure today")

    with pytest.raises(OSError, match="no figure today"):
        threads.steps_per_second(Bench(CPU), TINY, dataset.train, "eager", 0.05, beside=broken)


def test_digits_are_mnist_where_it_is_and_glyphs_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "load_dataset", lambda name, folder: (name, folder))
    here = Bench(CPU, data_dir=tmp_path)
    assert here.digits() == ("glyphs", tmp_path)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (raw / f"{part}-{kind}-ubyte").touch()
    assert here.digits() == ("mnist", tmp_path)


# --- the parts, each at a tiny size -----------------------------------------------------------------------------------


def checked(rows: Iterator[dict[str, Any]], part: str, keys: set[str]) -> list[dict[str, Any]]:
    """The rows, each of which is JSON and has what every row has and these keys."""
    told = [json.loads(json.dumps(row, allow_nan=False)) for row in rows]
    assert told
    for row in told:
        assert {"part", "device", "torch"} | keys <= row.keys()
        assert (row["part"], row["torch"]) == (part, torch.__version__)
    return told


def test_time_to_accuracy(tiny: TinyBench) -> None:
    sizes = time_to_accuracy.Sizes(pairs=60, post_seconds=9.0, engine_seconds=9.0, steps=2, ours=6)
    keys = {"who", "pairs_per_s", "setup_s", "seconds_to", "extrapolated"}
    rows = checked(time_to_accuracy.measure(tiny, sizes), "time_to_accuracy", keys)
    assert [row["who"] for row in rows] == ["post", "post_on_our_engine", "ours"]
    for row in rows:
        assert list(row["seconds_to"]) == ["0.90", "0.96", "0.98", "0.99"]
        assert row["setup_s"] > 0
        assert row["pairs_per_s"] > 0
        assert row["extrapolated"] is False
        assert 0 <= row["accuracy"] <= 1
        assert row["data"] == "patterns"
    assert [row["steps"] for row in rows[:2]] == [2, 2]


def test_faces(make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces_code, "SIDE", 20)
    monkeypatch.setattr(faces, "recipe_named", lambda name, kind: replace(recipe_named(name, kind), image_size=20))
    sizes = faces.Sizes(seconds=0.01, workers=0)
    people = TinyBench(make_dataset(size=28, channels=3, each=16))
    rows = checked(faces.measure(people, sizes), "faces", {"who", "images_per_s"})
    assert [row["who"] for row in rows] == ["code", "code_on_our_engine", "ours"]
    assert all(row["images_per_s"] > 0 for row in rows)


def test_resnet(tiny: TinyBench) -> None:
    rows = checked(resnet.measure(tiny, resnet.Sizes(2, 32, 1)), "resnet", {"who", "precision", "images_per_s"})
    assert [(row["who"], row["precision"]) for row in rows] == [
        ("three_passes", "float32"),
        ("one_pass", "float32"),
        ("one_pass", "bfloat16"),
    ]


def test_the_ways_of_the_resnet_pass_three_times_or_once(tiny: TinyBench, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[tuple[int, bool]] = []
    built = resnet.build_encoder

    def watched(*arguments: Any) -> torch.nn.Module:
        network = built(*arguments)

        def note(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
            passes.append((len(inputs[0]), inputs[0].is_contiguous(memory_format=torch.channels_last)))

        network.register_forward_pre_hook(note)
        return network

    monkeypatch.setattr(resnet, "build_encoder", watched)
    sizes = resnet.Sizes(2, 32, 1)
    resnet._three_passes(tiny, sizes)()
    assert passes == [(2, False)] * 3
    passes.clear()
    resnet._one_pass(tiny, sizes, torch.float32)()
    assert passes == [(6, True)]


def test_jobs(tiny: TinyBench) -> None:
    rows = checked(jobs.measure(tiny, jobs.Sizes((1, 2), 0.05)), "jobs", {"count", "mode", "steps_per_s"})
    assert [(row["count"], row["mode"]) for row in rows] == [(1, "eager"), (2, "eager")]
    assert all(row["steps_per_s"] > 0 for row in rows)


def test_starvation(tiny: TinyBench) -> None:
    rows = checked(starvation.measure(tiny, starvation.Sizes(0.05)), "starvation", {"beside", "mode", "share"})
    assert [row["beside"] for row in rows] == ["nothing", "pure Python", "matplotlib"]
    assert rows[0]["share"] == 1
    assert all(row["share"] > 0 for row in rows)


def test_starvation_says_where_matplotlib_is_missing(tiny: TinyBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starvation, "find_spec", lambda name: None)
    *others, last = starvation.measure(tiny, starvation.Sizes(0.01))
    assert last["left_out"] == "matplotlib is not installed"
    assert "share" not in last
    assert all("share" in row for row in others)


def test_scaling() -> None:
    keys = {"batching", "grows", "batch", "classes", "images", "step_ms", "memory_mb"}
    rows = checked(scaling.measure(Bench(CPU), scaling.Sizes(8, 4, 3, 2, 1.0)), "scaling", keys)
    assert [row["grows"] for row in rows] == ["nothing", "batch", "classes", "images"] * 2
    base, batch, classes, images = rows[:4]
    assert (batch["batch"], classes["classes"], images["images"]) == (80, 40, 30)
    assert [base[name] for name in ("batch", "classes", "images")] == [8, 4, 3]
    assert all(row["step_ms"] > 0 for row in rows)


@pytest.mark.skipif(not scaling._reset_peak(), reason="this system tells no peak of a process's memory")
def test_memory_is_told_as_what_a_process_grew_by_at_most() -> None:
    memory = scaling._Memory(CPU)
    block = torch.ones(64 * 2**20, dtype=torch.uint8)
    del block
    grown = memory.grown_mb()
    assert grown is not None
    assert 60 < grown < 200


def test_serving_is_left_out_without_gradio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "find_spec", lambda name: None)
    (row,) = checked(serving.measure(Bench(CPU)), "serving", {"left_out"})
    assert row["left_out"] == "gradio is not installed"


_SERVING = """
import json, sys, torch
from pathlib import Path
torch.set_num_threads(1)
from siamese.commands.benchmark import bench, serving
from siamese.ui import lab
lab.LATER = ()  # rendering the others takes longer than the test
for row in serving.measure(bench.Bench(torch.device("cpu"), data_dir=Path(sys.argv[1])), serving.Sizes((0, 3), 1, 3.0, 2, 2)):
    print(json.dumps(row))
from siamese.training.jobs.registry import SWITCH_INTERVAL
assert sys.getswitchinterval() != SWITCH_INTERVAL, "what the app changes is put back"
"""


def test_serving(data_dir: Path, built_in: Callable[[str], Dataset]) -> None:
    pytest.importorskip("gradio")
    built_in("glyphs")  # so that it is in the folder
    # In a process of its own: a server has one open lab.
    command = [sys.executable, "-c", _SERVING, str(data_dir)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    keys = {"pollers", "share", "poll_p50_ms", "poll_p95_ms", "compare_p50_ms"}
    idle, alone, watched = checked(map(json.loads, done.stdout.splitlines()), "serving", keys)
    assert (idle["training"], idle["share"], idle["polls"]) == (False, None, 0)
    assert (alone["pollers"], alone["share"], alone["poll_p50_ms"]) == (0, 1, None)
    assert watched["pollers"] == 3
    assert watched["polls"] >= 3
    assert 0 < watched["poll_p50_ms"] <= watched["poll_p95_ms"]
    assert all(row["compare_p50_ms"] > 0 for row in (idle, alone, watched))
    assert watched["share"] > 0


# --- pollers ----------------------------------------------------------------------------------------------------------


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers the n-th request with version n, and every fifth one with an error."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append({"path": self.path, **body})
        content = b'{"gone": true}' if len(self.asked) % 5 == 0 else json.dumps({"v": len(self.asked)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[int]:
    Answering.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()


def test_a_poller_asks_for_what_is_newer_and_counts_what_fails(server: int) -> None:
    orders = {"host": "127.0.0.1", "port": server, "path": "/poll", "component": 7, "key": "key"}
    poller = pollers.Poller(orders, 3)
    for _ in range(6):
        poller.ask()
    told = {"path": "/poll", "component_id": 7, "fn_name": "poll", "session_hash": "poller-3"}
    assert [{**ask, "data": None} for ask in Answering.asked] == [{**told, "data": None}] * 6
    assert [ask["data"] for ask in Answering.asked] == [["key", version] for version in (-1, 1, 2, 3, 4, 4)]
    assert poller.errors == 1


def test_the_poller_process_follows_its_orders(server: int, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    orders = {"host": "127.0.0.1", "port": server, "path": "/", "component": 1, "key": "k", "count": 2, "seconds": 0.05}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(orders) + "\n"))
    pollers.main()
    ready, told = capsys.readouterr().out.splitlines()
    assert ready == "ready"
    # One poll each before "ready", and in less than an interval one more of the first poller.
    measured = json.loads(told)
    assert (len(measured["milliseconds"]), measured["errors"], len(Answering.asked)) == (1, 0, 3)
    assert all(value > 0 for value in measured["milliseconds"])


# --- the command and its report ---------------------------------------------------------------------------------------


@pytest.fixture
def small_resnet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resnet, "_sizes", lambda bench: resnet.Sizes(2, 32, 1))


def test_the_command_prints_json_lines(small_resnet: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "--device", "cpu", "--quick", "--json", "--part", "resnet"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["part"] for row in rows] == ["resnet"] * 3


def test_the_command_prints_a_table_and_writes_a_report(
    small_resnet: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "somewhere" / "report.md"
    assert (
        main(["--data-dir", str(tmp_path), "benchmark", "--device", "cpu", "--part", "resnet", "--out", str(out)]) == 0
    )
    printed = capsys.readouterr().out
    assert "three_passes" in printed
    assert resnet.ABOUT.split()[0] in printed
    written = out.read_text()
    assert "| who | precision | images_per_s | batch | side |" in written
    assert "python -m siamese --data-dir … benchmark --device cpu --part resnet --out …" in written
    assert torch.__version__ in written
    assert str(tmp_path) not in written


def test_a_part_that_fails_is_told_and_the_others_go_on(
    small_resnet: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(bench: Bench) -> Iterator[dict[str, Any]]:
        yield bench.row("jobs", count=1)
        raise SiameseError("No memory is left.")

    monkeypatch.setattr(jobs, "measure", fail)
    assert main(["benchmark", "--device", "cpu", "--json", "--part", "jobs", "--part", "resnet"]) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["part"] for row in rows] == ["jobs", "jobs"] + ["resnet"] * 3
    assert rows[1]["failed"] == "No memory is left."


def test_the_command_refuses_what_it_does_not_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["benchmark", "--part", "tea"])
    assert "time_to_accuracy" in capsys.readouterr().err
    assert main(["benchmark", "--out", str(tmp_path / "report.pdf")]) == 2
    assert ".md" in capsys.readouterr().err


def test_a_table_has_a_column_for_every_figure() -> None:
    rows = [
        {"part": "p", "device": "d", "torch": "t", "who": "a", "seconds_to": {"0.90": 1.234, "0.96": None}},
        {"part": "p", "device": "d", "torch": "t", "who": "b", "rate": 12345.6, "count": 1200, "sure": True},
    ]
    assert report.table(rows) == [
        ["who", "s to 0.90", "s to 0.96", "rate", "count", "sure"],
        ["a", "1.23", "–", "", "", ""],
        ["b", "", "", "12,346", "1,200", "yes"],
    ]


def test_every_part_says_what_it_measures_and_imports_no_gradio() -> None:
    code = (
        "import sys, importlib\n"
        "import siamese.commands.benchmark as b\n"
        "assert 'torch' not in sys.modules, 'the help of the command needs no torch'\n"
        "for name in b.PARTS:\n"
        "    part = importlib.import_module(f'siamese.commands.benchmark.{name}')\n"
        "    assert part.ABOUT and callable(part.measure)\n"
        "assert 'gradio' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(PARTS) == 8
