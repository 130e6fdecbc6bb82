"""The order of the packages: each imports only from those before it, so that no two need each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import siamese

HOME = Path(siamese.__file__).parent

# Package → the packages that it may import. The top level holds SiameseError and the version, which all may use.
MAY_IMPORT: dict[str, set[str]] = {
    "data": set(),
    "recipes": {"data"},
    "models": {"data", "recipes"},
    "learning": {"data", "recipes", "models"},
    "evaluation": {"data", "recipes", "models", "learning"},
    "training": {"data", "recipes", "models", "learning", "evaluation"},
    "comparison": {"data", "recipes", "models", "learning", "evaluation"},
    "export": {"data", "recipes", "models", "learning", "evaluation", "training", "comparison"},
    "ui": {"data", "recipes", "models", "learning", "evaluation", "training", "comparison", "export"},
    # benchmark measures the page too, and imports it where it does.
    "commands": {"data", "recipes", "models", "learning", "evaluation", "training", "comparison", "export", "ui"},
}


def imported_packages(file: Path) -> set[str]:
    """The packages of siamese that a file imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "siamese" else [f"siamese.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("siamese.")}
    return found & set(MAY_IMPORT)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_stands_before_it(package: str) -> None:
    for file in sorted((HOME / package).rglob("*.py")):
        extra = imported_packages(file) - MAY_IMPORT[package] - {package}
        assert not extra, f"{file.relative_to(HOME)} imports {', '.join(sorted(extra))}"


def test_gradio_stays_in_the_ui() -> None:
    for file in sorted(HOME.rglob("*.py")):
        names = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(file.read_text("utf-8")))
            for name in (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else []
            )
        }
        assert "gradio" not in names or file.is_relative_to(HOME / "ui"), file.relative_to(HOME)


def test_the_top_level_has_at_most_ten_entries() -> None:
    entries = {path.name for path in HOME.iterdir()} - {"__init__.py", "__main__.py", "__pycache__"}
    assert entries == set(MAY_IMPORT) and len(entries) <= 10


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_each_package_says_what_lives_in_it(package: str) -> None:
    text = ast.get_docstring(ast.parse((HOME / package / "__init__.py").read_text("utf-8")))
    assert text and "Read" in text, f"siamese/{package}/__init__.py says what lives there and in what order to read it"
