"""The pieces that hold the constants, the training loop and the test at the end."""

from __future__ import annotations

from siamese.export.script.lines import assigned, commented, lines_of
from siamese.recipes import Recipe
from siamese.training.schedule import warm_up_steps


def constant_lines(recipe: Recipe) -> list[str]:
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
        assigned(optimisation | {"SEED": recipe.seed}),
        commented(assigned(batch), comment),
        *([] if recipe.batching == "all-pairs" else ["random.seed(SEED)"]),
        "torch.manual_seed(SEED)",
        'torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")',
    ]


def _momentum(recipe: Recipe) -> bool:
    return recipe.optimizer == "sgd" and recipe.momentum > 0


def _decays(recipe: Recipe) -> bool:
    return recipe.weight_decay > 0 or recipe.optimizer == "adamw"  # PyTorch's default for AdamW is not zero


def _trained(recipe: Recipe) -> tuple[list[str], str]:
    """The name of the module to be trained, and the line that makes it where it has to be put together from others."""
    network = "encoder" if recipe.second_tower is None else "towers"
    return ([f"network = nn.ModuleList([{network}, verdict])"], "network") if recipe.loss == "bce" else ([], network)


def training_lines(recipe: Recipe) -> list[str]:
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


def evaluation_lines(recipe: Recipe) -> list[str]:
    return lines_of(f"""
{_trained(recipe)[1]}.eval()
accuracy = lambda same, different, t: ((same < t).float().mean() + (different >= t).float().mean()) / 2
with torch.no_grad():  # the threshold is chosen on validation images and tried on test images
    parts = [[measure(draw(classes)) for classes in [load(part)] * 20] for part in ("validation", "test")]
(same, different), test = [[torch.cat(d) for d in zip(*batches)] for batches in parts]
threshold = max(torch.linspace(same.min(), different.max(), 500), key=lambda t: accuracy(same, different, t))
print(f"held-out pair accuracy {{accuracy(*test, threshold):.4f}} at threshold {{threshold:.4f}}")""")
