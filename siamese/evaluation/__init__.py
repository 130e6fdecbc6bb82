"""How well a network tells same from different, on images that it was not trained on.

Read `metrics`, then `validation` (during a run), `protocols` (after it), `lake` (published one-shot runs), `mining`
(the hardest pairs), `calibration` (what a distance means).
"""
