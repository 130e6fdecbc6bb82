"""Two images and how different they are.

Read `compare` (the dissimilarity and the verdict), then `explain` (where in the image it comes from).
"""
