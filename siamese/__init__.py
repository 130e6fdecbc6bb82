"""Siamese networks, trained live: a headless library of metric learning.

The way through the house: an `ImageBank` (data) holds all images as one tensor; `sampling` draws pairs, triplets or
whole batches from it as index arithmetic; `augment` changes them on the device; an encoder (`encoders`, `models`) turns
each image into an embedding; `similarity` compares embeddings and `losses` says what is wrong with the distances.
`step` is one optimiser step of all that, as a `Recipe` (`recipes`) describes it, and `training.train` repeats it and
yields small events (`events`), which a job (`jobs`), a page (`ui`) or the command line (`cli`) reads. A run ends in a
`Checkpoint` (`checkpoint`), which `compare` uses on two images and `evaluate` scores by fixed protocols (`metrics`).

    from siamese.data import load_dataset
    from siamese.recipes import recipe_named
    from siamese.training.loop import train

    dataset = load_dataset("glyphs")
    for event in train(recipe_named("fast", dataset.kind), dataset):
        print(event)

`python -m siamese --help` does the same without a line of code.
"""

__version__ = "0.1.0"


class SiameseError(ValueError):
    """A request that cannot be carried out, told in a sentence.

    The message says what is wrong, with the offending value, and what to do. The command line prints it without a
    traceback and the web page shows it as it stands, so it never holds a path of the server or an internal name.
    """
