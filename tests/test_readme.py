"""The README says what is there: its table of faults names tests that exist, and its head is what a Space needs."""

from __future__ import annotations

import re
from pathlib import Path

import siamese

ROOT = Path(siamese.__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_every_row_of_what_happens_if_names_a_test_that_exists() -> None:
    table = README.split("## What happens if")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    defined = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }
    assert 0 < len(rows) <= 12
    for row in rows:
        name = re.search(r"`(test_\w+)` \|$", row)
        assert name and name[1] in defined, row


def test_a_push_to_a_space_needs_nothing_else() -> None:
    _, head, text = README.split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in head.splitlines() if re.match(r"\w+: ", line))
    assert fields["sdk"] == "gradio" and (ROOT / fields["app_file"]).is_file()
    installed = (ROOT / "requirements.txt").read_text()
    assert fields["sdk_version"].startswith(re.search(r"gradio>=([\d.]+)", installed)[1])  # type: ignore[index]
    assert fields["python_version"].strip('"') in ("3.10.13", "3.12.12"), "what ZeroGPU has"
    assert re.search(r"torch>=2\.8,<2\.14\b", installed) and re.search(r"torchvision>=0\.23,<0\.29\b", installed)
    assert fields["suggested_hardware"] == "zero-a10g" and len(fields["short_description"]) <= 60
    assert re.fullmatch(r"\d+[mh]", fields["startup_duration_timeout"]) and head.count("\n  - ") >= 3, "time, and tags"
    assert 'hf upload USER/siamese . --repo-type space --exclude "tests/*"' in text
