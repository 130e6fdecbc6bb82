"""The page's public endpoints for programs: start a run, ask how it goes, stop it."""

from __future__ import annotations

import secrets
from typing import Any

import gradio as gr

from siamese import SiameseError
from siamese.ui import choice
from siamese.ui.lab import current_lab
from siamese.ui.server.visitors import visitor


def start_training(recipe: str = choice.DEFAULT_RECIPE, data: str = choice.DEFAULT_DATA, settings: dict = {}) -> dict:  # noqa: B006
    """Starts a training run and returns {"id", "watch"}: the key that controls it and the key that only shows it.

    recipe, data: names as the page has them. settings: recipe fields to change, such as {"steps": 200}.
    """
    lab = current_lab()
    try:
        chosen = choice.changed_recipe(data, recipe, settings or {})
        owner = secrets.token_urlsafe(12)
        job = lab.jobs.submit(visitor(owner), chosen, data, lambda progress: lab.dataset(data, progress))
    except SiameseError as error:
        raise gr.Error(str(error), print_exception=False) from error
    return {"id": job.id, "watch": job.watch_id}


def training_status(job: str) -> dict:
    """The state, step, newest loss and validation scores of a run, by either of its keys."""
    access = current_lab().jobs.access(job)
    if access is None:
        raise gr.Error("There is no such run; it may have ended an hour ago.", print_exception=False)
    snapshot = access.job.snapshot()
    losses = snapshot["loss"]["value"]
    wanted = ("state", "error", "step", "steps", "seconds", "steps_per_s", "pairs_per_s", "device", "scores")
    return {key: snapshot[key] for key in wanted} | {"loss": losses[-1] if losses else None}


def stop_training(job: str) -> dict:
    """Stops a run by the key that controls it."""
    access = current_lab().jobs.access(job)
    if access is None or not access.may_control:
        raise gr.Error("There is no run that this key may stop.", print_exception=False)
    access.job.stop()
    return {"state": "stopped"}


def offer_api() -> None:
    """Registers the endpoints in the page that is being built."""
    options: dict[str, Any] = {"concurrency_limit": 8}
    gr.api(start_training, api_name="start_training", **options)
    gr.api(training_status, api_name="training_status", **options)
    gr.api(stop_training, api_name="stop_training", **options)
