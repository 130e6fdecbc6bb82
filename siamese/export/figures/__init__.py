"""A run as one figure for print, as PNG or SVG: the panels of the page, drawn by matplotlib.

Read `figure` (the whole), then a panel: `curves`, `distances`, `map`. `style` is what the panels share.
"""
