"""Recipe: every setting of a training run in one frozen, validated value; and the recipes of the field by name."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from siamese import SiameseError
from siamese.data.bank import ImageBank

ENCODERS = (
    "strided",
    "strided-wide",
    "conv4",
    "mnist-post",
    "faces-code",
    "koch-2015",
    "triplet-network",
    "resnet18",
    "vgg11_bn",
    "efficientnet_b0",
    "mobilenet_v3_small",
)
TORCHVISION_ENCODERS = ("resnet18", "vgg11_bn", "efficientnet_b0", "mobilenet_v3_small")
SIMILARITIES = ("euclidean", "squared-euclidean", "cosine", "manhattan", "exponential", "learned")
LOSSES = ("contrastive", "triplet", "bce", "supcon")
BATCHINGS = ("pairs", "triplets", "all-pairs")
MININGS = ("all", "random", "semi-hard", "hard")
OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("constant", "one-cycle", "decay")
AUGMENTATIONS = ("none", "shift", "affine", "faces", "koch")
PRECISIONS = ("auto", "float32", "bfloat16")

_CHOICES = {
    "encoder": ENCODERS,
    "similarity": SIMILARITIES,
    "loss": LOSSES,
    "batching": BATCHINGS,
    "mining": MININGS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "augmentation": AUGMENTATIONS,
    "precision": PRECISIONS,
}
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
    "validate_every": (1, 1_000_000),
    "seed": (0, 2**31 - 1),
}
_TYPES: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
_WORDS = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "text"}


@dataclass(frozen=True)
class Recipe:
    """Every setting of one training run.

    name, teaches: what it is called and the one line that says what it shows.
    encoder: the network that turns an image into an embedding; second_tower: the encoder of the right-hand images, for
        a pseudo-siamese network (None: both sides share one encoder); pretrained: start from ImageNet weights.
    embedding_dim: length of the embedding; normalize: scale it to length 1.
    similarity: how two embeddings are compared; loss: what training lowers.
    margin: how far apart different pairs are pushed (contrastive), or how much farther than the positive the negative
        has to be (triplet); soft_margin: softplus in place of the triplet hinge; temperature: supcon's.
    batching: "pairs" and "triplets" sample batch_size of them; "all-pairs" embeds classes_per_batch × images_per_class
        images once and uses every pair among them.  mining: which triplets of an all-pairs batch teach.
    optimizer, learning_rate, momentum (SGD), weight_decay, schedule, steps: the optimisation. "decay" multiplies the
        rate by 0.99 two hundred times over the run; "one-cycle" rises for 50 steps (of a short run, a fifth) and then
        falls to nothing.
    augmentation: random changes of each training image; rotations_as_classes: each class turned by 90, 180 and 270
        degrees counts as three more; image_size: side of the square images (None: as they are); grey; invert;
        raw_pixels: feed 0 to 255 as the MNIST post does, whose small learning rate needs it, not 0 to 1.
    precision: of the encoder; distances and losses are float32 always. "auto" is bfloat16 on CPUs that compute in it,
        else float32.
    validate_every: steps between validations.  seed: of everything random.

    Raises SiameseError, naming the field, the value and what is allowed, for settings that do not fit together.
    """

    name: str = "custom"
    teaches: str = ""
    encoder: str = "strided-wide"
    second_tower: str | None = None
    pretrained: bool = False
    embedding_dim: int = 64
    normalize: bool = True
    similarity: str = "euclidean"
    loss: str = "contrastive"
    margin: float = 1.0
    soft_margin: bool = False
    temperature: float = 0.1
    batching: str = "pairs"
    mining: str = "all"
    batch_size: int = 64
    classes_per_batch: int = 20
    images_per_class: int = 4
    optimizer: str = "adamw"
    learning_rate: float = 0.003
    momentum: float = 0.0
    weight_decay: float = 0.01
    schedule: str = "constant"
    steps: int = 1000
    augmentation: str = "none"
    rotations_as_classes: bool = False
    image_size: int | None = None
    grey: bool = False
    invert: bool = False
    raw_pixels: bool = False
    precision: str = "auto"
    validate_every: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            name, value, kind = field.name, getattr(self, field.name), str(field.type)
            _check(_is_of(value, kind), name, value, _allowed(name, kind))
            if name in _CHOICES:
                _check(value in _CHOICES[name], name, value, _allowed(name, kind))
            if name in _RANGES:
                low, high = _RANGES[name]
                _check(low <= value <= high, name, value, _allowed(name, kind))
        if self.second_tower is not None:
            _check(self.second_tower in ENCODERS, "second_tower", self.second_tower, "one of " + ", ".join(ENCODERS))
            _check(self.batching == "pairs", "batching", self.batching, '"pairs" where there is a second_tower')
        if self.image_size is not None:
            _check(8 <= self.image_size <= 256, "image_size", self.image_size, "from 8 to 256, or none")
        if self.pretrained:
            allowed = "one of " + ", ".join(TORCHVISION_ENCODERS) + " where pretrained is true"
            _check(self.encoder in TORCHVISION_ENCODERS, "encoder", self.encoder, allowed)
            right = self.encoder if self.second_tower is None else self.second_tower
            _check(right in TORCHVISION_ENCODERS, "second_tower", right, allowed)
            _check(not self.raw_pixels, "raw_pixels", self.raw_pixels, "false where pretrained is true")
        if self.batching == "pairs":
            _check(self.batch_size % 2 == 0, "batch_size", self.batch_size, "even: half same, half different")
            _check(self.loss in ("contrastive", "bce"), "loss", self.loss, 'contrastive or bce with batching "pairs"')
        if self.batching == "triplets":
            _check(self.loss == "triplet", "loss", self.loss, 'triplet with batching "triplets"')
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
        """The recipe for this training bank: an all-pairs batch never asks for more classes than there are, and keeps
        its number of images by taking more of each class."""
        available = bank.classes * (4 if self.rotations_as_classes else 1)
        if self.batching != "all-pairs" or available >= self.classes_per_batch or available < 2:
            return self
        images = max(2, min(256, self.classes_per_batch * self.images_per_class // available))
        return replace(self, classes_per_batch=available, images_per_class=images)

    def with_settings(self, settings: dict[str, Any]) -> Recipe:
        """A copy with some fields changed; text is read as the field's own type ("true", "none", "0.003").

        Raises SiameseError for a field that does not exist or a value that does not fit.
        """
        kinds = {field.name: str(field.type) for field in fields(self)}
        changed: dict[str, Any] = {}
        for name, value in settings.items():
            if name not in kinds:
                known = ", ".join(kinds)
                raise SiameseError(f'A recipe has no field "{name}"; its fields are {known}.')
            changed[name] = _read(name, value, kinds[name])
        return replace(self, **changed)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, for checkpoints and links."""
        return asdict(self)


def _check(fits: bool, field: str, value: object, allowed: str) -> None:
    if not fits:
        raise SiameseError(f"{field} is {value!r}; it has to be {allowed}.")


def _is_of(value: object, kind: str) -> bool:
    """Whether a value is of a field's annotated type; a whole number is a float too, true and false are no numbers."""
    wanted = _TYPES[kind.split(" | ")[0]]
    if value is None:
        return "None" in kind
    if isinstance(value, bool):
        return wanted is bool
    return isinstance(value, (int, float) if wanted is float else wanted)


def _allowed(name: str, kind: str) -> str:
    if name in _CHOICES:
        return "one of " + ", ".join(_CHOICES[name])
    plain = kind.split(" | ")[0]
    words = _WORDS[plain] + (", or none" if "None" in kind else "")
    if name not in _RANGES:
        return words
    low, high = _RANGES[name]
    return f"{words} from {low:,} to {high:,}" if plain == "int" else f"{words} from {low:g} to {high:g}"


def _read(name: str, value: Any, kind: str) -> Any:
    """A value from a command line, a page or a file, turned into the field's type where nothing is lost by it."""
    if "None" in kind and (value is None or str(value).lower() in ("none", "")):
        return None
    wanted = _TYPES[kind.split(" | ")[0]]
    if wanted is bool and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if wanted in (bool, str) or isinstance(value, bool):
        return value  # of that type already, or refused on construction
    try:
        number = wanted(value)
        if wanted is int and float(value) != number:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        _check(False, name, value, _allowed(name, kind))
    return number
