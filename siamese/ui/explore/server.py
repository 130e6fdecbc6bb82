"""Answers the requests of the Explore tab. Anybody can send anything here, so every option is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from siamese import SiameseError
from siamese.training.jobs.job import TrainingJob
from siamese.ui import choice
from siamese.ui.compare.models import shipped_models
from siamese.ui.errors import in_both
from siamese.ui.explore.batch import SIZES, wall
from siamese.ui.explore.episodes import SHOTS, WAYS, episode, guess_score, many_episodes
from siamese.ui.explore.errors import ORDERS, errors
from siamese.ui.explore.inside import pair_inside
from siamese.ui.explore.source import DATA_PREFIX, Source, find_source
from siamese.ui.explore.threshold import thresholds
from siamese.ui.explore.triplets import triplet_wall
from siamese.ui.lab import RUN_PREFIX, current_lab
from siamese.ui.texts import title_in_both

VIEWS: dict[str, Callable[[Source, dict[str, Any]], dict[str, Any]]] = {
    "batch": wall,
    "triplets": triplet_wall,
    "inside": pair_inside,
    "errors": errors,
    "threshold": thresholds,
    "episode": episode,
    "many": many_episodes,
    "state": lambda source, options: {},
}
MOST_RUNS = 12
LARGEST = 2**31 - 1


def explore(arguments: Any) -> dict[str, Any]:
    """[view, options] → what the view shows, with the state of its run; or {"error": sentence in both languages}."""
    view, options = arguments if isinstance(arguments, list) and len(arguments) == 2 else (None, None)
    if not isinstance(options, dict) or not isinstance(view, str) or view not in VIEWS:
        return {"error": in_both("This view does not exist; reload the page.")}
    try:
        source = find_source(options.get("from"))
        # The state first: if the run takes a step meanwhile, the view is newer than the state, never older.
        state = state_of(source)
        return state | VIEWS[view](source, clean_options(options))
    except SiameseError as error:
        return {"error": in_both(str(error))}


def control(arguments: Any) -> dict[str, Any]:
    """[source, "step" or "toggle"] → the run's state after one more step, or after pause and resume."""
    key, action = arguments if isinstance(arguments, list) and len(arguments) == 2 else (None, None)
    try:
        source = find_source(key)
        job = source.job
        if job is None or not source.may_control or not job.alive:
            raise SiameseError("This run cannot be controlled from here.")
        if action == "step":
            job.control.step_once()
        else:
            (job.control.resume if job.control.paused else job.control.pause)()
        return state_of(source)
    except SiameseError as error:
        return {"error": in_both(str(error))}


def sources(arguments: Any) -> dict[str, Any]:
    """[owner, job on screen, own pictures] → the sources to choose from: {"runs", "models", "data"}, each a list of
    {"key", "title"}.

    own pictures: the name of this browser's own data set, or None.
    """
    owner, job, own = (*arguments, None, None, None)[:3] if isinstance(arguments, list) else (None, None, None)
    jobs = current_lab().jobs
    access = jobs.access(job)
    runs: list[TrainingJob] = []
    if isinstance(owner, str) and owner:
        mine = [one for one in reversed(jobs.of_owner(owner)) if one.alive or one.weights is not None]
        runs = mine[:MOST_RUNS]
    run_entries = [{"key": RUN_PREFIX + one.id, "title": choice.label(one.dataset_name, one.recipe)} for one in runs]
    if access is not None and all(entry["key"] != f"{RUN_PREFIX}{job}" for entry in run_entries):
        title = choice.label(access.job.dataset_name, access.job.recipe)
        run_entries.insert(0, {"key": f"{RUN_PREFIX}{job}", "title": title})
    models = [{"key": key, "title": title} for title, key in shipped_models()]
    data: list[dict[str, Any]] = [
        {"key": DATA_PREFIX + entry.name, "title": title_in_both(entry.name, entry.title)}
        for entry in choice.usable_sets(current_lab().settings.data_dir)
    ]
    if choice.is_own(own) and current_lab().own.named(own) is not None:
        data.insert(0, {"key": DATA_PREFIX + own, "title": choice.own_title(own)})
    return {"runs": run_entries, "models": models, "data": data}


def score(arguments: Any) -> dict[str, Any]:
    """[right, guesses] → the accuracy of a person, with its 95 % interval."""
    right, guesses = arguments if isinstance(arguments, list) and len(arguments) == 2 else (0, 0)
    whole = isinstance(right, int) and isinstance(guesses, int)
    if not whole or not 0 <= right <= guesses or not 1 <= guesses <= 10_000:
        return {"error": in_both("There is nothing to count.")}
    return guess_score(right, guesses, 2)


def state_of(source: Source) -> dict[str, Any]:
    """What the page shows about a source in every view."""
    job = source.job
    state: dict[str, Any] = {"kind": "data" if source.model is None else "model", "data": source.data}
    if job is None:
        return state | {"recipe": source.recipe.name, "batching": source.recipe.batching}
    return {
        "kind": "run",
        "data": job.about_data()["title"],
        "recipe": job.recipe.name,
        "batching": job.recipe.batching,
        "state": job.state,
        "now": job.history.newest_step,
        "steps": job.recipe.steps,
        "may_control": source.may_control,
        "watch": RUN_PREFIX + job.watch_id,
    }


def clean_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a request, with the right types and ranges. A value that does not fit becomes the default."""

    def whole(name: str, default: int | None) -> Any:
        value = options.get(name)
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST
        return value if fits else default

    def one_of(name: str, allowed: tuple[Any, ...]) -> Any:
        value = options.get(name)
        return value if isinstance(value, (str, int)) and value in allowed else allowed[0]

    at = options.get("at")
    channels = options.get("channels")
    return {
        "size": one_of("size", SIZES),
        "order": one_of("order", ("drawn", "loss", *ORDERS)),
        "seen": options.get("seen") is not False,
        "guess": options.get("guess") is True,
        "seed": whole("seed", 0),
        "step": whole("step", None),
        "have": whole("have", None),
        "number": whole("number", 0),
        "way": one_of("way", WAYS),
        "shot": one_of("shot", SHOTS),
        "at": tuple(at) if isinstance(at, list) and _whole_numbers(at) and len(at) == 2 else None,
        "channels": channels
        if isinstance(channels, list) and len(channels) <= 8 and all(map(_whole_numbers, channels))
        else None,
    }


def _whole_numbers(values: Any) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= 8
        and all(isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= LARGEST for v in values)
    )
