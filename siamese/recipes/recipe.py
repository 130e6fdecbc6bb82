"""Recipe: every setting of one training run in one frozen, validated value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from siamese import SiameseError
from siamese.data.bank import ImageBank

TorchvisionEncoder = Literal["resnet18", "vgg11_bn", "efficientnet_b0", "mobilenet_v3_small"]
Encoder = Literal[
    "strided",
    "strided-wide",
    "strided-mid",
    "strided-deep",
    "residual",
    "conv4",
    "mnist-post",
    "faces-code",
    "koch-2015",
    "triplet-network",
    "oriented",
    TorchvisionEncoder,
]
SimilarityKind = Literal["euclidean", "squared-euclidean", "cosine", "manhattan", "exponential", "learned"]
Loss = Literal["contrastive", "triplet", "bce", "supcon"]
Batching = Literal["pairs", "triplets", "all-pairs"]
Mining = Literal["all", "random", "semi-hard", "hard"]
Optimizer = Literal["adamw", "adam", "sgd"]
Schedule = Literal["constant", "one-cycle", "decay"]
Augmentation = Literal["none", "shift", "affine", "faces", "koch"]
Precision = Literal["auto", "float32", "bfloat16"]

_RANGES: dict[str, tuple[float, float]] = {
    "embedding_dim": (1, 4096),
    "margin": (0.01, 100.0),
    "temperature": (0.01, 10.0),
    "batch_size": (2, 4096),
    "classes_per_batch": (2, 1024),
    "images_per_class": (2, 256),
    "learning_rate": (0.0, 10.0),
    "momentum": (0.0, 0.999),
    "weight_decay": (0.0, 1.0),
    "steps": (1, 1_000_000),
    "image_size": (8, 256),
    "validate_every": (1, 1_000_000),
    "seed": (0, 2**31 - 1),
}
_LONGEST = {"name": 60, "teaches": 300}  # letters
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True)
class Recipe:
    """Every setting of one training run.

    name, teaches: its name, and one line that says what it shows.
    encoder: the network that turns an image into an embedding; second_tower: the encoder of the right-hand images of a
        pseudo-siamese network (None: both sides share one encoder); pretrained: start from ImageNet weights.
    embedding_dim: length of the embedding; normalize: scale it to length 1.
    similarity: how two embeddings are compared; loss: what training lowers.
    margin: how far apart different pairs are pushed (contrastive), or how much farther than the positive the negative
        has to be (triplet); soft_margin: softplus in place of the triplet hinge; temperature: supcon's.
    batching: "pairs" and "triplets" draw batch_size of them; "all-pairs" embeds classes_per_batch × images_per_class
        images once and uses every pair of them.  mining: which triplets of an all-pairs batch count.
    class_mining: half of the classes of an all-pairs batch are random; the network finds the other half like them.
    optimizer, learning_rate, momentum (SGD only), weight_decay, schedule, steps: the optimisation. "decay" multiplies
        the rate by 0.99 two hundred times over the run; "one-cycle" rises for 50 steps (in a short run, for a fifth of
        the steps) and then falls to zero.
    augmentation: random changes of each training image; rotations_as_classes: each class turned by 90, 180 and 270
        degrees counts as three more classes; image_size: side of the square images (None: keep their size); grey;
        invert; raw_pixels: feed the encoder 0 to 255 instead of 0 to 1, which the learning rate of the MNIST post needs.
    precision: of the encoder; distances and losses are always float32. "auto" is bfloat16 on CPUs with instructions for
        it, else float32.
    validate_every: steps between two validations.  seed: of everything random.

    Raises SiameseError for a value that is not allowed, and for settings that do not fit together. The message names
    the field, the value and what is allowed.
    """

    name: str = "custom"
    teaches: str = ""
    encoder: Encoder = "strided-wide"
    second_tower: Encoder | None = None
    pretrained: bool = False
    embedding_dim: int = 64
    normalize: bool = True
    similarity: SimilarityKind = "euclidean"
    loss: Loss = "contrastive"
    margin: float = 1.0
    soft_margin: bool = False
    temperature: float = 0.1
    batching: Batching = "pairs"
    mining: Mining = "all"
    batch_size: int = 64
    classes_per_batch: int = 20
    images_per_class: int = 4
    class_mining: bool = False
    optimizer: Optimizer = "adamw"
    learning_rate: float = 0.003
    momentum: float = 0.0
    weight_decay: float = 0.01
    schedule: Schedule = "constant"
    steps: int = 1000
    augmentation: Augmentation = "none"
    rotations_as_classes: bool = False
    image_size: int | None = None
    grey: bool = False
    invert: bool = False
    raw_pixels: bool = False
    precision: Precision = "auto"
    validate_every: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        for name, kind in _kinds().items():
            value = getattr(self, name)
            _check(kind.fits(name, value), name, value, kind.words(name))
        if self.second_tower is not None:
            _check(self.batching == "pairs", "batching", self.batching, '"pairs" where there is a second_tower')
        if self.pretrained:
            able = get_args(TorchvisionEncoder)
            allowed = "one of " + ", ".join(able) + " where pretrained is true"
            _check(self.encoder in able, "encoder", self.encoder, allowed)
            _check(self.second_tower in (None, *able), "second_tower", self.second_tower, allowed)
            _check(not self.raw_pixels, "raw_pixels", self.raw_pixels, "false where pretrained is true")
        if self.batching == "pairs":
            _check(self.batch_size % 2 == 0, "batch_size", self.batch_size, "even: half same, half different")
            _check(self.loss in ("contrastive", "bce"), "loss", self.loss, 'contrastive or bce with batching "pairs"')
        if self.batching == "triplets":
            _check(self.loss == "triplet", "loss", self.loss, 'triplet with batching "triplets"')
        if self.class_mining:
            _check(self.batching == "all-pairs", "batching", self.batching, "all-pairs where class_mining is true")
        if self.loss == "bce":
            _check(self.similarity == "learned", "similarity", self.similarity, "learned where the loss is bce")
        else:
            _check(self.similarity != "learned", "similarity", self.similarity, "a distance unless the loss is bce")
        if self.loss == "supcon":
            _check(self.normalize, "normalize", self.normalize, "true with the supcon loss")
            _check(self.similarity == "cosine", "similarity", self.similarity, "cosine with the supcon loss")

    @property
    def pairs_per_step(self) -> int:
        """How many pairs one step compares: the unit of "pairs per second"."""
        if self.batching == "pairs":
            return self.batch_size
        if self.batching == "triplets":
            return 2 * self.batch_size
        images = self.classes_per_batch * self.images_per_class
        return images * (images - 1) // 2

    def fitted(self, bank: ImageBank) -> Recipe:
        """The recipe for this training bank.

        Where the bank has fewer classes than an all-pairs batch wants, the batch takes all of them, and more images of
        each, so that its number of images stays about the same.
        """
        available = bank.classes * (4 if self.rotations_as_classes else 1)
        if self.batching != "all-pairs" or available >= self.classes_per_batch or available < 2:
            return self
        images = max(2, min(256, self.classes_per_batch * self.images_per_class // available))
        return replace(self, classes_per_batch=available, images_per_class=images)

    def with_settings(self, settings: dict[str, Any]) -> Recipe:
        """A copy with some fields changed. Text is read as the type of its field ("true", "none", "0.003").

        Raises SiameseError for a field that does not exist or a value that is not allowed.
        """
        kinds, changed = _kinds(), {}
        for name, value in settings.items():
            if name not in kinds:
                raise SiameseError(f'A recipe has no field "{str(name)[:40]}"; its fields are {", ".join(kinds)}.')
            changed[name] = kinds[name].read(name, value)
        return replace(self, **changed)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, for checkpoints and links."""
        return asdict(self)


class _Kind(NamedTuple):
    """What a field's annotation allows: its type, its choices where it is a Literal, and whether it may be None."""

    type: type
    choices: tuple[str, ...]
    optional: bool

    def fits(self, name: str, value: object) -> bool:
        if value is None:
            return self.optional
        # A whole number may stand for a float; true and false are no numbers.
        if isinstance(value, bool) or self.type is bool:
            right_type = isinstance(value, bool) and self.type is bool
        else:
            right_type = isinstance(value, (int, float) if self.type is float else self.type)
        if not right_type or (self.choices and value not in self.choices):
            return False
        if name in _LONGEST and len(value) > _LONGEST[name]:  # type: ignore[arg-type]
            return False
        low, high = _RANGES.get(name, (None, None))
        return low is None or low <= value <= high  # type: ignore[operator]

    def words(self, name: str) -> str:
        """What is allowed, to end the sentence "it has to be ..."."""
        none = ", or none" if self.optional else ""
        if self.choices:
            return "one of " + ", ".join(self.choices) + none
        words = _WORDS[self.type]
        if name in _RANGES:
            low, high = _RANGES[name]
            words += f" from {low:,} to {high:,}" if self.type is int else f" from {low:g} to {high:g}"
        if name in _LONGEST:
            words += f" of at most {_LONGEST[name]} letters"
        return words + none

    def read(self, name: str, value: Any) -> Any:
        """A value from a command line, a page or a file as the field's type, where that loses nothing."""
        if self.optional and (value is None or str(value).lower() in ("none", "")):
            return None
        if self.type is bool and isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if self.type in (bool, str) or isinstance(value, bool):
            return value  # right as it is, or refused on construction
        try:
            number = self.type(value)
            if self.type is int and float(value) != number:
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            _check(False, name, value, self.words(name))
        return number


@cache
def _kinds() -> dict[str, _Kind]:
    hints = get_type_hints(Recipe)
    return {field.name: _kind(hints[field.name]) for field in fields(Recipe)}


def _kind(hint: Any) -> _Kind:
    if get_origin(hint) is Literal:
        return _Kind(str, get_args(hint), False)
    if get_args(hint):  # X | None
        inner = next(part for part in get_args(hint) if part is not type(None))
        return _kind(inner)._replace(optional=True)
    return _Kind(hint, (), False)


def _check(fits: bool, field: str, value: object, allowed: str) -> None:
    if not fits:
        text = repr(value)
        text = text if len(text) <= 60 else text[:59] + "…"
        raise SiameseError(f"{field} is {text}; it has to be {allowed}.")
