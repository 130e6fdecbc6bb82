"""Siamese networks, trained live: a headless library of metric learning.

One way leads through the packages, and each imports only from those before it. `data` holds all images of a set as one
tensor, an `ImageBank`. A `Recipe` (`recipes`) holds every setting of a run. `models` turns images into embeddings and
compares two of them. `learning` draws pairs, triplets or whole batches and computes the loss. `evaluation` measures how
well a network tells same from different. `training` takes the steps and yields small events, which a background job,
a page or a command reads. `comparison` compares pictures with a trained network, `export` writes files to take home,
`ui` is the page and `commands` the command line.

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
    """A request that cannot be carried out, explained in a sentence.

    The message says what is wrong, with the value, and what to do. The command line prints it without a
    traceback and the web page shows it as it stands, so it never holds a path of the server or an internal name.
    """
