"""The Train tab: controls on the left, the live view of a job that belongs to the server on the right."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from siamese import SiameseError
from siamese.recipes import Recipe
from siamese.training.jobs.job import TrainingJob
from siamese.ui import form
from siamese.ui.browser import Browser, as_browser, remembered
from siamese.ui.lab import current_lab
from siamese.ui.lesson_card import LessonCard
from siamese.ui.lessons import Lesson, lesson_named
from siamese.ui.live_chart import LiveChart
from siamese.ui.take_home import TakeHome
from siamese.ui.texts import i18n
from siamese.ui.visitors import visitor

# Nothing here computes: every event may run at once, and none shows a spinner over the page.
QUICK: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}
MOST_OVERLAYS = 3
ENDING_SECONDS = 10.0  # a stopped run may still finish its step and its validation


@dataclass
class TrainTab:
    """The tab's components; `inputs` are data, recipe and the recipe's fields in the order of form.FIELDS."""

    browser: gr.BrowserState
    start: gr.Button
    pause: gr.Button
    step: gr.Button
    stop: gr.Button
    reset: gr.Button
    data: gr.Dropdown
    recipe: gr.Dropdown
    fields: list[gr.components.Component]
    chart: LiveChart
    runs: gr.CheckboxGroup
    home: TakeHome
    lesson: LessonCard

    @property
    def inputs(self) -> list[gr.components.Component]:
        return [self.data, self.recipe, *self.fields]

    @property
    def buttons(self) -> list[gr.Button]:
        return [self.start, self.pause, self.step, self.stop, self.reset]


def build() -> TrainTab:
    """Builds the components; `wire` gives them life."""
    recipe = form.base_recipe(form.DEFAULT_DATA, form.DEFAULT_RECIPE)
    browser = remembered()
    with gr.Row(elem_classes="train-layout"):
        with gr.Column(elem_classes="controls"):
            lesson = LessonCard(elem_id="lesson", elem_classes="lesson")
            with gr.Row(elem_classes="run-buttons"):
                # Nothing can be pressed before the page knows its link's settings and its browser's job.
                start = gr.Button(i18n("button.start"), variant="primary", elem_id="start", scale=2, interactive=False)
                pause = gr.Button(i18n("button.pause"), variant="primary", elem_id="pause", scale=2, visible=False)
                step = gr.Button(i18n("button.step"), elem_id="step", interactive=False)
                stop = gr.Button(i18n("button.stop"), elem_id="stop", interactive=False)
                reset = gr.Button(i18n("button.reset"), elem_id="reset", interactive=False)
            with gr.Column(elem_classes="settings"):
                data = gr.Dropdown(
                    form.data_choices(),
                    value=form.DEFAULT_DATA,
                    label=i18n("data.label"),
                    info=i18n("data.info"),
                    elem_id="data",
                )
                chosen = gr.Dropdown(
                    form.recipe_choices(),
                    value=recipe.name,
                    label=i18n("recipe.label"),
                    info=recipe.teaches,
                    elem_id="recipe",
                )
                fields = form.build_fields(form.LIVE_FIELDS, recipe)
                with gr.Accordion(i18n("advanced"), open=False, elem_id="advanced"):
                    fields += form.build_fields(form.ADVANCED_FIELDS, recipe)
            with gr.Accordion(i18n("runs"), open=False, elem_id="runs", elem_classes="settings"):
                runs = gr.CheckboxGroup(
                    [], label=i18n("runs.label"), info=i18n("runs.info"), elem_id="overlays", interactive=True
                )
            with gr.Accordion(i18n("home"), open=False, elem_id="home", elem_classes="settings"):
                home = TakeHome(elem_id="take-home")
        with gr.Column(elem_classes="panels"):
            chart = LiveChart(elem_id="chart", plan=_plan(form.DEFAULT_DATA, recipe))
    return TrainTab(browser, start, pause, step, stop, reset, data, chosen, fields, chart, runs, home, lesson)


def wire(tab: TrainTab, demo: gr.Blocks) -> None:
    """Connects the components; every event is a short transition, and the chart asks for the rest by itself."""
    outcome = [tab.browser, tab.chart, tab.home, *tab.buttons]
    tab.start.click(_start, [tab.browser, *tab.inputs], outcome, **QUICK)
    tab.step.click(_step, [tab.browser, *tab.inputs], outcome, **QUICK)
    tab.pause.click(_pause, tab.browser, tab.buttons, **QUICK)
    tab.stop.click(_stop, tab.browser, tab.buttons, **QUICK)
    tab.reset.click(_reset, [tab.browser, tab.data, tab.recipe], [*outcome, *tab.fields, tab.recipe, tab.runs], **QUICK)
    tab.chart.job_state(_on_state, tab.browser, [*tab.buttons, tab.runs], **QUICK)
    gr.on(
        [tab.data.input, tab.recipe.input],
        _choose,
        [tab.browser, tab.data, tab.recipe],
        [*tab.fields, tab.recipe, tab.chart],
        **QUICK,
    )
    for field, control in zip(form.FIELDS, tab.fields):
        if field.name in ("margin", "learning_rate"):
            control.input(_steer, [tab.browser, *_live(tab)], None, trigger_mode="always_last", **QUICK)  # type: ignore[attr-defined]
        elif field.name in ("loss", "batching", "second_tower", "optimizer", "soft_margin"):
            settle = _settler(field.name)
            control.input(settle, tab.inputs, [*tab.fields], **QUICK)  # type: ignore[attr-defined]
    tab.home.ask_link(_link, [tab.browser, *tab.inputs], tab.home, **QUICK)
    tab.runs.input(_overlay, [tab.browser, tab.runs], tab.chart, **QUICK)
    tab.lesson.open_lesson(
        _open_lesson, tab.browser, [tab.lesson, tab.chart, tab.data, tab.recipe, *tab.fields], **QUICK
    )
    demo.load(_attach, tab.browser, [*outcome, tab.data, tab.recipe, *tab.fields, tab.runs, tab.lesson], **QUICK)


def _live(tab: TrainTab) -> list[gr.components.Component]:
    by_name = dict(zip((field.name for field in form.FIELDS), tab.fields))
    return [by_name["learning_rate"], by_name["margin"]]


def _start(browser: Any, data: str, name: str, *values: Any) -> list[Any]:
    return _submit(as_browser(browser), data, _recipe(data, name, values), paused=False)


def _step(browser: Any, data: str, name: str, *values: Any) -> list[Any]:
    mine = as_browser(browser)
    job = _controlled(mine)
    if job is None or not job.alive:
        shown = _submit(mine, data, _recipe(data, name, values), paused=True)
        job = _controlled(as_browser(shown[0]))
    else:
        shown = [gr.skip(), gr.skip(), gr.skip(), *buttons("paused")]
    if job is not None:
        job.control.step_once()
    return shown


def _submit(browser: Browser, data: str, recipe: Recipe, paused: bool) -> list[Any]:
    lab = current_lab()
    owner = browser.owner or secrets.token_urlsafe(12)
    for ending in lab.jobs.of_owner(owner):
        if ending.control.stopped:
            ending.ended.wait(ENDING_SECONDS)
    try:
        job = lab.jobs.submit(visitor(owner), recipe, data, lambda progress: lab.dataset(data, progress), paused=paused)
    except SiameseError as error:
        raise gr.Error(str(error), print_exception=False) from error
    state = Browser(owner, job.id).as_json()
    return [state, LiveChart(job=job.id, watch=False, overlays=[]), TakeHome(job=job.id), *buttons(job.state)]


def _recipe(data: str, name: str, values: Sequence[Any]) -> Recipe:
    try:
        return form.from_controls(data, name, values)
    except SiameseError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _controlled(browser: Browser) -> TrainingJob | None:
    """The job this browser may control; None where it only watches, or the server no longer has it."""
    access = current_lab().jobs.access(browser.job)
    return access.job if access is not None and access.may_control else None


def _pause(browser: Any) -> list[Any]:
    job = _controlled(as_browser(browser))
    if job is None:
        return buttons("idle")
    (job.control.resume if job.control.paused else job.control.pause)()
    return buttons(job.state)


def _stop(browser: Any) -> list[Any]:
    job = _controlled(as_browser(browser))
    if job is None:
        return buttons("idle")
    job.stop()
    return buttons("stopped")


def _reset(browser: Any, data: str, name: str) -> list[Any]:
    mine = as_browser(browser)
    if (job := _controlled(mine)) is not None:
        job.stop()
    recipe = form.base_recipe(data, name)
    chart = LiveChart(job=None, watch=False, overlays=[], plan=_plan(data, recipe))
    return [
        Browser(mine.owner, None).as_json(),
        chart,
        TakeHome(job=None),
        *buttons("idle"),
        *form.to_controls(recipe),
        gr.Dropdown(info=recipe.teaches),
        gr.CheckboxGroup(choices=_run_choices(mine.owner, None), value=[]),
    ]


def _choose(browser: Any, data: str, name: str) -> list[Any]:
    recipe = form.base_recipe(data, name)
    job = _controlled(as_browser(browser))
    # A run that is being looked at stays on screen while the next one is being set up.
    chart = gr.skip() if job is not None else LiveChart(plan=_plan(data, recipe))
    return [*form.to_controls(recipe), gr.Dropdown(info=recipe.teaches), chart]


def _settler(changed: str) -> Any:
    def settle(data: str, name: str, *values: Any) -> list[Any]:
        base = form.base_recipe(data, name)
        shown = dict(zip((field.name for field in form.FIELDS), values))
        settings = form.settle({k: v for k, v in shown.items() if v is not None}, changed)
        settings["image_size"] = settings.get("image_size") or None
        settings["second_tower"] = settings.get("second_tower") or None
        try:
            return form.to_controls(base.with_settings(settings))
        except SiameseError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return settle


def _steer(browser: Any, rate: Any, margin: Any) -> None:
    job = _controlled(as_browser(browser))
    if job is None or not job.alive:
        return
    try:
        checked = job.recipe.with_settings({"learning_rate": rate, "margin": margin})
    except SiameseError as error:
        raise gr.Error(str(error), print_exception=False) from error
    job.control.learning_rate, job.control.margin = checked.learning_rate, checked.margin


def _on_state(browser: Any, event: gr.EventData) -> list[Any]:
    mine = as_browser(browser)
    state = str(getattr(event, "state", "idle"))
    access = current_lab().jobs.access(getattr(event, "job", None))
    shown = buttons("watched") if access is not None and not access.may_control else buttons(state)
    ended = state in ("done", "stopped", "failed")
    runs = gr.CheckboxGroup(choices=_run_choices(mine.owner, mine.job)) if ended else gr.skip()
    return [*shown, runs]


def _link(event: gr.EventData, browser: Any, data: str, name: str, *values: Any) -> TakeHome:
    """Answers the page's wish for a link: to the settings on screen, or to watch the run on screen."""
    what = getattr(event, "what", "settings")
    if what == "watch":
        job = _controlled(as_browser(browser))
        query = "" if job is None else urlencode({"watch": job.watch_id})
    else:
        query = urlencode(form.to_query(data, _recipe(data, name, values)))
    return TakeHome(link={"what": what, "query": query, "number": secrets.randbelow(1 << 30)})


def _open_lesson(event: gr.EventData, browser: Any) -> list[Any]:
    """Opens a lesson and sets the controls as it wants them; a run on screen stays until the next Start."""
    wanted = getattr(event, "id", None)
    if wanted is None:
        return [LessonCard(lesson=None), *[gr.skip()] * (3 + len(form.FIELDS))]
    try:
        lesson = lesson_named(wanted)
    except SiameseError as error:
        raise gr.Error(str(error), print_exception=False) from error
    data, recipe = lesson.data, lesson.recipe
    chart = gr.skip() if _controlled(as_browser(browser)) else LiveChart(plan=_plan(data, recipe))
    return [
        LessonCard(lesson=lesson.id),
        chart,
        gr.Dropdown(value=data),
        gr.Dropdown(value=recipe.name, info=recipe.teaches),
        *form.to_controls(recipe),
    ]


def _overlay(browser: Any, chosen: list[str]) -> LiveChart:
    owner = as_browser(browser).owner
    labels = {job.id: form.label(job.dataset_name, job.recipe) for job in current_lab().jobs.of_owner(owner)}
    shown = [{"id": key, "label": labels[key]} for key in chosen[:MOST_OVERLAYS] if key in labels]
    return LiveChart(overlays=shown)


def _run_choices(owner: str, current: str | None) -> list[tuple[str, str]]:
    jobs = [job for job in reversed(current_lab().jobs.of_owner(owner)) if job.id != current and job.history.told_step]
    return [(f"{form.label(job.dataset_name, job.recipe)} ({job.state})", job.id) for job in jobs[:12]]


def _attach(browser: Any, request: gr.Request) -> list[Any]:
    """Brings a page back to where its browser was: after a reload, in a second tab, or by a link."""
    mine = as_browser(browser)
    query = dict(request.query_params) if request is not None else {}
    if watched := query.get("watch"):
        return _watch(watched)
    job = _controlled(mine)
    lesson: Lesson | None = None
    if job is not None and not query:
        data, recipe = job.dataset_name, job.recipe
    else:
        try:
            lesson = lesson_named(query["lesson"]) if "lesson" in query else None
            data, recipe = form.from_query(query) if lesson is None else (lesson.data, lesson.recipe)
        except SiameseError as error:
            gr.Warning(f"The link's settings were not used: {error}")
            data, recipe = form.from_query({})
    chart = LiveChart(job=None if job is None else job.id, plan=_plan(data, recipe))
    return [
        mine.as_json(),
        chart,
        TakeHome(job=None if job is None else job.id),
        *buttons("idle" if job is None else job.state),
        gr.Dropdown(value=data),
        gr.Dropdown(value=recipe.name, info=recipe.teaches),
        *form.to_controls(recipe),
        gr.CheckboxGroup(choices=_run_choices(mine.owner, mine.job), value=[]),
        LessonCard(lesson=None if lesson is None else lesson.id),
    ]


def _watch(key: str) -> list[Any]:
    access = current_lab().jobs.access(key)
    data, recipe = form.from_query({}) if access is None else (access.job.dataset_name, access.job.recipe)
    return [
        gr.skip(),
        LiveChart(job=key, watch=True),
        TakeHome(job=key),
        *buttons("watched"),
        gr.Dropdown(value=data),
        gr.Dropdown(value=recipe.name, info=recipe.teaches),
        *form.to_controls(recipe),
        gr.CheckboxGroup(choices=[], value=[]),
        gr.skip(),
    ]


def buttons(state: str) -> list[gr.Button]:
    """Start, Pause or Resume, Step, Stop and Reset as a job's state wants them; "watched": nothing can be pressed."""
    alive = state in ("waiting", "preparing", "running", "paused")
    watched = state == "watched"
    pause = i18n("button.resume") if state == "paused" else i18n("button.pause")
    return [
        gr.Button(visible=not alive, interactive=not watched),
        gr.Button(pause, visible=alive, interactive=state != "waiting"),
        gr.Button(interactive=not watched and state not in ("waiting", "preparing")),
        gr.Button(interactive=alive),
        gr.Button(interactive=not watched),
    ]


def _plan(data: str, recipe: Recipe) -> dict[str, Any]:
    unseen = {"doodle-faces": "people", "mnist": "images", "fashion-mnist": "images", "kmnist": "images"}
    return {"steps": recipe.steps, "unseen": unseen.get(data, "alphabets")}
