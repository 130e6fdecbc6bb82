"""The script in plain PyTorch: it runs on its own, and network, sampling, augmentation, loss and steps are ours."""

from __future__ import annotations

import ast
import os
import random
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from siamese import SiameseError
from siamese.data.bank import Dataset
from siamese.data.catalogue import NAMES, load_dataset
from siamese.export.files import write_dataset
from siamese.export.script.lines import WIDTH
from siamese.export.script.script import MOST_LINES, pytorch_script
from siamese.learning.augment import KINDS, apply_transforms, draw_transforms
from siamese.learning.batches import Batch, batch_loss
from siamese.models.network import build_network
from siamese.models.similarity import Similarity
from siamese.recipes import RECIPES, Recipe, recipe_named
from siamese.recipes import recipe as recipes
from siamese.training.schedule import schedule_factor
from siamese.training.step import TrainingStep

SMALL: dict[str, Any] = {
    "steps": 2,
    "batch_size": 2,
    "classes_per_batch": 3,
    "images_per_class": 2,
    "validate_every": 1,
}


@pytest.fixture(autouse=True)
def on_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scripts that run inside this process stay on the CPU and leave no default device and no random state behind."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    state = random.getstate()
    with torch.random.fork_rng(devices=[]):
        yield
    random.setstate(state)
    torch.set_default_device(None)


@pytest.fixture(scope="module")
def patterns(make_dataset: Callable[..., Dataset]) -> Dataset:
    return make_dataset(classes=6, each=4, size=28)


@pytest.fixture(scope="module")
def folder(patterns: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("patterns")
    write_dataset(patterns, place)
    return place


@pytest.fixture(scope="module")
def two_domains(make_dataset: Callable[..., Dataset], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("two")
    write_dataset(make_dataset(classes=6, each=4, size=28, partner=True), place)
    return place


def parts_of(recipe: Recipe, name: str = "mine", channels: int = 1, size: tuple[int, int] = (28, 28)) -> dict[str, Any]:
    """What a script defines, without running its training."""
    script = pytorch_script(recipe, name, channels, size)
    head = script[: re.search(r"^(network|optimizer) = ", script, re.MULTILINE).start()]  # type: ignore[union-attr]
    names: dict[str, Any] = {}
    exec(compile(head, "script", "exec"), names)  # noqa: S102 - our own text
    return names


def run_here(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(sys, "argv", ["script.py", str(folder)])
    names: dict[str, Any] = {}
    exec(compile(script, "script", "exec"), names)  # noqa: S102 - our own text
    return names


def told(output: str) -> tuple[list[float], float]:
    """The losses that were printed, and the accuracy in the last line."""
    accuracy = re.fullmatch(r"held-out pair accuracy (\S+) at threshold \S+", output.strip().splitlines()[-1])
    assert accuracy is not None, output
    return [float(loss) for loss in re.findall(r"step \d+  loss (\S+)", output)], float(accuracy[1])


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_runs(
    name: str, folder: Path, two_domains: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = replace(RECIPES[name], **SMALL)
    towers = recipe.second_tower is not None
    script = pytorch_script(recipe, "glyphs-two-domains" if towers else "mine", 1, (28, 28))
    assert "[load(part)] * 20]" in script  # batches of each part, more than a test has time for
    run_here(script.replace("[load(part)] * 20]", "[load(part)] * 2]"), two_domains if towers else folder, monkeypatch)
    losses, accuracy = told(capsys.readouterr().out)
    assert len(losses) == 2
    assert 0 <= accuracy <= 1


def test_runs_without_this_project(folder: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPES["contrastive-pairs"], encoder="strided", batch_size=16, steps=30)
    done = in_a_process(pytorch_script(recipe, "mine", 1, (28, 28)), folder, tmp_path)
    losses, accuracy = told(done)
    assert losses[-1] < losses[0]
    assert accuracy > 0.5


def in_a_process(script: str, data: Path, place: Path) -> str:
    """Runs the script in a Python that finds neither this project nor the working folder; gives what it printed."""
    file = place / "train.py"
    file.write_text("import sys\nassert not any('siamese' in name for name in sys.modules)\n" + script, "utf-8")
    command = [sys.executable, "-I", str(file), str(data)]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=place, env=one_thread)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_reads_torchvisions_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    prototypes = torch.randint(0, 256, (10, 28, 28), generator=generator)
    for part, count in (("train", 5100), ("t10k", 100)):
        labels = torch.arange(count) % 10
        images = (prototypes[labels] + torch.randint(-20, 20, (count, 28, 28), generator=generator)).clamp(0, 255)
        head = struct.pack(">4i", 0x803, count, 28, 28)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + images.byte().numpy().tobytes())
        head = struct.pack(">2i", 0x801, count)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(head + labels.byte().numpy().tobytes())
    recipe = replace(RECIPES["fast"], **(SMALL | {"steps": 20}), encoder="strided", image_size=32, invert=True)
    losses, accuracy = told(in_a_process(pytorch_script(recipe, "mnist", 1, (28, 28)), tmp_path, tmp_path))
    assert losses[-1] < losses[0]
    assert accuracy > 0.8
    # The parts are those of the demo, image by image.
    monkeypatch.setattr(sys, "argv", ["script.py", str(tmp_path)])
    dataset = load_dataset("mnist", tmp_path)
    names = parts_of(replace(recipe, invert=False), "mnist")
    for part in ("train", "validation", "test"):
        bank = getattr(dataset, part)
        classes = names["load"](part)
        assert [len(images) for images in classes] == bank.counts.tolist()
        for images, start, count in zip(classes, bank.starts.tolist(), bank.counts.tolist()):
            ours = bank.images[start : start + count]
            assert sorted(image.tolist() for image in images) == sorted(image.tolist() for image in ours)


# -- the network


@pytest.mark.parametrize(
    ("encoder", "channels"), [(e, 1) for e in get_args(recipes.Encoder)] + [("koch-2015", 3), ("resnet18", 3)]
)
def test_the_network_starts_as_ours(encoder: str, channels: int) -> None:
    """Same layers, same weights from the same seed, same embeddings."""
    size = 105 if encoder == "koch-2015" else 32
    recipe = Recipe(encoder=encoder, embedding_dim=6, image_size=size, seed=7, normalize=channels == 1)
    ours = build_network(recipe, channels, (size, size))
    theirs = parts_of(recipe, channels=channels)["encoder"]
    pairs = list(zip(ours.encoder.state_dict().values(), theirs.state_dict().values(), strict=True))
    if encoder == "vgg11_bn":  # the script's draws numbers for a classifier as well, and so others for the rest
        with torch.no_grad():
            for mine, other in pairs:
                other.copy_(mine)
    assert all(torch.equal(mine, other) for mine, other in pairs)
    images = torch.rand(4, channels, size, size)
    embeddings = theirs.eval()(images)
    if recipe.normalize:
        embeddings = F.normalize(embeddings)
    torch.testing.assert_close(embeddings, ours.eval().embed(images), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("second", ["strided", "strided-mid", "conv4", "mobilenet_v3_small"])
def test_two_towers_start_as_ours(second: str) -> None:
    recipe = Recipe(encoder="strided", second_tower=second, embedding_dim=6, seed=3)
    ours, theirs = build_network(recipe, 1, (28, 28)), parts_of(recipe)
    pairs = zip(ours.state_dict().values(), theirs["towers"].state_dict().values(), strict=True)
    assert all(torch.equal(mine, other) for mine, other in pairs)


@pytest.mark.parametrize("encoder", ["strided", "koch-2015"])
def test_the_verdict_starts_as_ours(encoder: str) -> None:
    recipe = Recipe(encoder=encoder, similarity="learned", loss="bce", embedding_dim=6, image_size=72, seed=3)
    same_logit = build_network(recipe, 1, (72, 72)).similarity.same_logit
    verdict = parts_of(recipe, size=(72, 72))["verdict"]
    assert torch.equal(verdict.weight, same_logit.weight) and torch.equal(verdict.bias, same_logit.bias)


@pytest.mark.parametrize(("encoder", "channels"), [("resnet18", 1), ("mobilenet_v3_small", 3)])
def test_a_pretrained_network_scales_its_pixels_as_ours(encoder: str, channels: int) -> None:
    """With random weights in place of ImageNet's, which would have to be fetched."""
    recipe = Recipe(encoder=encoder, embedding_dim=6, image_size=32, pretrained=True)
    script = pytorch_script(recipe, "mine", channels, (32, 32))
    assert 'weights="DEFAULT"' in script
    head = script[: script.index("optimizer = ")].replace('weights="DEFAULT"', "")
    names: dict[str, Any] = {}
    exec(compile(head, "script", "exec"), names)  # noqa: S102 - our own text
    ours = build_network(recipe, channels, (32, 32), fetch=False)
    images = torch.rand(4, channels, 32, 32)
    embeddings = F.normalize(names["encoder"].eval()(images))
    torch.testing.assert_close(embeddings, ours.eval().embed(images), rtol=1e-4, atol=1e-5)


def test_shapes_are_found_without_touching_the_random_state() -> None:
    before = torch.get_rng_state()
    pytorch_script(Recipe(encoder="koch-2015", image_size=105), "glyphs", 1, (28, 28))
    assert torch.equal(before, torch.get_rng_state())


def test_images_too_small_are_refused_in_a_sentence() -> None:
    with pytest.raises(SiameseError, match="too small for the encoder koch-2015"):
        pytorch_script(Recipe(encoder="koch-2015"), "glyphs", 1, (28, 28))


# -- the loss

ALL_PAIRS: dict[str, Any] = {"batching": "all-pairs", "classes_per_batch": 4, "images_per_class": 3}
MINED = [
    {"loss": "triplet", "mining": mining, "soft_margin": soft, "margin": 0.7, **ALL_PAIRS}
    for mining in ("all", "semi-hard", "hard")
    for soft in (False, True)
]
DISTANCES = [kind for kind in get_args(recipes.SimilarityKind) if kind != "learned"]
LOSSES: list[dict[str, Any]] = [
    *({"similarity": kind, "normalize": normalize} for kind in DISTANCES for normalize in (False, True)),
    *({"similarity": kind, "normalize": normalize, **ALL_PAIRS} for kind in DISTANCES for normalize in (False, True)),
    {"loss": "triplet", "batching": "triplets", "margin": 0.4},
    {"loss": "triplet", "batching": "triplets", "soft_margin": True, "similarity": "cosine"},
    *MINED,
    *({**case, "similarity": "cosine", "normalize": False} for case in MINED),
    {"loss": "bce", "similarity": "learned", "normalize": False},
    {"loss": "bce", "similarity": "learned", **ALL_PAIRS},
    {"loss": "supcon", "similarity": "cosine", "temperature": 0.2, **ALL_PAIRS},
    {"second_tower": "strided", "margin": 1.5},
]


def batch_of(recipe: Recipe) -> tuple[int, Tensor]:
    """How many images a batch has, and its `same`."""
    if recipe.batching == "all-pairs":
        label = torch.arange(recipe.classes_per_batch).repeat_interleave(recipe.images_per_class)
        return len(label), label[:, None] == label
    n = recipe.batch_size
    if recipe.batching == "triplets":
        return 3 * n, torch.ones(n, dtype=torch.bool)
    return 2 * n, torch.arange(n) < n // 2


def losses_of(recipe: Recipe, raw: Tensor) -> tuple[Tensor, Tensor]:
    """The script's loss and ours, of the same embeddings before any scaling to length 1."""
    names = parts_of(recipe)
    names.update({"encoder": nn.Identity(), "towers": [nn.Identity(), nn.Identity()]})
    similarity = Similarity(recipe.similarity, recipe.embedding_dim)
    if recipe.loss == "bce":
        similarity.same_logit.load_state_dict(names["verdict"].state_dict())
    size, same = batch_of(recipe)
    embeddings = F.normalize(raw) if recipe.normalize else raw
    ours = batch_loss(recipe, similarity, embeddings, Batch(torch.arange(size), same), recipe.margin)
    return names["loss_of"](*names["measure"](raw)), ours


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("case", LOSSES, ids=lambda case: "-".join(str(v) for v in case.values()))
def test_the_loss_is_ours(case: dict[str, Any], seed: int) -> None:
    recipe = Recipe(encoder="strided", embedding_dim=5, batch_size=8, **case)
    raw = torch.randn(batch_of(recipe)[0], 5, generator=torch.Generator().manual_seed(seed)).requires_grad_()
    theirs, ours = losses_of(recipe, raw)
    assert theirs.item() == pytest.approx(ours.item(), rel=1e-5)
    (their_gradient,) = torch.autograd.grad(theirs, raw, retain_graph=True)
    (our_gradient,) = torch.autograd.grad(ours, raw)
    assert our_gradient.abs().max() > 0
    torch.testing.assert_close(their_gradient, our_gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("soft", [False, True])
def test_random_mining_draws_every_negative_alike(soft: bool) -> None:
    recipe = Recipe(loss="triplet", mining="random", margin=0.5, soft_margin=soft, embedding_dim=5, **ALL_PAIRS)
    raw = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    names = parts_of(recipe)
    names["encoder"] = nn.Identity()
    torch.manual_seed(1)
    drawn = torch.stack([names["loss_of"](*names["measure"](raw)) for _ in range(800)])
    near, far = names["measure"](raw)
    difference = near[:, :, None] - far[:, None]
    terms = F.softplus(difference) if soft else (difference + 0.5).clamp_min(0)
    assert drawn.std() > 0
    assert abs(drawn.mean() - terms.mean()) < 4 * drawn.std() / 800**0.5


def test_the_first_losses_are_ours(
    patterns: Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a learning rate of nothing the network stays as it starts, and every step is a first step."""
    recipe = replace(RECIPES["contrastive-pairs"], learning_rate=0.0, weight_decay=0.0, batch_size=64, steps=12)
    step = TrainingStep(recipe, patterns.train, torch.device("cpu"))
    for _ in range(12):
        step()
    ours = step.losses[:12]
    run_here(pytorch_script(recipe, "mine", 1, (28, 28)), folder, monkeypatch)
    theirs = torch.tensor(told(capsys.readouterr().out)[0])
    assert len(theirs) == 12
    assert abs(theirs.mean() - ours.mean()) < 4 * (ours.std() + theirs.std()) / 12**0.5


# -- images


@pytest.mark.parametrize("value", [0.1, 0.4, 0.95])
@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_augmentation_is_ours(kind: str, raw: bool, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both with the same numbers in place of random ones."""
    recipe = Recipe(augmentation=kind, raw_pixels=raw)
    top = 255 if raw else 1
    images = torch.rand(3, 1, 28, 28)
    augment = parts_of(recipe)["augment"]

    def shape(sizes: tuple[Any, ...]) -> tuple[int, ...]:
        return sizes[0] if isinstance(sizes[0], tuple) else sizes

    monkeypatch.setattr(torch, "rand", lambda *sizes, **_: torch.full(shape(sizes), value))
    monkeypatch.setattr(torch, "randint", lambda high, sizes: torch.full(sizes, int(value * high)))
    transforms = draw_transforms(kind, 3, torch.Generator())
    assert transforms is not None
    ours = apply_transforms(images, transforms, kind)
    torch.testing.assert_close(augment(images * top) / top, ours, rtol=1e-4, atol=1e-5)


def test_the_folders_hold_the_images_as_they_were(
    patterns: Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["script.py", str(folder)])
    for part in ("train", "validation", "test"):
        assert torch.equal(torch.cat(parts_of(Recipe())["load"](part)), getattr(patterns, part).images)
    inverted = parts_of(Recipe(invert=True))["load"]("test")
    assert torch.equal(255 - torch.cat(inverted), patterns.test.images)
    assert [len(images) for images in inverted] == patterns.test.counts.tolist()


def classes_of(counts: list[int]) -> tuple[Tensor, ...]:
    """Classes of images 1×1 whose one pixel says class (tens) and number."""
    return tuple((10 * c + torch.arange(n)).byte().view(n, 1, 1, 1) for c, n in enumerate(counts))


def numbers(x: Tensor) -> list[int]:
    return (x * 255).round().int().flatten().tolist()


@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_half_same_half_different(seed: int) -> None:
    names = parts_of(Recipe(batch_size=40, seed=seed))
    left, right = torch.tensor(numbers(names["draw"](classes_of([2, 3, 9, 5])))).chunk(2)
    same = left // 10 == right // 10
    assert same.tolist() == [True] * 20 + [False] * 20
    assert bool((left != right).all())
    assert len(set(left.tolist())) > 6


@pytest.mark.parametrize("seed", range(4))
def test_triplets_are_anchor_positive_negative(seed: int) -> None:
    names = parts_of(Recipe(loss="triplet", batching="triplets", batch_size=40, seed=seed))
    anchor, positive, negative = torch.tensor(numbers(names["draw"](classes_of([2, 3, 9, 5])))).chunk(3)
    assert torch.equal(anchor // 10, positive // 10)
    assert bool((anchor != positive).all() and (anchor // 10 != negative // 10).all())


@pytest.mark.parametrize("seed", range(4))
def test_all_pairs_draws_distinct_images_of_distinct_classes(seed: int) -> None:
    names = parts_of(Recipe(batching="all-pairs", classes_per_batch=3, images_per_class=4, seed=seed))
    drawn = torch.tensor(numbers(names["draw"](classes_of([2, 4, 9, 5])))).view(3, 4)
    assert bool((drawn // 10 == drawn[:, :1] // 10).all())
    assert len(set((drawn[:, 0] // 10).tolist())) == 3
    # A class of two images gives both of them twice.
    assert [len(set(row.tolist())) for row in drawn] == [2 if row[0] < 10 else 4 for row in drawn]


def test_the_right_image_is_of_the_second_domain() -> None:
    recipe = Recipe(batch_size=6)
    names = parts_of(recipe, "glyphs-two-domains")
    classes = [torch.stack([c, c + 100], 1) for c in classes_of([3, 3])]
    left, right = torch.tensor(numbers(names["draw"](classes))).chunk(2)
    assert bool((left < 100).all() and (right >= 100).all())


# -- the optimisation


@pytest.mark.parametrize("schedule", get_args(recipes.Schedule))
@pytest.mark.parametrize("optimizer", get_args(recipes.Optimizer))
def test_optimiser_and_schedule_are_ours(
    optimizer: str, schedule: str, patterns: Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(
        encoder="strided",
        batch_size=2,
        optimizer=optimizer,
        momentum=0.3,
        weight_decay=0.02,
        schedule=schedule,
        steps=15,
    )
    steps: list[tuple[type, dict[str, Any]]] = []
    handle = register_optimizer_step_pre_hook(
        lambda taken, *_: steps.append((type(taken), {k: v for k, v in taken.param_groups[0].items() if k != "params"}))
    )
    try:
        run_here(pytorch_script(recipe, "mine", 1, (28, 28)), folder, monkeypatch)
    finally:
        handle.remove()
    ours = TrainingStep(recipe, patterns.train, torch.device("cpu")).optimizer
    expected = [0.003 * schedule_factor(schedule, number, 15) for number in range(15)]
    assert [group["lr"] for _, group in steps] == pytest.approx(expected)
    assert {kind for kind, _ in steps} == {type(ours)}
    for name in {"momentum", "weight_decay", "betas", "eps", "nesterov"} & ours.param_groups[0].keys():
        assert steps[0][1][name] == ours.param_groups[0][name]


# -- the text


@pytest.mark.parametrize("data", [*NAMES, "mine"])
@pytest.mark.parametrize("name", RECIPES)
def test_is_short_and_says_no_more_than_it_needs(name: str, data: str) -> None:
    for kind in ("digits", "characters", "print", "pen", "pen-and-print", "faces", "photos"):
        script = pytorch_script(recipe_named(name, kind), data, 1, (28, 28))
        check_form(script)
        # Nothing is defined that is not used.
        tree = ast.parse(script)
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                assert node.name in used
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Tuple, ast.Name)):
                targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else [node.targets[0]]
                assert {target.id for target in targets if isinstance(target, ast.Name)} <= used
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert {alias.asname or alias.name for alias in node.names} <= used


def check_form(script: str, most: int = MOST_LINES) -> None:
    lines = script.splitlines()
    assert len(lines) <= most
    assert max(map(len, lines)) <= WIDTH, max(lines, key=len)
    assert script.endswith("\n") and "\n\n\n" not in script
    assert not any(line != line.rstrip() for line in lines)
    compile(script, "script", "exec")
    imported = {
        alias.name for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {str(node.module) for node in ast.walk(ast.parse(script)) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"random", "sys", "torch", "torch.nn", "torchvision"}


@st.composite
def any_recipe(draw: st.DrawFn) -> Recipe:
    loss = draw(st.sampled_from(get_args(recipes.Loss)))
    batching = draw(
        st.sampled_from(
            {"triplet": ["triplets", "all-pairs"], "supcon": ["all-pairs"]}.get(loss, ["pairs", "all-pairs"])
        )
    )
    similarity = {"bce": st.just("learned"), "supcon": st.just("cosine")}.get(loss, st.sampled_from(DISTANCES))
    towers = st.one_of(st.none(), st.sampled_from(get_args(recipes.Encoder))) if batching == "pairs" else st.none()
    encoder = draw(st.sampled_from(get_args(recipes.Encoder)))
    second = draw(towers)
    can = {encoder, second or encoder} <= set(get_args(recipes.TorchvisionEncoder))
    pretrained = draw(st.booleans()) if can else False
    return Recipe(
        encoder=encoder,
        second_tower=second,
        pretrained=pretrained,
        embedding_dim=draw(st.integers(1, 4096)),
        normalize=True if loss == "supcon" else draw(st.booleans()),
        similarity=draw(similarity),
        loss=loss,
        margin=draw(st.floats(0.01, 100)),
        soft_margin=draw(st.booleans()),
        temperature=draw(st.floats(0.01, 10)),
        batching=batching,
        mining=draw(st.sampled_from(get_args(recipes.Mining))),
        class_mining=batching == "all-pairs" and draw(st.booleans()),
        optimizer=draw(st.sampled_from(get_args(recipes.Optimizer))),
        learning_rate=draw(st.floats(0, 10)),
        momentum=draw(st.sampled_from([0.0, 0.9])),
        weight_decay=draw(st.sampled_from([0.0, 0.0002])),
        schedule=draw(st.sampled_from(get_args(recipes.Schedule))),
        steps=draw(st.integers(1, 1_000_000)),
        augmentation=draw(st.sampled_from(get_args(recipes.Augmentation))),
        rotations_as_classes=draw(st.booleans()),
        image_size=128,
        grey=draw(st.booleans()),
        invert=draw(st.booleans()),
        raw_pixels=False if pretrained else draw(st.booleans()),
        precision=draw(st.sampled_from(get_args(recipes.Precision))),
    )


LONGEST = Recipe(
    encoder="faces-code",
    loss="triplet",
    similarity="squared-euclidean",
    normalize=False,
    batching="all-pairs",
    mining="semi-hard",
    optimizer="adamw",
    schedule="one-cycle",
    augmentation="faces",
    image_size=128,
)


@example(LONGEST, "mnist", 1)
@given(any_recipe(), st.sampled_from([*NAMES, "mine"]), st.sampled_from([1, 3]))
def test_any_configuration_is_short_and_compiles(recipe: Recipe, data: str, channels: int) -> None:
    most = MOST_LINES if recipe.second_tower is None else MOST_LINES + 10
    if "oriented" in (recipe.encoder, recipe.second_tower):
        most += 20  # the filters themselves
    check_form(pytorch_script(recipe, data, channels, (28, 28)), most)


def test_nothing_that_a_person_typed_becomes_code() -> None:
    typed = '"""\nimport os\n'
    recipe = replace(Recipe(), name=typed, teaches=typed)
    script = pytorch_script(recipe, typed, 1, (28, 28))
    assert "os" not in [
        alias.name for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Import) for alias in node.names
    ]
    assert script == pytorch_script(replace(Recipe(), name="mine"), "/home/someone/faces", 1, (28, 28))
