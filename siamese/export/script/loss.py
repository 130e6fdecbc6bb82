"""The pieces that measure the distances of a batch and compute its loss."""

from __future__ import annotations

from siamese.export.script.lines import WIDTH, lines_of
from siamese.recipes import Recipe


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


def measure_lines(recipe: Recipe) -> list[str]:
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


def loss_lines(recipe: Recipe) -> list[str]:
    def hinge(near: str, far: str) -> str:
        return f"F.softplus({near} - {far})" if recipe.soft_margin else f"({near} - {far} + MARGIN).clamp_min(0)"

    if recipe.loss == "contrastive":
        return lines_of("""
def loss_of(same, different):  # pulls same pairs together, pushes different ones apart to the margin
    return (same.square().mean() + (MARGIN - different).clamp_min(0).square().mean()) / 2""")
    if recipe.loss == "bce":
        return lines_of("""
def loss_of(same, different):  # binary cross-entropy: minus the log of the probability given to the truth
    return (F.softplus(same).mean() + F.softplus(-different).mean()) / 2""")
    if recipe.loss == "supcon":
        return lines_of("""
def loss_of(same, different):  # each image is to choose those of its class among all images of the batch
    logits = -torch.cat([same, different], 1) / TEMPERATURE
    return -logits.log_softmax(1)[:, : same.shape[1]].mean()""")
    if recipe.batching == "triplets":
        return lines_of(f"""
def loss_of(positive, negative):  # the negative is to be farther from the anchor than the positive
    return {hinge("positive", "negative")}.mean()""")
    if recipe.mining == "hard":
        return lines_of(f"""
def loss_of(same, different):  # the farthest image of the class is to be nearer than the nearest of another
    return {hinge("same.amax(1)", "different.amin(1)")}.mean()""")
    if recipe.mining == "random":
        return lines_of(f"""
def loss_of(same, different):  # each image of the class is to be nearer than one image of another, drawn at random
    negative = different.gather(1, torch.randint(different.shape[1], same.shape))
    return {hinge("same", "negative")}.mean()""")
    if recipe.mining == "semi-hard":
        return lines_of(f"""
def loss_of(same, different):  # the negative: the nearest that lies beyond the positive, or the farthest if none does
    beyond = different[:, None].masked_fill(different[:, None] <= same[:, :, None], torch.inf).amin(2)
    negative = torch.where(beyond.isinf(), different.amax(1, keepdim=True), beyond)
    return {hinge("same", "negative")}.mean()""")
    if recipe.soft_margin:
        return lines_of("""
def loss_of(same, different):  # every image of the class is to be nearer than every image of another
    return F.softplus(same[:, :, None] - different[:, None]).mean()""")
    return lines_of("""
def loss_of(same, different):  # the mean over all triplets that do not keep the margin yet
    terms = (same[:, :, None] - different[:, None] + MARGIN).clamp_min(0)
    return terms.sum() / (terms > 0).sum().clamp_min(1)""")
