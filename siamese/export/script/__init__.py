"""A recipe as one short script in plain PyTorch, which needs nothing of this project.

A module here holds the lines of one piece of that script. Each piece has a wording for each way of training, and only
what the recipe uses is written. The script's loss gets two tensors, the distances of same pairs and those of different
pairs, because then every loss takes only a line or two.

Read `script` (the whole), then `images`, `network`, `loss`, `training`.
"""
