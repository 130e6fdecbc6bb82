"""The piece that builds the network: our encoders layer by layer, or a network of torchvision."""

from __future__ import annotations

from typing import get_args

import torch
from torch import nn

from siamese.export.script.lines import WIDTH, commented, lines_of
from siamese.models.encoders import IMAGENET_MEAN, IMAGENET_STD, build_encoder
from siamese.recipes import Recipe
from siamese.recipes.recipe import TorchvisionEncoder


def _towers(recipe: Recipe) -> dict[str, str]:
    """The variable of each tower → its encoder."""
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
_RESIDUAL = (
    _LAYER
    + """
class Residual(nn.ModuleList):  # a shortcut, and two convolutions beside it
    def forward(self, x): return F.relu(self[0](x) + self[1](x))
mean = lambda s: nn.AvgPool2d(s, ceil_mode=True)
mix = lambda i, o, s: (mean(s), nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o)) if i != o else ()
two = lambda i, o, s: (*layer(i, o, s), *layer(o, o)[:-1])
residual = lambda i, o, s=1: Residual([nn.Sequential(*mix(i, o, s)), nn.Sequential(*two(i, o, s))])
blocks = lambda c: (*layer(c, 32, 2, 5), *layer(32, 64, 2, 5), residual(64, 64), residual(64, 96), residual(96, 128, 2))
""".lstrip()
)
_POOLED = "pooled = lambda i: (nn.Conv2d(i, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2))"
_ORIENTED = """
def smooth(x, reach):  # the mean over a square, taken twice
    for _ in range(2): x = F.avg_pool2d(x, 2 * reach + 1, 1, reach, count_include_pad=False)
    return x
filtered = lambda x, k: F.conv2d(F.pad(x, [k.shape[-1] // 2] * 4, mode="replicate"), k)
class Oriented(nn.Module):  # edges and Gabor waves in 8 directions, averaged over 8 x 8 cells; nothing to train
    def forward(self, x):
        x, turn, r = x.mean(1, keepdim=True), torch.arange(8).view(-1, 1, 1) / 8 * torch.pi, torch.arange(-4.0, 5)
        phase, window = 2 * torch.pi / 2.6 * (r * turn.cos() + r[:, None] * turn.sin()), torch.exp(-(r**2) / 2.88)
        window = window * window[:, None] / window.sum() ** 2
        even, slope = window * phase.cos(), torch.tensor([[0.0, 0, 0], [-1, 0, 1], [0, 0, 0]])
        waves = torch.cat([even - window * even.sum((1, 2), keepdim=True), window * phase.sin()])[:, None]
        edges = filtered(x, (slope * (2 * turn).cos() + slope.T * (2 * turn).sin())[:, None]).relu()
        edges = F.adaptive_avg_pool2d(smooth(edges, max(x.shape[2:]) // 12), 8)
        parts = [edges / (smooth(edges.square().sum(1, keepdim=True), 1).sqrt() + 0.01)]
        for size in ([max(9, round(side / shrink)) for side in x.shape[2:]] for shrink in (1, 1.75, 3)):
            small = F.interpolate(x, size, mode="bilinear", antialias=True)
            small = small - smooth(small, max(size) // 9)
            even, odd = filtered(small / (smooth(small**2, max(size) // 9).sqrt() + 0.05), waves).chunk(2, 1)
            parts.append(F.adaptive_avg_pool2d(smooth((even**2 + odd**2).sqrt(), 1), 8))
        return torch.cat(parts, 1).sqrt()
""".strip()
_KOCH = (
    "weigh = lambda m: [nn.init.normal_(p, (p.dim() < 2) / 2, 0.2 if p.dim() == 2 else 0.01) "
    "for p in m.parameters(False)]"
)
_BLOCKS = {
    "oriented": _ORIENTED,
    "strided": _STRIDED,
    "strided-wide": _STRIDED,
    "strided-mid": _MID,
    "strided-deep": _DEEP,
    "residual": _RESIDUAL,
    "conv4": _POOLED,
    "koch-2015": _KOCH,
}

# The layers of each encoder. c: channels.  d: length of the embedding.  f: features after the convolutions.
_LAYERS = {
    "oriented": "Oriented(), nn.Flatten(), nn.Linear({f}, {d})",
    "strided": "*block({c}, 16, 5), *block(16, 32, 5), nn.Flatten(), nn.Linear({f}, {d})",
    "strided-wide": "*block({c}, 32, 5), *block(32, 64, 5), *block(64, 128, 3), nn.Flatten(), nn.Linear({f}, {d})",
    "strided-mid": "*five({c}), nn.Flatten(), nn.Linear({f}, {d})",
    "residual": "*blocks({c}), nn.Flatten(), nn.Linear({f}, {d})",
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

# The line that puts a projection in place of the classifier, and the name of the first convolution.
_TORCHVISION = {
    "resnet18": ("{v}.fc = nn.Linear(512, {d})", "conv1"),
    "vgg11_bn": ("{v}.avgpool, {v}.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(512, {d})", "features[0]"),
    "efficientnet_b0": ("{v}.classifier = nn.Linear(1280, {d})", "features[0][0]"),
    "mobilenet_v3_small": ("{v}.classifier = nn.Linear(576, {d})", "features[0][0]"),
}


def network_lines(recipe: Recipe, channels: int, size: tuple[int, int]) -> list[str]:
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
        weigh = ".apply(weigh)" if recipe.encoder == "koch-2015" else ""
        verdict = f"verdict = nn.Linear({recipe.embedding_dim}, 1){weigh}"
        lines.append(f'{verdict}  # from |left - right| to the logit of "same"')
    return lines


def _sequential(start: str, encoder: str, recipe: Recipe, channels: int, size: tuple[int, int]) -> list[str]:
    with torch.device("meta"):  # shapes alone, without the weights
        built = build_encoder(encoder, channels, size, recipe.embedding_dim)
    inputs = [layer.in_features for layer in built.modules() if isinstance(layer, nn.Linear)]
    layers = _LAYERS[encoder].format(c=channels, d=recipe.embedding_dim, f=inputs[0] if inputs else 0)
    if "\n" in layers:
        return [f"{start}nn.Sequential(", *lines_of(layers), ").apply(weigh)" if encoder == "koch-2015" else ")"]
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
        lines.append(commented(grey, "grey in place of RGB"))
    if recipe.pretrained:
        mean, std = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else ((0.449,), (0.226,))
        lines.append(f"{variable} = nn.Sequential(transforms.Normalize({mean}, {std}), {variable})")
    return lines
