"""The pieces that load images, draw a batch and augment it."""

from __future__ import annotations

from siamese.data.torchvision_sets import SETS, VALIDATION_IMAGES, VALIDATION_SEED
from siamese.export.script.lines import lines_of
from siamese.learning.augment import KINDS
from siamese.recipes import Recipe


def _partners(recipe: Recipe, dataset_name: str) -> bool:
    """Whether the right image of a pair comes from the second domain."""
    return dataset_name == "glyphs-two-domains" and recipe.batching == "pairs"


def load_lines(recipe: Recipe, dataset_name: str, channels: int, size: tuple[int, int]) -> list[str]:
    def returned(images: str, labels: str) -> str:
        images = f"(255 - {images})" if recipe.invert else images
        return f"    return {images}.to(torch.get_default_device()).split({labels}.bincount().tolist())"

    if dataset_name in SETS:
        each, images = VALIDATION_IMAGES // len(SETS[dataset_name].class_names), "members[rows, None]"
        images = f"(255 - {images})" if recipe.invert else images
        return lines_of(f"""
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
        return lines_of(f"""
def load(part):  # one uint8 tensor [n, 2, {shape}] for each class: its images on the left and on the right side
    prepare = {prepare}
    left, labels = zip(*datasets.ImageFolder(f"{{sys.argv[1]}}/{{part}}", prepare))
    right, _ = zip(*datasets.ImageFolder(f"{{sys.argv[1]}}/{{part}}-partner", prepare))
    images = torch.stack([torch.stack(left), torch.stack(right)], 1)
{returned("images", "torch.tensor(labels)")}""")
    return lines_of(f"""
def load(part):  # one uint8 tensor [n, {shape}] for each class
    prepare = {prepare}
    images, labels = zip(*datasets.ImageFolder(f"{{sys.argv[1]}}/{{part}}", prepare))
{returned("torch.stack(images)", "torch.tensor(labels)")}""")


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


def draw_lines(recipe: Recipe, dataset_name: str, size: tuple[int, int]) -> list[str]:
    lines = lines_of(_DRAW[recipe.batching])
    if recipe.class_mining:
        lines.insert(
            1, "    # The recipe chooses half of the classes: they look like the others. This script chooses none."
        )
    images = {
        "pairs": "torch.stack(same + different, 1).flatten(0, 1)",
        "triplets": "torch.stack(triplets, 1).flatten(0, 1)",
        "all-pairs": "torch.cat(images)",
    }[recipe.batching]
    if _partners(recipe, dataset_name):
        lines.append("    pairs = torch.stack(same + different)")
        images = "torch.cat([pairs[:, 0, 0], pairs[:, 1, 1]])"
    images += ".float()" if recipe.raw_pixels else " / 255"
    # Images of folders are resized when they are read. Those of torchvision are one large tensor: each batch is resized.
    if dataset_name in SETS and tuple(size) != (28, 28):
        if recipe.batching != "all-pairs":  # a stack of pairs or triplets takes a line of its own
            lines.append(f"    x = {images}")
            images = "x"
        images = f'F.interpolate({images}, {tuple(size)}, mode="bilinear", antialias=True)'
    return [*lines, f"    return {images}"]


def augment_lines(recipe: Recipe) -> list[str]:
    if recipe.augmentation == "none":
        return []
    ranges = KINDS[recipe.augmentation]
    moved = 'F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), "bilinear", "border", False)'
    shift = f"{2 * ranges.shift:g}"  # affine_grid measures from −1 to 1: a whole side is 2
    if recipe.augmentation == "shift":
        return lines_of(f"""
def augment(x):  # shifts each image at random; a whole side is 2
    matrix = torch.eye(2, 3).repeat(len(x), 1, 1)
    matrix[:, :, 2] = {shift} * (2 * torch.rand(len(x), 2) - 1)
    return {moved}""")
    most = f"{ranges.rotation:g} * torch.pi / 180, {ranges.scale:g}, {ranges.shear:g}, {shift}, {shift}"
    if recipe.augmentation == "faces":
        return lines_of(f"""
def augment(x):  # turns, scales, slants and shifts each image at random, mirrors it or not, and changes its light
    most = torch.tensor([{most}, {ranges.brightness:g}])
    turn, scale, slant, right, down, light = ((2 * torch.rand(len(x), 6) - 1) * most).T
    cos, sin, mirror = (1 + scale) * turn.cos(), (1 + scale) * turn.sin(), 2 * torch.randint(2, (len(x),)) - 1
    matrix = torch.stack([cos * mirror, slant - sin, right, sin * mirror, cos, down], 1).view(-1, 2, 3)
    x = {moved}
    return (x * (1 + light).view(-1, 1, 1, 1)).clamp(0, {255 if recipe.raw_pixels else 1})""")
    sometimes = f" * (torch.rand(len(x), 5) < {ranges.chance:g})" if ranges.chance < 1 else ""
    return lines_of(f"""
def augment(x):  # turns, scales, slants and shifts each image at random{", now and then" if sometimes else ""}
    most = torch.tensor([{most}]){sometimes}
    turn, scale, slant, right, down = ((2 * torch.rand(len(x), 5) - 1) * most).T
    cos, sin = (1 + scale) * turn.cos(), (1 + scale) * turn.sin()
    matrix = torch.stack([cos, slant - sin, right, sin, cos, down], 1).view(-1, 2, 3)
    return {moved}""")
