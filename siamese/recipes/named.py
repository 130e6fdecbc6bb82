"""The named recipes, and how some of them change for a kind of data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from siamese import SiameseError
from siamese.recipes.recipe import Recipe

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="contrastive-pairs",
            teaches="Pull same pairs together, push different pairs apart to the margin: the classic, pair by pair.",
            learning_rate=0.002,
            batch_size=128,
            steps=1000,
            augmentation="affine",
        ),
        Recipe(
            name="fast",
            teaches="Embed each image once and use every pair of the batch: the most learning a second can hold.",
            batching="all-pairs",
            classes_per_batch=40,
            images_per_class=4,
            schedule="one-cycle",
            steps=800,
            augmentation="affine",
        ),
        Recipe(
            name="accurate",
            teaches="Supervised contrastive loss, a deeper encoder and a longer run: the best score on this data.",
            encoder="conv4",
            embedding_dim=128,
            similarity="cosine",
            loss="supcon",
            batching="all-pairs",
            classes_per_batch=60,
            images_per_class=5,
            schedule="one-cycle",
            steps=3000,
            augmentation="affine",
            validate_every=100,
        ),
        Recipe(
            name="mnist-post",
            teaches="Two digits, |a−b|, one sigmoid: a network that answers the question 'same or different?'.",
            encoder="mnist-post",
            embedding_dim=84,
            normalize=False,
            similarity="learned",
            loss="bce",
            batch_size=100,
            optimizer="sgd",
            learning_rate=0.001,
            momentum=0.1,
            weight_decay=0.0,
            steps=5000,
            image_size=28,
            grey=True,
            raw_pixels=True,
            validate_every=250,
            precision="float32",
        ),
        Recipe(
            name="faces-code",
            # The script embeds left and right images in two passes, so its batch norm sees each side separately; here
            # one pass sees both. For each pair the script tosses a coin for "same"; here exactly half of a batch is
            # same.
            teaches="100×100 grey faces and a margin of 2: the network and loss of a popular face-similarity script. "
            "Unlike the script, batch norm sees both sides of the pairs together, and exactly half the pairs are same.",
            encoder="faces-code",
            embedding_dim=5,
            normalize=False,
            margin=2.0,
            batch_size=64,
            optimizer="adam",
            learning_rate=0.0005,
            weight_decay=0.0,
            steps=500,
            image_size=100,
            grey=True,
            validate_every=50,
            precision="float32",
        ),
        Recipe(
            name="resnet18-triplet",
            teaches="A shared ResNet-18 with a 128-d embedding and the triplet loss: the encoder of production systems.",
            encoder="resnet18",
            embedding_dim=128,
            loss="triplet",
            batching="triplets",
            margin=0.5,
            batch_size=32,
            learning_rate=0.0003,
            steps=1000,
            image_size=64,
        ),
        Recipe(
            name="koch-2015",
            teaches="One-shot learning with a weighted |a−b| over 4,096 features (Koch, Zemel, Salakhutdinov 2015).",
            encoder="koch-2015",
            embedding_dim=4096,
            normalize=False,
            similarity="learned",
            loss="bce",
            batch_size=128,
            optimizer="sgd",
            learning_rate=0.001,
            momentum=0.5,
            weight_decay=0.0002,
            schedule="decay",
            steps=20000,
            augmentation="koch",
            image_size=105,
            grey=True,
            validate_every=500,
            precision="float32",
        ),
        Recipe(
            name="triplet-network",
            # Hoffer & Ailon take the softmax of the two distances and square the positive's share. Softplus of the
            # difference of the distances is −log of the negative's share. It orders triplets in the same way, but it
            # does not become flat for triplets in the wrong order. For two equal distances it is ln 2.
            teaches="Anchor, positive, negative: only the order of two distances matters. The encoder of Hoffer & Ailon "
            "2015 with a softplus loss, where theirs squares a softmax of the two distances.",
            encoder="triplet-network",
            embedding_dim=128,
            normalize=False,
            loss="triplet",
            soft_margin=True,
            batching="triplets",
            batch_size=128,
            optimizer="sgd",
            learning_rate=0.05,
            momentum=0.9,
            weight_decay=0.0,
            steps=2000,
            precision="float32",
        ),
        Recipe(
            name="hard-triplets",
            teaches="Most triplets are already right and teach nothing; those just beyond the positive teach the most.",
            loss="triplet",
            batching="all-pairs",
            # With the hardest negatives from the first step on, the network can collapse (Schroff et al. 2015).
            mining="semi-hard",
            margin=0.2,
            classes_per_batch=20,
            images_per_class=4,
            learning_rate=0.002,
            augmentation="affine",
        ),
        Recipe(
            name="supcon",
            teaches="Every image chooses its like among the whole batch at once (Khosla et al. 2020).",
            similarity="cosine",
            loss="supcon",
            batching="all-pairs",
            classes_per_batch=40,
            images_per_class=4,
            schedule="one-cycle",
            steps=800,
            augmentation="affine",
        ),
        Recipe(
            name="two-towers",
            teaches="A pseudo-siamese network: one tower reads print, the other a rough hand, into one space.",
            second_tower="strided-wide",
            learning_rate=0.002,
            batch_size=128,
            steps=1500,
        ),
        Recipe(
            name="collapse",
            teaches="Only the hardest triplets, and too large a step: all lands on one point, the loss on the dotted line.",
            encoder="strided",
            normalize=False,
            loss="triplet",
            batching="all-pairs",
            mining="hard",
            classes_per_batch=16,
            images_per_class=4,
            optimizer="sgd",
            learning_rate=0.3,
            momentum=0.9,
            steps=400,
            validate_every=20,
        ),
    )
}

# For few people or things with a few photographs each: with larger images or a sharper loss the network memorises them.
_PHOTOS: dict[str, Any] = {
    "similarity": "cosine",
    "loss": "supcon",
    "temperature": 0.2,
    "augmentation": "faces",
    "image_size": 48,
    "classes_per_batch": 16,
    "images_per_class": 6,
}

# What "fast" and "accurate" change for a kind of data. All values were measured on data of that kind.
_CHANGES: dict[tuple[str, str], dict[str, Any]] = {
    ("fast", "digits"): {
        "encoder": "strided",
        "embedding_dim": 128,
        "similarity": "cosine",
        "loss": "supcon",
        "temperature": 0.2,
        "learning_rate": 0.01,
        "augmentation": "shift",
        "steps": 1500,
        "classes_per_batch": 10,
        "images_per_class": 16,
    },
    ("fast", "faces"): {"augmentation": "faces"},
    ("fast", "photos"): _PHOTOS | {"steps": 300},
    # Measured with ten classes and three training drawings of each: 200 steps are as good as 800.
    ("fast", "drawings"): {"similarity": "cosine", "loss": "supcon", "steps": 200},
    ("accurate", "digits"): {"images_per_class": 24, "classes_per_batch": 10},
    ("accurate", "characters"): {"rotations_as_classes": True},
    ("accurate", "print"): {"encoder": "strided-wide", "steps": 2000},
    # Thousands of classes, mostly with few images: two of each leave a batch the most classes to tell apart.
    ("accurate", "pen"): {"encoder": "residual", "classes_per_batch": 150, "images_per_class": 2},
    ("accurate", "pen-and-print"): {"encoder": "residual", "classes_per_batch": 150, "images_per_class": 2},
    # Longer runs, larger images, a deeper encoder and a stronger augmentation scored worse on unseen people.
    ("accurate", "photos"): _PHOTOS | {"encoder": "strided-wide", "steps": 300},
    # Many people with two images each. With conv4, 16 people and six images each, twice as many pairs were wrong.
    ("accurate", "faces"): {
        "encoder": "strided-mid",
        "augmentation": "faces",
        "classes_per_batch": 84,
        "images_per_class": 2,
        "steps": 800,
    },
}


def recipe_named(name: str, kind: str = "") -> Recipe:
    """The recipe of this name. "fast" and "accurate" change with the kind of data.

    kind: Dataset.kind. Raises SiameseError, with the names that exist, for an unknown recipe.
    """
    if name not in RECIPES:
        raise SiameseError(f'There is no recipe "{name}"; the recipes are {", ".join(RECIPES)}.')
    return replace(RECIPES[name], **_CHANGES.get((name, kind), {}))
