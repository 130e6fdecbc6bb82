"""Two images and how different they are.

Read `compare` (the dissimilarity and the verdict), `explain` (where in the image it comes from), `nearest` (one picture
against many).
"""
