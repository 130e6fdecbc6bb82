"""The page's own files: complete, versioned, and found from under a path prefix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from siamese.ui.static_files import STATIC, preload_links, static_path, static_route, styles

MODULES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.glob("*/*.js"))


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(Starlette(routes=[static_route()]))


def test_every_module_is_served_as_a_script_that_may_be_kept(client: TestClient) -> None:
    for name in MODULES:
        answer = client.get(f"/{static_path()}/{name}")
        assert answer.status_code == 200 and answer.text == (STATIC / name).read_text("utf-8")
        assert "javascript" in answer.headers["content-type"]
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["../app.py", "%2e%2e/app.py", "common/../../app.py", "nothing.js", ""])
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(f"/{static_path()}/{path}").status_code == 404


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_files_that_are_there(name: str) -> None:
    for target in re.findall(r'from "([^"]+)"', (STATIC / name).read_text("utf-8")):
        assert target.startswith("."), f"{target} is not relative"
        assert (STATIC / name).parent.joinpath(target).resolve().is_file()


def test_every_module_is_fetched_at_once_by_a_relative_address() -> None:
    links = re.findall(r'href="([^"]+)"', preload_links())
    assert links == [f"{static_path()}/{name}" for name in MODULES]


def test_the_pages_own_style_comes_first() -> None:
    names = [path.name for path in styles()]
    assert names[0] == "style.css" and names[1:] == sorted(names[1:])
    assert set(names) == {path.name for path in Path(STATIC).glob("*.css")}
