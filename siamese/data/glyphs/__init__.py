"""Glyphs: the letters of many alphabets, drawn from the DejaVu fonts that matplotlib ships.

A class is a character; a group is its alphabet, or a part of a large one. Validation and test have whole scripts of
their own: a network that tells their letters apart has learned to compare, because it has never seen them. Letters
that look alike (A, Α, А) have one shape, and only the first of them is kept.

Read `alphabets` (which letters), `shapes` (how unlike two letters are), `masters` and `drawing` (how an image of a
letter is made), then `dataset`.
"""
