"""Omniglot's small background sets in small, with images and pen strokes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def omniglot(root: Path, characters: int = 2, each: int = 3) -> Path:
    """Omniglot's small sets in small: four alphabets, one of them in both."""
    generator = np.random.default_rng(0)
    folders = {"small1": ("Balinese", "Early_Aramaic", "Greek"), "small2": ("Greek", "Tagalog")}
    for collection, names in folders.items():
        for alphabet in names:
            for number in range(characters):
                for drawer in range(each):
                    place = Path(alphabet) / f"character{number + 1:02}"
                    stem = f"{number}_{drawer}"
                    picture = root / "omniglot" / f"images_background_{collection}" / place / f"{stem}.png"
                    strokes = root / "omniglot" / f"strokes_background_{collection}" / place / f"{stem}.txt"
                    picture.parent.mkdir(parents=True, exist_ok=True)
                    strokes.parent.mkdir(parents=True, exist_ok=True)
                    ink = np.full((105, 105), 255, np.uint8)
                    ink[20 : 60 + number * 20, 50:53] = 0
                    Image.fromarray(ink).save(picture)
                    lines = [f"{x:.2f},{-y:.2f},0" for x, y in generator.uniform(20, 80, (4, 2))]
                    strokes.write_text("\n".join(["START", *lines, "BREAK"]))
    return root
