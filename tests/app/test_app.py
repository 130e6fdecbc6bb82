"""The app as a program sees it, over gradio_client: only the intended endpoints, and one sentence for every bad input."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from gradio.i18n import I18nData
from gradio_client import Client, handle_file
from PIL import Image

from siamese.ui.lab import EXAMPLES, current_lab

PUBLIC = {
    "/dissimilarity",
    "/embed",
    "/nearest",
    "/sample_pairs",
    "/start_training",
    "/training_status",
    "/stop_training",
}


def examples() -> list[dict[str, Any]]:
    return json.loads((EXAMPLES / "pairs.json").read_text("utf-8"))["pairs"]


def example(pair: int) -> tuple[str, str, str]:
    chosen = examples()[pair]
    return str(EXAMPLES / chosen["left"]), str(EXAMPLES / chosen["right"]), chosen["model"]


def ask(client: Client, left: str | None, right: str | None, model: str) -> dict:
    sent = [None if path is None else handle_file(path) for path in (left, right)]
    return client.predict(*sent, model, api_name="/dissimilarity")


def test_only_the_intended_endpoints_are_public(client: Client) -> None:
    described = client.view_api(return_format="dict", print_info=False)
    assert set(described["named_endpoints"]) == PUBLIC
    assert not described["unnamed_endpoints"]


def test_the_configuration_of_the_page_is_data_alone(demo: gr.Blocks) -> None:
    """Gradio copies it for each visitor; an object in it would bring along whatever it refers to."""
    copy.deepcopy(demo.config)
    waiting: list[tuple[str, Any]] = [("config", demo.config)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{name}.{key}", part) for key, part in value.items()]
        elif isinstance(value, (list, tuple)):
            waiting += [(f"{name}[{i}]", part) for i, part in enumerate(value)]
        else:
            assert value is None or isinstance(value, (str, int, float, bool, I18nData)), f"{name} is {value!r}"


def test_a_run_by_program(client: Client) -> None:
    run = client.predict("contrastive-pairs", "glyphs", {"steps": 60, "batch_size": 16}, api_name="/start_training")
    job = current_lab().jobs.access(run["id"]).job
    assert job.ended.wait(120)
    status = client.predict(run["watch"], api_name="/training_status")
    assert (status["state"], status["step"], status["error"]) == ("done", 60, None)
    assert 0.4 <= status["scores"]["pair_accuracy"] <= 1

    # The network that has just been trained compares images, too.
    left, right, _ = example(0)
    answer = ask(client, left, right, f"run:{run['id']}")
    assert answer["step"] <= 60 and answer["same"] == (answer["dissimilarity"] < answer["threshold"])


def test_the_watch_key_cannot_stop(client: Client) -> None:
    run = client.predict("contrastive-pairs", "glyphs", {"steps": 5000}, api_name="/start_training")
    with pytest.raises(Exception, match="no run that this key may stop"):
        client.predict(run["watch"], api_name="/stop_training")
    client.predict(run["id"], api_name="/stop_training")
    assert current_lab().jobs.access(run["id"]).job.ended.wait(60)


@pytest.mark.parametrize(
    ("recipe", "data", "settings", "sentence"),
    [
        ("fastest", "glyphs", {}, 'no recipe "fastest"'),
        ("fast", "/etc/passwd", {}, 'no data set "/etc/passwd"'),
        ("fast", "glyphs", {"margin": -1}, "margin is -1"),
        ("fast", "glyphs", {"speed": 3}, 'no field "speed"'),
    ],
)
def test_bad_settings_start_nothing(client: Client, recipe: str, data: str, settings: dict, sentence: str) -> None:
    before = len(current_lab().jobs.all_jobs())
    with pytest.raises(Exception, match=sentence):
        client.predict(recipe, data, settings, api_name="/start_training")
    assert len(current_lab().jobs.all_jobs()) == before


def test_an_unknown_job(client: Client) -> None:
    with pytest.raises(Exception, match="no such run"):
        client.predict("no-such-key", api_name="/training_status")


def test_every_example_is_measured(client: Client) -> None:
    assert len(examples()) >= 5
    for number in range(len(examples())):
        left, right, model = example(number)
        answer = ask(client, left, right, model)
        assert answer["dissimilarity"] >= 0 and answer["threshold"] > 0
        # Order does not matter, and an image is nearest to itself.
        assert ask(client, right, left, model)["dissimilarity"] == pytest.approx(answer["dissimilarity"], abs=1e-4)
        assert ask(client, left, left, model)["dissimilarity"] <= 1e-3


def test_every_endpoint_names_and_describes_its_parameters(client: Client) -> None:
    described = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    names = {name: [one["parameter_name"] for one in about["parameters"]] for name, about in described.items()}
    assert names == {
        "/dissimilarity": ["left", "right", "model"],
        "/embed": ["image", "model"],
        "/nearest": ["image", "board", "names", "model"],
        "/sample_pairs": ["data", "pairs", "seed"],
        "/start_training": ["recipe", "data", "settings"],
        "/training_status": ["job"],
        "/stop_training": ["job"],
    }
    assert all(about["description"].strip() for about in described.values())


def test_the_lines_of_the_readme(address: str) -> None:
    """They run as they stand, but for the address and the folder they are run in."""
    readme = (EXAMPLES.parent / "README.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(from gradio_client .*?)```", readme, flags=re.S)
    assert len([line for line in code.splitlines() if line]) == 3
    code = code.replace("http://127.0.0.1:7860", address).replace("examples/", f"{EXAMPLES}/")
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the README's own lines
    assert names["answer"]["dissimilarity"] > 0


def test_an_embedding_is_where_the_network_places_the_image(client: Client) -> None:
    left, right, model = example(0)
    points = [client.predict(handle_file(path), model, api_name="/embed") for path in (left, right)]
    a, b = (torch.tensor(point["embedding"]) for point in points)
    said = ask(client, left, right, model)["dissimilarity"]
    assert points[0]["similarity"] == "cosine" and float(1 - a @ b) == pytest.approx(said, abs=1e-3)


def test_the_nearest_of_many_by_program(client: Client) -> None:
    left, right, model = example(0)
    other = example(1)[0]
    board = [handle_file(path) for path in (other, right)]
    answer = client.predict(handle_file(left), board, ["other", "same"], model, api_name="/nearest")
    assert answer["answer"] == "same" and [name for name, _ in answer["ranking"]] == ["same", "other"]
    with pytest.raises(Exception, match="another number of names"):
        client.predict(handle_file(left), board, ["one"], model, api_name="/nearest")
    stolen = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(Exception):  # noqa: B017 - refused before it is opened
        client.predict(handle_file(left), [stolen], None, model, api_name="/nearest")


def test_pairs_by_program(client: Client) -> None:
    drawn = client.predict(data="glyphs", pairs=6, seed=3, api_name="/sample_pairs")["pairs"]
    assert [pair["same"] for pair in drawn] == [True] * 3 + [False] * 3
    assert all(pair["same"] == (pair["left_name"] == pair["right_name"]) for pair in drawn)
    assert drawn == client.predict(data="glyphs", pairs=6, seed=3, api_name="/sample_pairs")["pairs"]
    for wrong in ({"pairs": 1000}, {"seed": -1}, {"data": "/etc"}):
        with pytest.raises(Exception, match="has to be|no data set"):
            client.predict(**({"data": "glyphs", "pairs": 6, "seed": 3} | wrong), api_name="/sample_pairs")


def test_one_missing_image(client: Client) -> None:
    left, _, model = example(0)
    with pytest.raises(Exception, match="One image is missing"):
        ask(client, left, None, model)


def test_an_unknown_model(client: Client) -> None:
    left, right, _ = example(0)
    with pytest.raises(Exception, match="There is no model"):
        ask(client, left, right, "../../etc/passwd")


def test_a_file_that_is_no_image(client: Client, tmp_path: Path) -> None:
    left, _, model = example(0)
    wrong = tmp_path / "words.png"
    wrong.write_text("these are words")
    with pytest.raises(Exception, match="not an image that can be read"):
        ask(client, left, str(wrong), model)


def test_an_image_of_a_hundred_megapixels(client: Client, tmp_path: Path) -> None:
    left, _, model = example(0)
    giant = tmp_path / "giant.png"
    Image.new("1", (10_000, 10_001)).save(giant)
    with pytest.raises(Exception, match="has 100 megapixels"):
        ask(client, left, str(giant), model)


def test_a_path_in_place_of_an_upload(client: Client) -> None:
    left, _, model = example(0)
    stolen = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(Exception):  # noqa: B017 - Gradio refuses it in its own words
        client.predict(handle_file(left), stolen, model, api_name="/dissimilarity")


def test_polling_answers_anything_with_a_dict() -> None:
    from siamese.ui.train import live_server

    for wrong in (None, [], [1], ["x", "y"], [None, -1], [["a"], 3], "text", {"a": 1}, [{"b": 2}, {}]):
        assert live_server.poll(wrong) == {"gone": True}
        assert live_server.frame(wrong) == {"gone": True}
        assert live_server.thumbnails(wrong) == {"gone": True}
