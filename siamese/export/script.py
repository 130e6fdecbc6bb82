"""The same training in plain PyTorch: a recipe written out as one short script that needs nothing of this project.

The pieces below are the lines of that script. Each function of it has one wording for each way of training, and only
what the recipe uses is written. Distances reach its loss as two tensors, those of same pairs and those of different
ones, because that makes every loss a line or two.
"""

from __future__ import annotations

from typing import get_args

import torch
from torch import nn

from siamese.data.torchvision_sets import SETS, VALIDATION_IMAGES, VALIDATION_SEED
from siamese.learning.augment import KINDS
from siamese.models.encoders import IMAGENET_MEAN, IMAGENET_STD, build_encoder
from siamese.recipes import RECIPES, Recipe
from siamese.recipes.recipe import TorchvisionEncoder
from siamese.training.schedule import warm_up_steps

MOST_LINES = 62
WIDTH = 120
_EXPORTED = ("glyphs", "doodle-faces", "glyphs-two-domains", "omniglot")
# Where a script is too long for all of its empty lines, those before these parts go first.
_CLOSE_UP = ("constants", "loss", "measure", "augment", "draw", "network", "load", "evaluation", "training")


def pytorch_script(recipe: Recipe, dataset_name: str, channels: int, size: tuple[int, int]) -> str:
    """A complete Python script, at most 62 lines of 120 characters, that trains this configuration on its own. (Two
    towers, where they are unlike or nearly everything else is switched on as well, take up to ten more.)

    It needs torch, torchvision and pillow, and takes a data folder as its argument: torchvision's own for MNIST,
    Fashion-MNIST and KMNIST; for all else one that holds train, validation and test (export.write_dataset writes it).
    It prints step and loss, and at the end the pair accuracy on test images at a threshold chosen on validation images.

    recipe: as fitted to its training bank (Recipe.fitted).  dataset_name: as in the catalogue; any other stands for
    a person's own images and is not repeated in the script.  channels, size (height, width): of the images, before or
    after the recipe makes them grey and square.
    Raises SiameseError for images too small for the encoder.
    """
    channels = 1 if recipe.grey else channels
    size = size if recipe.image_size is None else (recipe.image_size, recipe.image_size)
    parts = {
        "constants": _constants(recipe),
        "load": _load(recipe, dataset_name, channels, size),
        "draw": _draw(recipe, dataset_name, size),
        "augment": _augment(recipe),
        "network": _network(recipe, channels, size),
        "measure": _measure(recipe),
        "loss": _loss(recipe),
        "training": _training(recipe),
        "evaluation": _evaluation(recipe),
    }
    body = {name: lines for name, lines in parts.items() if lines}
    used = "\n".join(line for lines in body.values() for line in lines)
    return _joined({"head": _header(recipe, dataset_name) + _imports(used)} | body)


def _joined(parts: dict[str, list[str]]) -> str:
    """The parts with an empty line before each but the first, as far as the lines suffice."""
    wanted = [name for name in reversed(_CLOSE_UP) if name in parts]
    apart = wanted[: max(0, MOST_LINES - sum(map(len, parts.values())))]
    lines = [line for name, part in parts.items() for line in ([""] if name in apart else []) + part]
    return "\n".join(lines) + "\n"


def _header(recipe: Recipe, dataset_name: str) -> list[str]:
    known = dataset_name in SETS or dataset_name in _EXPORTED
    name = recipe.name if recipe.name in RECIPES else "a recipe"
    on = dataset_name if known else "your own images"
    first = f'"""{name} on {on}, with torch, torchvision and pillow alone. Run: python this_file.py DATA'
    if dataset_name in SETS:
        return [
            first,
            'DATA is the folder that torchvision keeps the images in; what is missing there is downloaded."""',
        ]
    folders = "DATA has train, validation and test, with class folders in each"
    if dataset_name == "glyphs-two-domains":
        folders = "DATA has class folders in train, train-partner and so on"
    return [first, folders + (f' (python -m siamese data export {dataset_name} DATA)."""' if known else '."""')]


def _imports(used: str) -> list[str]:
    vision = [part for part in ("datasets", "models", "transforms") if f"{part}." in used]
    return [
        *(["import random"] if "random.sample" in used else []),
        "import sys",
        "import torch",
        "from torch import nn",
        *(["from torch.nn import functional as F"] if "F." in used else []),
        f"from torchvision import {', '.join(vision)}",
    ]


def _constants(recipe: Recipe) -> list[str]:
    optimisation: dict[str, float] = {"STEPS": recipe.steps, "RATE": recipe.learning_rate}
    if _momentum(recipe):
        optimisation["MOMENTUM"] = recipe.momentum
    if _decays(recipe):
        optimisation["WEIGHT_DECAY"] = recipe.weight_decay
    batch: dict[str, float]
    if recipe.batching == "all-pairs":
        batch = {"CLASSES": recipe.classes_per_batch, "IMAGES": recipe.images_per_class}
        comment = "classes in a batch, images of each"
    else:
        batch = {recipe.batching.upper(): recipe.batch_size}
        comment = "in a batch" + (", half of them same" if recipe.batching == "pairs" else "")
    if recipe.loss == "supcon":
        batch["TEMPERATURE"], comment = recipe.temperature, f"{comment}; the lower, the stricter"
    elif recipe.loss == "contrastive":
        batch["MARGIN"], comment = recipe.margin, f"{comment}; how far different ones are pushed apart"
    elif recipe.loss == "triplet" and not recipe.soft_margin:
        batch["MARGIN"], comment = recipe.margin, f"{comment}; by how much the negative has to be farther away"
    return [
        _assigned(optimisation | {"SEED": recipe.seed}),
        _commented(_assigned(batch), comment),
        *([] if recipe.batching == "all-pairs" else ["random.seed(SEED)"]),
        "torch.manual_seed(SEED)",
        'torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")',
    ]


def _commented(line: str, comment: str) -> str:
    """The line with its comment, as far as there is room for one."""
    full = f"{line}  # {comment}"
    return full if len(full) <= WIDTH else line


def _assigned(values: dict[str, float]) -> str:
    return f"{', '.join(values)} = {', '.join(map(repr, values.values()))}"


def _momentum(recipe: Recipe) -> bool:
    return recipe.optimizer == "sgd" and recipe.momentum > 0


def _decays(recipe: Recipe) -> bool:
    return recipe.weight_decay > 0 or recipe.optimizer == "adamw"  # whose own default is not zero


def _partners(recipe: Recipe, dataset_name: str) -> bool:
    return dataset_name == "glyphs-two-domains" and recipe.batching == "pairs"


def _load(recipe: Recipe, dataset_name: str, channels: int, size: tuple[int, int]) -> list[str]:
    def returned(images: str, labels: str) -> str:
        images = f"(255 - {images})" if recipe.invert else images
        return f"    return {images}.to(torch.get_default_device()).split({labels}.bincount().tolist())"

    if dataset_name in SETS:
        each, images = VALIDATION_IMAGES // len(SETS[dataset_name].class_names), "members[rows, None]"
        images = f"(255 - {images})" if recipe.invert else images
        return _lines(f"""
def load(part):  # one uint8 tensor [n, 1, 28, 28] for each class; {each} training images of each class validate
    data = datasets.{SETS[dataset_name].torchvision}(sys.argv[1], train=part != "test", download=True)
    seeded, classes = torch.Generator().manual_seed({VALIDATION_SEED}), []
    for members in [data.data[data.targets == label] for label in data.targets.unique()]:
        order = torch.randperm(len(members), generator=seeded, device="cpu")
        rows = {{"train": order[{each}:], "validation": order[:{each}], "test": order}}[part]
        classes.append({images}.to(torch.get_default_device()))
    return classes""")
    grey = "transforms.Grayscale(), " if channels == 1 else ""
    shape = f"{channels}, {size[0]}, {size[1]}"
    prepare = f"transforms.Compose([{grey}transforms.Resize({tuple(size)}), transforms.PILToTensor()])"
    if _partners(recipe, dataset_name):
        return _lines(f"""
def load(part):  # one uint8 tensor [n, 2, {shape}] for each class: its images on the left and on the right side
    prepare = {prepare}
    left, labels = zip(*datasets.ImageFolder(f"{{sys.argv[1]}}/{{part}}", prepare))
    right, _ = zip(*datasets.ImageFolder(f"{{sys.argv[1]}}/{{part}}-partner", prepare))
    images = torch.stack([torch.stack(left), torch.stack(right)], 1)
{returned("images", "torch.tensor(labels)")}""")
    return _lines(f"""
def load(part):  # one uint8 tensor [n, {shape}] for each class
    prepare = {prepare}
    images, labels = zip(*datasets.ImageFolder(f"{{sys.argv[1]}}/{{part}}", prepare))
{returned("torch.stack(images)", "torch.tensor(labels)")}""")


def _lines(text: str) -> list[str]:
    return text.strip("\n").splitlines()


_DRAW = {
    "pairs": """
def draw(classes):  # PAIRS left images, then PAIRS right ones; the first half of the pairs are of one class
    same = [c[random.sample(range(len(c)), 2)] for c in random.choices(classes, k=PAIRS // 2)]
    different = [torch.stack([random.choice(c) for c in random.sample(classes, 2)]) for _ in same]""",
    "triplets": """
def draw(classes):  # TRIPLETS anchors, then their positives (of the same class), then negatives (of another)
    two = [random.sample(classes, 2) for _ in range(TRIPLETS)]
    triplets = [torch.stack([*own[random.sample(range(len(own)), 2)], random.choice(other)]) for own, other in two]""",
    "all-pairs": """
def draw(classes):  # IMAGES images of each of CLASSES classes; a class that has fewer repeats its own
    chosen = [classes[c] for c in torch.randperm(len(classes))[:CLASSES]]
    images = [c[torch.randperm(len(c))[torch.arange(IMAGES) % len(c)]] for c in chosen]""",
}


def _draw(recipe: Recipe, dataset_name: str, size: tuple[int, int]) -> list[str]:
    lines = _lines(_DRAW[recipe.batching])
    images = {
        "pairs": "torch.stack(same + different, 1).flatten(0, 1)",
        "triplets": "torch.stack(triplets, 1).flatten(0, 1)",
        "all-pairs": "torch.cat(images)",
    }[recipe.batching]
    if _partners(recipe, dataset_name):
        lines.append("    pairs = torch.stack(same + different)")
        images = "torch.cat([pairs[:, 0, 0], pairs[:, 1, 1]])"
    images += ".float()" if recipe.raw_pixels else " / 255"
    # Images of folders get their size as they are read; those of torchvision are one large tensor, so in each batch.
    if dataset_name in SETS and tuple(size) != (28, 28):
        lines.append(f"    x = {images}")
        images = f'F.interpolate(x, {tuple(size)}, mode="bilinear", antialias=True)'
    return [*lines, f"    return {images}"]


def _augment(recipe: Recipe) -> list[str]:
    if recipe.augmentation == "none":
        return []
    ranges = KINDS[recipe.augmentation]
    moved = 'F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), "bilinear", "border", False)'
    shift = f"{2 * ranges.shift:g}"  # affine_grid measures from −1 to 1: a whole side is 2
    if recipe.augmentation == "shift":
        return _lines(f"""
def augment(x):  # shifts each image at random; a whole side is 2
    matrix = torch.eye(2, 3).repeat(len(x), 1, 1)
    matrix[:, :, 2] = {shift} * (2 * torch.rand(len(x), 2) - 1)
    return {moved}""")
    most = f"{ranges.rotation:g} * torch.pi / 180, {ranges.scale:g}, {ranges.shear:g}, {shift}, {shift}"
    if recipe.augmentation == "faces":
        return _lines(f"""
def augment(x):  # turns, scales, slants and shifts each image at random, mirrors it or not, and changes its light
    most = torch.tensor([{most}, {ranges.brightness:g}])
    turn, scale, slant, right, down, light = ((2 * torch.rand(len(x), 6) - 1) * most).T
    cos, sin, mirror = (1 + scale) * turn.cos(), (1 + scale) * turn.sin(), 2 * torch.randint(2, (len(x),)) - 1
    matrix = torch.stack([cos * mirror, slant - sin, right, sin * mirror, cos, down], 1).view(-1, 2, 3)
    x = {moved}
    return (x * (1 + light).view(-1, 1, 1, 1)).clamp(0, {255 if recipe.raw_pixels else 1})""")
    sometimes = f" * (torch.rand(len(x), 5) < {ranges.chance:g})" if ranges.chance < 1 else ""
    return _lines(f"""
def augment(x):  # turns, scales, slants and shifts each image at random{", now and then" if sometimes else ""}
    most = torch.tensor([{most}]){sometimes}
    turn, scale, slant, right, down = ((2 * torch.rand(len(x), 5) - 1) * most).T
    cos, sin = (1 + scale) * turn.cos(), (1 + scale) * turn.sin()
    matrix = torch.stack([cos, slant - sin, right, sin, cos, down], 1).view(-1, 2, 3)
    return {moved}""")


def _towers(recipe: Recipe) -> dict[str, str]:
    """Variable and encoder of each tower."""
    if recipe.second_tower is None:
        return {"encoder": recipe.encoder}
    return {"left_tower": recipe.encoder, "right_tower": recipe.second_tower}


_STRIDED = (
    "block = lambda i, o, kernel: (nn.Conv2d(i, o, kernel, 2, kernel // 2, bias=False), nn.BatchNorm2d(o), nn.ReLU())"
)
_LAYER = (
    "layer = lambda i, o, stride=1, k=3: "
    "(nn.Conv2d(i, o, k, stride, k // 2, bias=False), nn.BatchNorm2d(o), nn.ReLU())\n"
)
_MID = _LAYER + (
    "five = lambda c: (*layer(c, 32, 2, 5), *layer(32, 64, 2, 5), *layer(64, 96), *layer(96, 128, 2), *layer(128, 128))"
)
_DEEP = _LAYER + (
    "deep = lambda c: (*layer(c, 32, 2, 5), *layer(32, 64), *layer(64, 128, 2), *layer(128, 128), *layer(128, 128, 2))"
)
_POOLED = "pooled = lambda i: (nn.Conv2d(i, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2))"
_BLOCKS = {
    "strided": _STRIDED,
    "strided-wide": _STRIDED,
    "strided-mid": _MID,
    "strided-deep": _DEEP,
    "conv4": _POOLED,
}

# The layers of each encoder for c channels, an embedding of length d, and f features left by the convolutions.
_LAYERS = {
    "strided": "*block({c}, 16, 5), *block(16, 32, 5), nn.Flatten(), nn.Linear({f}, {d})",
    "strided-wide": "*block({c}, 32, 5), *block(32, 64, 5), *block(64, 128, 3), nn.Flatten(), nn.Linear({f}, {d})",
    "strided-mid": "*five({c}), nn.Flatten(), nn.Linear({f}, {d})",
    "strided-deep": "*deep({c}), nn.Flatten(), nn.Linear({f}, {d})",
    "conv4": "*pooled({c}), *pooled(64), *pooled(64), *pooled(64), nn.Flatten(), nn.Linear({f}, {d})",
    "mnist-post": """
    nn.Conv2d({c}, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear({f}, 120), nn.ReLU(), nn.Linear(120, {d}),
""",
    "faces-code": """
    nn.ReflectionPad2d(1), nn.Conv2d({c}, 4, 3), nn.ReLU(), nn.BatchNorm2d(4),
    nn.ReflectionPad2d(1), nn.Conv2d(4, 8, 3), nn.ReLU(), nn.BatchNorm2d(8),
    nn.ReflectionPad2d(1), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.BatchNorm2d(8),
    nn.Flatten(), nn.Linear({f}, 500), nn.ReLU(), nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, {d}),
""",
    "koch-2015": """
    nn.Conv2d({c}, 64, 10), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(64, 128, 7), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(128, 128, 4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(128, 256, 4), nn.ReLU(),
    nn.Flatten(), nn.Linear({f}, {d}), nn.Sigmoid(),
""",
    "triplet-network": """
    nn.Conv2d({c}, 32, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(64, {d}, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten(),
""",
}
# The line that replaces a torchvision classifier by a projection, and where the first convolution is.
_TORCHVISION = {
    "resnet18": ("{v}.fc = nn.Linear(512, {d})", "conv1"),
    "vgg11_bn": ("{v}.avgpool, {v}.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(512, {d})", "features[0]"),
    "efficientnet_b0": ("{v}.classifier = nn.Linear(1280, {d})", "features[0][0]"),
    "mobilenet_v3_small": ("{v}.classifier = nn.Linear(576, {d})", "features[0][0]"),
}


def _network(recipe: Recipe, channels: int, size: tuple[int, int]) -> list[str]:
    towers = _towers(recipe)
    blocks = [_BLOCKS[encoder] for encoder in towers.values() if encoder in _BLOCKS]
    lines = list(dict.fromkeys(line for block in blocks for line in block.splitlines()))
    twins = recipe.second_tower == recipe.encoder and recipe.encoder not in get_args(TorchvisionEncoder)
    for variable, encoder in {"tower": recipe.encoder}.items() if twins else towers.items():
        if encoder in get_args(TorchvisionEncoder):
            lines += _torchvision_encoder(variable, encoder, recipe, channels)
        else:
            lines += _sequential(f"{variable} = {'lambda: ' if twins else ''}", encoder, recipe, channels, size)
    if recipe.second_tower is not None:
        both = "tower(), tower()" if twins else ", ".join(towers)
        lines.append(f"towers = nn.ModuleList([{both}])  # for left and for right images")
    if recipe.loss == "bce":
        lines.append(f'verdict = nn.Linear({recipe.embedding_dim}, 1)  # from |left - right| to the logit of "same"')
    return lines


def _sequential(start: str, encoder: str, recipe: Recipe, channels: int, size: tuple[int, int]) -> list[str]:
    with torch.device("meta"):  # shapes alone, without the weights
        built = build_encoder(encoder, channels, size, recipe.embedding_dim)
    inputs = [layer.in_features for layer in built.modules() if isinstance(layer, nn.Linear)]
    layers = _LAYERS[encoder].format(c=channels, d=recipe.embedding_dim, f=inputs[0] if inputs else 0)
    if "\n" in layers:
        return [f"{start}nn.Sequential(", *_lines(layers), ")"]
    alone = f"{start}nn.Sequential({layers})"
    return [alone] if len(alone) <= WIDTH else [f"{start}nn.Sequential(", f"    {layers}", ")"]


def _torchvision_encoder(variable: str, encoder: str, recipe: Recipe, channels: int) -> list[str]:
    options = ["stochastic_depth_prob=0.0"] if encoder == "efficientnet_b0" else []
    options += ['weights="DEFAULT"'] if recipe.pretrained else []
    projection, first = _TORCHVISION[encoder]
    lines = [
        f"{variable} = models.{encoder}({', '.join(options)})",
        projection.format(v=variable, d=recipe.embedding_dim),
    ]
    if channels == 1:
        weight = f"{variable}.{first}.weight"
        grey = f"{weight} = nn.Parameter({weight}.detach().sum(1, keepdim=True))"
        lines.append(_commented(grey, "grey in place of RGB"))
    if recipe.pretrained:
        mean, std = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else ((0.449,), (0.226,))
        lines.append(f"{variable} = nn.Sequential(transforms.Normalize({mean}, {std}), {variable})")
    return lines


def _distance(recipe: Recipe, a: str, b: str, dim: int) -> str:
    return {
        "euclidean": f"({a} - {b}).norm(dim={dim})",
        "squared-euclidean": f"({a} - {b}).square().sum({dim})",
        "cosine": f"(1 - F.cosine_similarity({a}, {b}, dim={dim}))",
        "manhattan": f"({a} - {b}).abs().sum({dim})",
        "exponential": f"(1 - ({a} - {b}).abs().sum({dim}).neg().exp())",
        "learned": f"verdict(({a} - {b}).abs()).squeeze({dim}).neg()",
    }[recipe.similarity]


def _embedded(recipe: Recipe, encoder: str, images: str, half: str) -> str:
    embedding = f"{encoder}({images})" if recipe.precision != "bfloat16" else f"{half}({encoder})({images}).float()"
    return f"F.normalize({embedding})" if recipe.normalize else embedding


def _left_and_right(recipe: Recipe) -> list[str]:
    """The lines that make left and right, the embeddings of the two halves of a batch x."""
    autocast = "torch.autocast(x.device.type, torch.bfloat16)"
    if recipe.second_tower is None:
        return [f"    left, right = {_embedded(recipe, 'encoder', 'x', autocast)}.chunk(2)"]
    each = _embedded(recipe, "tower", "side", "half")
    lines = [f"    left, right = ({each} for tower, side in zip(towers, x.chunk(2)))"]
    return lines if recipe.precision != "bfloat16" else [f"    half = {autocast}", *lines]


def _measure(recipe: Recipe) -> list[str]:
    what = '"different", as a logit,' if recipe.loss == "bce" else "the distance"
    embedding = _embedded(recipe, "encoder", "x", "torch.autocast(x.device.type, torch.bfloat16)")
    if recipe.batching == "pairs":
        return [
            f"def measure(x):  # {what} of the same pairs, and of the different ones",
            *_left_and_right(recipe),
            f"    return {_distance(recipe, 'left', 'right', 1)}.chunk(2)",
        ]
    if recipe.batching == "triplets":
        near, far = (_distance(recipe, "anchor", other, 1) for other in ("positive", "negative"))
        return [
            f"def measure(x):  # {what} from each anchor to its positive, and to its negative",
            f"    anchor, positive, negative = {embedding}.chunk(3)",
            f"    return {near}, {far}",
        ]
    distance = _distance(recipe, "e[:, None]", "e", 2)
    if recipe.similarity == "cosine" and recipe.normalize:
        distance = "1 - e @ e.T"
    same = "torch.kron(torch.eye(len(e) // IMAGES), torch.ones(IMAGES, IMAGES)).bool()"
    both = f"    d, same = {distance}, {same}"
    return [
        f"def measure(x):  # {what} from each image to the others of its class, and to those of other classes",
        f"    e = {embedding}",
        *([both] if len(both) <= WIDTH else [f"    d = {distance}", f"    same = {same}"]),
        "    return d[same ^ torch.eye(len(e)).bool()].view(len(e), -1), d[~same].view(len(e), -1)",
    ]


def _loss(recipe: Recipe) -> list[str]:
    def hinge(near: str, far: str) -> str:
        return f"F.softplus({near} - {far})" if recipe.soft_margin else f"({near} - {far} + MARGIN).clamp_min(0)"

    if recipe.loss == "contrastive":
        return _lines("""
def loss_of(same, different):  # pulls same pairs together, pushes different ones apart to the margin
    return (same.square().mean() + (MARGIN - different).clamp_min(0).square().mean()) / 2""")
    if recipe.loss == "bce":
        return _lines("""
def loss_of(same, different):  # binary cross-entropy: minus the log of the probability given to the truth
    return (F.softplus(same).mean() + F.softplus(-different).mean()) / 2""")
    if recipe.loss == "supcon":
        return _lines("""
def loss_of(same, different):  # each image is to choose those of its class among all images of the batch
    logits = -torch.cat([same, different], 1) / TEMPERATURE
    return -logits.log_softmax(1)[:, : same.shape[1]].mean()""")
    if recipe.batching == "triplets":
        return _lines(f"""
def loss_of(positive, negative):  # the negative is to be farther from the anchor than the positive
    return {hinge("positive", "negative")}.mean()""")
    if recipe.mining == "hard":
        return _lines(f"""
def loss_of(same, different):  # the farthest image of the class is to be nearer than the nearest of another
    return {hinge("same.amax(1)", "different.amin(1)")}.mean()""")
    if recipe.mining == "random":
        return _lines(f"""
def loss_of(same, different):  # each image of the class is to be nearer than one image of another, drawn at random
    negative = different.gather(1, torch.randint(different.shape[1], same.shape))
    return {hinge("same", "negative")}.mean()""")
    if recipe.mining == "semi-hard":
        return _lines(f"""
def loss_of(same, different):  # the negative: the nearest that lies beyond the positive, or the farthest if none does
    beyond = different[:, None].masked_fill(different[:, None] <= same[:, :, None], torch.inf).amin(2)
    negative = torch.where(beyond.isinf(), different.amax(1, keepdim=True), beyond)
    return {hinge("same", "negative")}.mean()""")
    if recipe.soft_margin:
        return _lines("""
def loss_of(same, different):  # every image of the class is to be nearer than every image of another
    return F.softplus(same[:, :, None] - different[:, None]).mean()""")
    return _lines("""
def loss_of(same, different):  # the mean over all triplets that do not keep the margin yet
    terms = (same[:, :, None] - different[:, None] + MARGIN).clamp_min(0)
    return terms.sum() / (terms > 0).sum().clamp_min(1)""")


def _trained(recipe: Recipe) -> tuple[list[str], str]:
    """The line that puts all that is trained together, where it is more than one module, and its name."""
    network = "encoder" if recipe.second_tower is None else "towers"
    return ([f"network = nn.ModuleList([{network}, verdict])"], "network") if recipe.loss == "bce" else ([], network)


def _training(recipe: Recipe) -> list[str]:
    lines, trained = _trained(recipe)
    options = "lr=RATE"
    options += ", momentum=MOMENTUM" if _momentum(recipe) else ""
    options += ", weight_decay=WEIGHT_DECAY" if _decays(recipe) else ""
    optimizer = {"adamw": "AdamW", "adam": "Adam", "sgd": "SGD"}[recipe.optimizer]
    classes = 'load("train")'
    if recipe.rotations_as_classes:
        classes = (
            '[c.rot90(k, (2, 3)) for c in load("train") for k in range(4)]  # a class turned is a class of its own'
        )
    warm_up = warm_up_steps(recipe.steps)
    about = {
        "constant": "",
        "one-cycle": f"  # the learning rate rises for {warm_up:g} of them, then falls to nothing",
        "decay": "  # the learning rate falls by one percent two hundred times",
    }[recipe.schedule]
    schedule = {
        "constant": [],
        "one-cycle": [f"RATE * min((step + 1) / {warm_up:g}, (STEPS - step) / {max(1, recipe.steps - warm_up):g}, 1)"],
        "decay": ["RATE * 0.99 ** (200 * step // STEPS)"],
    }[recipe.schedule]
    batch = "draw(classes)" if recipe.augmentation == "none" else "augment(draw(classes))"
    return [
        *lines,
        f"optimizer = torch.optim.{optimizer}({trained}.parameters(), {options})",
        f"classes = {classes}",
        f"for step in range(STEPS):{about}",
        *(f'    optimizer.param_groups[0]["lr"] = {rate}' for rate in schedule),
        f"    loss = loss_of(*measure({batch}))",
        "    optimizer.zero_grad()",
        "    loss.backward()",
        "    optimizer.step()",
        f"    if step == 0 or (step + 1) % {max(1, recipe.steps // 20)} == 0:",
        '        print(f"step {step + 1}  loss {loss:.4f}", flush=True)',
    ]


def _evaluation(recipe: Recipe) -> list[str]:
    return _lines(f"""
{_trained(recipe)[1]}.eval()
accuracy = lambda same, different, t: ((same < t).float().mean() + (different >= t).float().mean()) / 2
with torch.no_grad():  # the threshold is chosen on validation images and tried on test images
    parts = [[measure(draw(classes)) for classes in [load(part)] * 20] for part in ("validation", "test")]
(same, different), test = [[torch.cat(d) for d in zip(*batches)] for batches in parts]
threshold = max(torch.linspace(same.min(), different.max(), 500), key=lambda t: accuracy(same, different, t))
print(f"held-out pair accuracy {{accuracy(*test, threshold):.4f}} at threshold {{threshold:.4f}}")""")
