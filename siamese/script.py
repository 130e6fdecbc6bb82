"""The same training in plain PyTorch: a recipe written out as one short script that needs nothing of this project."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import nn

from siamese.augment import KINDS
from siamese.data.torchvision_sets import SETS, VALIDATION_IMAGES
from siamese.encoders import IMAGENET_MEAN, IMAGENET_STD, build_encoder
from siamese.recipes import RECIPES, TORCHVISION_ENCODERS, Recipe

MOST_LINES = 60
_EXPORTED = ("glyphs", "doodle-faces", "glyphs-two-domains", "omniglot")
_WIDTH = 120


def pytorch_script(recipe: Recipe, dataset_name: str, channels: int, size: tuple[int, int]) -> str:
    """A complete Python script, at most 60 lines of 120 characters, that trains this configuration on its own.

    It needs torch, torchvision and pillow, and takes a data folder as its argument: of torchvision for MNIST,
    Fashion-MNIST and KMNIST; else one with the folders train, validation and test (export.write_dataset writes it). It
    prints step and loss, and at the end the pair accuracy on test images at a threshold chosen on validation images.

    recipe: as fitted to its training bank (Recipe.fitted).  dataset_name: as in the catalogue; anything else stands for
    a person's own images and is not repeated in the script.  channels, size (height, width): of the network's input.
    Raises SiameseError for images too small for the encoder.
    """
    if recipe.grey:
        channels = 1
    if recipe.image_size is not None:
        size = (recipe.image_size, recipe.image_size)
    two_domains = dataset_name == "glyphs-two-domains" and recipe.batching == "pairs"
    parts = [
        _header(recipe, dataset_name) + _imports(recipe),
        _constants(recipe),
        _load(recipe, dataset_name, channels, size, two_domains),
        _draw(recipe, _needs_resize(dataset_name, size), size, two_domains),
        _augment(recipe),
        *_network(recipe, channels, size),
        _measure(recipe),
        _loss(recipe),
        _training(recipe),
        _accuracy(),
        _evaluation(),
    ]
    return _joined([part for part in parts if part])


def _joined(parts: Sequence[list[str]]) -> str:
    """The parts with an empty line between them, as far as the lines suffice: the last ones do without it first."""
    spare = MOST_LINES - sum(len(part) for part in parts)
    text = ""
    for number, part in enumerate(parts):
        text += ("\n" if 0 < number <= spare else "") + "\n".join(part) + "\n"
    return text


def _header(recipe: Recipe, dataset_name: str) -> list[str]:
    known = dataset_name in SETS or dataset_name in _EXPORTED
    name = recipe.name if recipe.name in RECIPES else "a recipe of your own"
    lines = [f'"""{name}, trained on {dataset_name if known else "your own images"}, with torch, torchvision and pillow.']
    if dataset_name in SETS:
        return lines + ['Run: python this_file.py DATA. DATA is a folder to keep the data in; it is fetched if missing."""']
    lines += ["Run: python this_file.py DATA. DATA holds train, validation and test, with a folder of images for each class"]
    return lines + [f'(python -m siamese data export {dataset_name} DATA)."""' if known else 'in each of them."""']


def _imports(recipe: Recipe) -> list[str]:
    sampled = [] if recipe.batching == "all-pairs" else ["import random"]
    models = "models, " if _torchvision_towers(recipe) else ""
    return [
        *sampled,
        "import sys",
        "import torch",
        "from torch import nn",
        "from torch.nn import functional as F",
        f"from torchvision import datasets, {models}transforms",
    ]


def _constants(recipe: Recipe) -> list[str]:
    named = {"STEPS": recipe.steps, "RATE": recipe.learning_rate}
    if recipe.optimizer == "sgd" and recipe.momentum:
        named["MOMENTUM"] = recipe.momentum
    if recipe.weight_decay or recipe.optimizer == "adamw":
        named["WEIGHT_DECAY"] = recipe.weight_decay
    lines = [_assigned({**named, "SEED": recipe.seed})]
    pairs = {
        "pairs": ({"PAIRS": recipe.batch_size}, "pairs in a batch, half of them same"),
        "triplets": ({"TRIPLETS": recipe.batch_size}, "triplets in a batch"),
        "all-pairs": (
            {"CLASSES": recipe.classes_per_batch, "IMAGES": recipe.images_per_class},
            "classes in a batch, images of each",
        ),
    }
    named, comment = pairs[recipe.batching]
    if recipe.loss == "supcon":
        named, comment = named | {"TEMPERATURE": recipe.temperature}, f"{comment}; lower is stricter"
    elif recipe.loss == "contrastive":
        named, comment = named | {"MARGIN": recipe.margin}, f"{comment}; how far different pairs are pushed"
    elif recipe.loss == "triplet" and not recipe.soft_margin:
        named, comment = named | {"MARGIN": recipe.margin}, f"{comment}; how much farther the negative has to be"
    lines.append(f"{_assigned(named)}  # {comment}")
    if recipe.schedule == "one-cycle":
        lines.append("WARM_UP = STEPS / 5  # steps in which the learning rate rises; after them it falls to nothing")
    if recipe.augmentation != "none":
        lines.append(_jitter(recipe))
    if recipe.batching != "all-pairs":
        lines.append("random.seed(SEED)")
    return lines + [
        "torch.manual_seed(SEED)",
        'torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")',
    ]


def _assigned(values: dict[str, float]) -> str:
    return f"{', '.join(values)} = {', '.join(f'{value:.10g}' for value in values.values())}"


def _load(recipe: Recipe, name: str, channels: int, size: tuple[int, int], two_domains: bool) -> list[str]:
    height, width = size
    device = ".to(torch.get_default_device())"
    if name in SETS:
        images = "images[order, None]"
        return [
            "def load(part):  # one uint8 tensor [n, 1, 28, 28] for each class; the last training images validate",
            f'    data = datasets.{SETS[name].torchvision}(sys.argv[1], train=part != "test", download=True)',
            f'    rows = {{"train": slice(-{VALIDATION_IMAGES}), "validation": slice(-{VALIDATION_IMAGES}, None), '
            '"test": slice(None)}[part]',
            "    images, labels = data.data[rows], data.targets[rows]",
            "    order = labels.argsort()",
            f"    return {'(255 - ' + images + ')' if recipe.invert else images}{device}"
            ".split(labels.bincount().tolist())",
        ]
    grey = "transforms.Grayscale(), " if channels == 1 else ""
    what = f"left and right images, [n, 2, {channels}, {height}, {width}]" if two_domains else (
        f"one uint8 tensor [n, {channels}, {height}, {width}]"
    )
    lines = [
        f"def load(part):  # {what} for each class",
        f"    prepare = transforms.Compose([{grey}transforms.Resize(({height}, {width})), transforms.PILToTensor()])",
    ]
    images = "torch.stack(images)"
    if two_domains:
        lines += [
            '    images, labels = zip(*datasets.ImageFolder(f"{sys.argv[1]}/{part}", prepare))',
            '    partners, _ = zip(*datasets.ImageFolder(f"{sys.argv[1]}/{part}-partner", prepare))',
        ]
        images = "torch.stack([torch.stack(images), torch.stack(partners)], 1)"
    else:
        lines.append('    images, labels = zip(*datasets.ImageFolder(f"{sys.argv[1]}/{part}", prepare))')
    images = f"(255 - {images})" if recipe.invert else images
    return lines + [f"    return {images}{device}.split(torch.tensor(labels).bincount().tolist())"]


def _needs_resize(name: str, size: tuple[int, int]) -> bool:
    # Images of folders are resized as they are read; those of torchvision are one large tensor, resized batch by batch.
    return name in SETS and tuple(size) != (28, 28)


def _draw(recipe: Recipe, resized: bool, size: tuple[int, int], two_domains: bool) -> list[str]:
    if recipe.batching == "pairs":
        lines = [
            "def draw(classes):  # PAIRS left images, then PAIRS right ones; the first half of the pairs are of one class",
            "    same = [c[random.sample(range(len(c)), 2)] for c in random.choices(classes, k=PAIRS // 2)]",
            "    different = [torch.stack([random.choice(c) for c in random.sample(classes, 2)]) for _ in same]",
        ]
        images = "torch.stack(same + different, 1).flatten(0, 1)"
        if two_domains:
            lines.append("    pairs = torch.stack(same + different)")
            images = "torch.cat([pairs[:, 0, 0], pairs[:, 1, 1]])"
    elif recipe.batching == "triplets":
        lines = [
            "def draw(classes):  # TRIPLETS anchors, then their positives (of the same class), then negatives (of another)",
            "    two = [random.sample(classes, 2) for _ in range(TRIPLETS)]",
            "    triplets = [torch.stack([*own[random.sample(range(len(own)), 2)], random.choice(other)]) "
            "for own, other in two]",
        ]
        images = "torch.stack(triplets, 1).flatten(0, 1)"
    else:
        lines = [
            "def draw(classes):  # IMAGES images of each of CLASSES classes; a class that has fewer repeats its own",
            "    chosen = [classes[c] for c in torch.randperm(len(classes))[:CLASSES]]",
            "    images = [c[torch.randperm(len(c))[torch.arange(IMAGES) % len(c)]] for c in chosen]",
        ]
        images = "torch.cat(images)"
    images += ".float()" if recipe.raw_pixels and not recipe.pretrained else " / 255"
    if resized:
        images = f'F.interpolate({images}, {tuple(size)}, mode="bilinear", antialias=True)'
    return [*lines, f"    return {images}"]


def _jitter(recipe: Recipe) -> str:
    ranges = KINDS[recipe.augmentation]
    if recipe.augmentation == "shift":
        return f"SHIFT = {ranges.shift:g}  # of its side, the most that an image is shifted"
    values = f"TURN, SCALE, SHEAR, SHIFT = {ranges.rotation:g}, {ranges.scale:g}, {ranges.shear:g}, {ranges.shift:g}"
    return f"{values}  # the most that images change, in degrees, factor, slant and share of the side"


def _augment(recipe: Recipe) -> list[str]:
    kind, ranges = recipe.augmentation, KINDS.get(recipe.augmentation)
    if ranges is None:
        return []
    padding = 'padding_mode="border", ' if kind == "faces" else ""
    moved = f"F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), {padding}align_corners=False)"
    if kind == "shift":
        return [
            "def augment(x):  # shifts each image at random",
            "    matrix = torch.eye(2, 3).repeat(len(x), 1, 1)",
            "    matrix[:, :, 2] = 2 * SHIFT * (2 * torch.rand(len(x), 2) - 1)",
            f"    return {moved}",
        ]
    mirror = ", mirror" if ranges.flip else ""
    gain = ", gain" if ranges.brightness else ""
    draws = 5 + ranges.flip + bool(ranges.brightness)
    drawn = f"2 * torch.rand({draws}, len(x)) - 1"
    if ranges.chance < 1:
        drawn = f"(torch.rand({draws}, len(x)) < {ranges.chance:g}) * ({drawn})"
    what = "turns, scales, shears and shifts" if kind != "faces" else "mirrors, turns, scales, shears, shifts and lights"
    by = " * mirror.sign()" if ranges.flip else ""
    lines = [
        f"def augment(x):  # {what} each image at random" + (", each change with a chance of a half" * (kind == "koch")),
        f"    turn, scale, shear, right, down{mirror}{gain} = {drawn}",
        "    angle, scale, shear = TURN * turn * torch.pi / 180, 1 + SCALE * scale, SHEAR * shear",
        "    cos, sin, right, down = scale * angle.cos(), scale * angle.sin(), 2 * SHIFT * right, 2 * SHIFT * down",
        f"    matrix = torch.stack([cos{by}, shear - sin, right, sin{by}, cos, down], 1).view(-1, 2, 3)",
    ]
    if not ranges.brightness:
        return [*lines, f"    return {moved}"]
    top = 255 if recipe.raw_pixels and not recipe.pretrained else 1
    return [
        *lines,
        f"    x = {moved}",
        f"    return (x * (1 + {ranges.brightness:g} * gain).view(-1, 1, 1, 1)).clamp(0, {top})",
    ]


def _towers(recipe: Recipe) -> dict[str, str]:
    """Variable and encoder of each tower."""
    if recipe.second_tower is None:
        return {"encoder": recipe.encoder}
    return {"left_tower": recipe.encoder, "right_tower": recipe.second_tower}


def _torchvision_towers(recipe: Recipe) -> bool:
    return any(encoder in TORCHVISION_ENCODERS for encoder in _towers(recipe).values())


def _network(recipe: Recipe, channels: int, size: tuple[int, int]) -> list[list[str]]:
    """The blocks that encoders are made of, and the encoders themselves."""
    blocks: list[list[str]] = []
    lines: list[str] = []
    for variable, encoder in _towers(recipe).items():
        if encoder in _BLOCKS and _BLOCKS[encoder] not in blocks:
            blocks.append(_BLOCKS[encoder])
        if encoder in TORCHVISION_ENCODERS:
            lines += _torchvision_encoder(variable, encoder, recipe, channels)
        else:
            lines += _sequential(variable, encoder, recipe, channels, size)
        if recipe.pretrained:
            mean, std = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else ((0.449,), (0.226,))
            lines.append(f"{variable} = nn.Sequential(transforms.Normalize({mean}, {std}), {variable})")
    if recipe.loss == "bce":
        lines.append(f"verdict = nn.Linear({recipe.embedding_dim}, 1)  # how much |a - b| speaks for the same class")
    return [*blocks, lines]


_STRIDED = [
    "def block(inputs, outputs, kernel):  # a convolution whose stride halves the sides of the image",
    "    return nn.Conv2d(inputs, outputs, kernel, 2, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()",
]
_POOLED = [
    "def pooled_block(inputs):  # 64 filters of 3 by 3, and pooling, which halves the sides of the image",
    "    return nn.Conv2d(inputs, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)",
]
_BLOCKS = {"strided": _STRIDED, "strided-wide": _STRIDED, "conv4": _POOLED}

# The lines of each encoder for c channels, an embedding of length d, and f features left by the convolutions.
_LAYERS: dict[str, tuple[str, ...]] = {
    "strided": ("*block({c}, 16, 5), *block(16, 32, 5), nn.Flatten(), nn.Linear({f}, {d})",),
    "strided-wide": ("*block({c}, 32, 5), *block(32, 64, 5), *block(64, 128, 3), nn.Flatten(), nn.Linear({f}, {d})",),
    "conv4": (
        "*pooled_block({c}), *pooled_block(64), *pooled_block(64), *pooled_block(64), nn.Flatten(), nn.Linear({f}, {d})",
    ),
    "mnist-post": (
        "nn.Conv2d({c}, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),",
        "nn.Flatten(), nn.Linear({f}, 120), nn.ReLU(), nn.Linear(120, {d}),",
    ),
    "faces-code": (
        "nn.ReflectionPad2d(1), nn.Conv2d({c}, 4, 3), nn.ReLU(), nn.BatchNorm2d(4),",
        "nn.ReflectionPad2d(1), nn.Conv2d(4, 8, 3), nn.ReLU(), nn.BatchNorm2d(8),",
        "nn.ReflectionPad2d(1), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.BatchNorm2d(8),",
        "nn.Flatten(), nn.Linear({f}, 500), nn.ReLU(), nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, {d}),",
    ),
    "koch-2015": (
        "nn.Conv2d({c}, 64, 10), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(64, 128, 7), nn.ReLU(), nn.MaxPool2d(2),",
        "nn.Conv2d(128, 128, 4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(128, 256, 4), nn.ReLU(),",
        "nn.Flatten(), nn.Linear({f}, {d}), nn.Sigmoid(),",
    ),
    "triplet-network": (
        "nn.Conv2d({c}, 32, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),",
        "nn.Conv2d(64, {d}, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten(),",
    ),
}


def _sequential(variable: str, encoder: str, recipe: Recipe, channels: int, size: tuple[int, int]) -> list[str]:
    with torch.device("meta"):  # shapes alone, without the weights
        built = build_encoder(encoder, channels, size, recipe.embedding_dim)
    linear = [layer.in_features for layer in built.modules() if isinstance(layer, nn.Linear)]
    values = {"c": channels, "d": recipe.embedding_dim, "f": linear[0] if linear else 0}
    layers = [line.format(**values) for line in _LAYERS[encoder]]
    alone = f"{variable} = nn.Sequential({layers[0]})"
    if len(layers) == 1 and len(alone) <= _WIDTH:
        return [alone]
    return [f"{variable} = nn.Sequential(", *(f"    {line}" for line in layers), ")"]


def _torchvision_encoder(variable: str, encoder: str, recipe: Recipe, channels: int) -> list[str]:
    options = ["stochastic_depth_prob=0.0"] if encoder == "efficientnet_b0" else []
    options += ['weights="DEFAULT"'] if recipe.pretrained else []
    lines = [f"{variable} = models.{encoder}({', '.join(options)})"]
    first = {"resnet18": "conv1", "vgg11_bn": "features[0]"}.get(encoder, "features[0][0]")
    if encoder == "resnet18":
        lines.append(f"{variable}.fc = nn.Linear(512, {recipe.embedding_dim})")
    elif encoder == "vgg11_bn":
        lines.append(
            f"{variable}.avgpool, {variable}.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(512, {recipe.embedding_dim})"
        )
    else:
        features = {"efficientnet_b0": 1280, "mobilenet_v3_small": 576}[encoder]
        lines.append(f"{variable}.classifier = nn.Linear({features}, {recipe.embedding_dim})")
    if channels == 1:
        weight = f"{variable}.{first}.weight"
        lines.append(f"{weight} = nn.Parameter({weight}.detach().sum(1, keepdim=True))  # one grey channel in place of RGB")
    return lines


def _distance(recipe: Recipe, a: str, b: str, dim: int) -> str:
    return {
        "euclidean": f"({a} - {b}).norm(dim={dim})",
        "squared-euclidean": f"({a} - {b}).square().sum({dim})",
        "cosine": f"1 - F.cosine_similarity({a}, {b}, dim={dim})",
        "manhattan": f"({a} - {b}).abs().sum({dim})",
        "exponential": f"1 - (-({a} - {b}).abs().sum({dim})).exp()",
        "learned": f"-verdict(({a} - {b}).abs()).squeeze({dim})",
    }[recipe.similarity]


def _embedded(recipe: Recipe, tower: str, images: str) -> str:
    embedding = f"{tower}({images})"
    if recipe.precision == "bfloat16":
        embedding += ".float()"
    return f"F.normalize({embedding})" if recipe.normalize else embedding


def _measure(recipe: Recipe) -> list[str]:
    what = "logits of being different" if recipe.loss == "bce" else "distances"
    if recipe.batching == "pairs":
        lines = [f"def measure(x):  # {what} of the same pairs, and of the different ones"]
    elif recipe.batching == "triplets":
        lines = [f"def measure(x):  # {what} from each anchor to its positive, and to its negative"]
    else:
        lines = [f"def measure(x):  # {what} from each image to the others of its class, and to those of other classes"]
    indent = "    "
    if recipe.precision == "bfloat16":
        lines = ["@torch.autocast(torch.get_default_device().type, torch.bfloat16)", *lines]
    if recipe.second_tower is not None:
        left, right = _embedded(recipe, "left_tower", "left"), _embedded(recipe, "right_tower", "right")
        lines += [f"{indent}left, right = x.chunk(2)", f"{indent}left, right = {left}, {right}"]
    elif recipe.batching == "pairs":
        lines.append(f"{indent}left, right = {_embedded(recipe, 'encoder', 'x')}.chunk(2)")
    elif recipe.batching == "triplets":
        lines.append(f"{indent}anchor, positive, negative = {_embedded(recipe, 'encoder', 'x')}.chunk(3)")
    else:
        lines.append(f"{indent}e = {_embedded(recipe, 'encoder', 'x')}")
    if recipe.batching == "pairs":
        return [*lines, f"{indent}d = {_distance(recipe, 'left', 'right', 1)}", f"{indent}return d.chunk(2)"]
    if recipe.batching == "triplets":
        near, far = (_distance(recipe, "anchor", other, 1) for other in ("positive", "negative"))
        return [*lines, f"{indent}return {near}, {far}"]
    cosine = recipe.similarity == "cosine" and recipe.normalize
    return [
        *lines,
        f"{indent}d = {'1 - e @ e.T' if cosine else _distance(recipe, 'e[:, None]', 'e', 2)}",
        f"{indent}same = torch.block_diag(*[torch.ones(IMAGES, IMAGES)] * (len(e) // IMAGES)).bool()",
        f"{indent}return d[same ^ torch.eye(len(e)).bool()].view(len(e), -1), d[~same].view(len(e), -1)",
    ]
