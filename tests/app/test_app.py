"""The app as a program sees it, over gradio_client: only the intended endpoints, and one sentence for every bad input."""

from __future__ import annotations

from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from PIL import Image

from siamese.ui.lab import EXAMPLES, current_lab

PUBLIC = {"/dissimilarity", "/start_training", "/training_status", "/stop_training"}


def example(pair: int) -> tuple[str, str, str]:
    from siamese.ui.compare_tab import example_pairs

    chosen = example_pairs()[pair]
    return str(EXAMPLES / chosen["left"]), str(EXAMPLES / chosen["right"]), chosen["model"]


def ask(client: Client, left: str | None, right: str | None, model: str) -> dict:
    sent = [None if path is None else handle_file(path) for path in (left, right)]
    return client.predict(*sent, model, api_name="/dissimilarity")


def test_only_the_intended_endpoints_are_public(client: Client) -> None:
    described = client.view_api(return_format="dict", print_info=False)
    assert set(described["named_endpoints"]) == PUBLIC
    assert not described["unnamed_endpoints"]


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
    from siamese.ui.compare_tab import example_pairs

    assert len(example_pairs()) >= 6
    for number in range(len(example_pairs())):
        left, right, model = example(number)
        answer = ask(client, left, right, model)
        assert answer["dissimilarity"] >= 0 and answer["threshold"] > 0
        # Order does not matter, and an image is nearest to itself.
        assert ask(client, right, left, model)["dissimilarity"] == pytest.approx(answer["dissimilarity"], abs=1e-4)
        assert ask(client, left, left, model)["dissimilarity"] <= 1e-3


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
    from siamese.ui import live_server

    for wrong in (None, [], [1], ["x", "y"], [None, -1], [["a"], 3], "text", {"a": 1}, [{"b": 2}, {}]):
        assert live_server.poll(wrong) == {"gone": True}
        assert live_server.frame(wrong) == {"gone": True}
        assert live_server.thumbnails(wrong) == {"gone": True}
