"""The events of the Train tab. All are short, because the live view itself polls the run.

Every handler returns {component: update}; all other components stay as they are.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import gradio as gr

from siamese import SiameseError
from siamese.recipes import Recipe
from siamese.training.jobs.job import TrainingJob, plain_name
from siamese.ui import choice
from siamese.ui.browser import Browser, as_browser
from siamese.ui.errors import in_both, in_language_of, page_error
from siamese.ui.lab import current_lab
from siamese.ui.server.visitors import visitor
from siamese.ui.train import form
from siamese.ui.train.lesson_card import LessonCard
from siamese.ui.train.lessons import Lesson, lesson_named
from siamese.ui.train.live_chart import LiveChart
from siamese.ui.train.tab import TrainTab, Updates, Values
from siamese.ui.train.take_home import TakeHome

# No event computes for long, so all may run at the same time, and none shows a spinner over the page.
QUICK: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}
GOVERNING = ("loss", "batching", "second_tower", "optimizer", "soft_margin")  # fields that other fields depend on
LESSON_SPEED = "20"  # steps a second on a GPU, where a lesson of 300 steps would be over before anybody can watch it
MOST_OVERLAYS = 3
MOST_RUNS = 12  # earlier runs of a browser in the list
ENDING_SECONDS = 10.0  # the time for a stopped run to finish its step and its validation


def wire(tab: TrainTab, demo: gr.Blocks) -> TrainEvents:
    """Connects the components of the tab. Other tabs use the returned events to start runs."""
    events = TrainEvents(tab)
    on_screen = tab.buttons | {tab.browser, tab.chart, tab.home}
    inputs = tab.form | {tab.browser}
    tab.start.click(events.start, inputs, on_screen, **QUICK)
    tab.step.click(events.step, inputs, on_screen, **QUICK)
    tab.pause.click(events.pause, tab.browser, tab.buttons, **QUICK)
    tab.stop.click(events.stop, tab.browser, tab.buttons, **QUICK)
    tab.reset.click(events.reset, inputs, tab.everything, **QUICK)
    tab.chart.job_state(events.job_state, tab.browser, tab.buttons | {tab.runs}, **QUICK)
    gr.on([tab.data.input, tab.recipe.input], events.choose, inputs, tab.form | {tab.chart}, **QUICK)
    for name, control in tab.fields.items():
        if name in ("margin", "learning_rate"):
            live = {tab.browser, tab.fields["learning_rate"], tab.fields["margin"]}
            control.input(events.steer, live, None, trigger_mode="always_last", **QUICK)
        elif name in GOVERNING:
            control.input(events.adapt_to(name), tab.form, tab.form, **QUICK)
    tab.speed.input(events.speed, {tab.browser, tab.speed}, None, trigger_mode="always_last", **QUICK)
    tab.home.ask_link(events.link, inputs, tab.home, **QUICK)
    tab.name.change(events.rename, [tab.browser, tab.name], tab.browser, trigger_mode="always_last", **QUICK)
    tab.runs.input(events.overlay, {tab.browser, tab.runs}, tab.chart, **QUICK)
    tab.lesson.open_lesson(events.open_lesson, tab.browser, tab.form | {tab.lesson, tab.chart}, **QUICK)
    demo.load(events.attach, tab.browser, tab.everything, **QUICK)
    return events


class TrainEvents:
    """The handlers of the tab's events."""

    def __init__(self, tab: TrainTab) -> None:
        self.tab = tab

    # ---- buttons

    def start(self, values: Values) -> Updates:
        return self._submit(values, paused=False)[1]

    def step(self, values: Values) -> Updates:
        """One step of the run on screen. Without a run: the first step of a new one, which then stands still."""
        job = _own_job(as_browser(values[self.tab.browser]))
        if job is not None and job.alive:
            updates = self.tab.buttons_for("paused")
        else:
            job, updates = self._submit(values, paused=True)
        job.control.step_once()
        return updates

    def _submit(self, values: Values, paused: bool) -> tuple[TrainingJob, Updates]:
        tab, lab = self.tab, current_lab()
        data, recipe = values[tab.data], self._recipe(values)
        mine = as_browser(values[tab.browser])
        owner = mine.owner or secrets.token_urlsafe(12)
        for ending in lab.jobs.of_owner(owner):
            if ending.control.stopped:
                ending.ended.wait(ENDING_SECONDS)
        try:
            job = lab.jobs.submit(
                visitor(owner, mine.name), recipe, data, lambda progress: lab.dataset(data, progress), paused=paused
            )
        except SiameseError as error:
            raise page_error(error) from error
        job.control.set_speed(choice.speed_of(values[tab.speed]))
        return job, {
            tab.browser: Browser(owner, job.id, mine.name, urlencode(choice.to_query(data, recipe))).as_json(),
            tab.chart: LiveChart(job=job.id, watch=False, overlays=[]),
            tab.home: TakeHome(job=job.id),
            **self.tab.buttons_for(job.state),
        }

    def rename(self, browser: Any, name: Any) -> Updates:
        """Gives the runs of this browser, also the one on screen, a name for the room."""
        mine = replace(as_browser(browser), name=plain_name(name))
        if (job := _own_job(mine)) is not None:
            job.name = mine.name
        return {self.tab.browser: mine.as_json()}

    def pause(self, browser: Any) -> Updates:
        job = _own_job(as_browser(browser))
        if job is None:
            return self.tab.buttons_for("idle")
        (job.control.resume if job.control.paused else job.control.pause)()
        return self.tab.buttons_for(job.state)

    def stop(self, browser: Any) -> Updates:
        job = _own_job(as_browser(browser))
        if job is None:
            return self.tab.buttons_for("idle")
        job.stop()
        return self.tab.buttons_for("stopped")

    def reset(self, values: Values) -> Updates:
        """Stops the run on screen, empties the live view and resets the settings of the recipe."""
        tab = self.tab
        mine = as_browser(values[tab.browser])
        if (job := _own_job(mine)) is not None:
            job.stop()
        data, recipe = values[tab.data], choice.base_recipe(values[tab.data], values[tab.recipe])
        return {
            tab.browser: Browser(mine.owner, None, mine.name).as_json(),
            tab.chart: LiveChart(job=None, watch=False, overlays=[], plan=_plan(data, recipe)),
            tab.home: TakeHome(job=None),
            tab.runs: gr.CheckboxGroup(choices=_run_choices(mine.owner, None), value=[]),
            **self.tab.buttons_for("idle"),
            **self.tab.fill(data, recipe),
        }

    def job_state(self, browser: Any, event: gr.EventData) -> Updates:
        """The page has seen a new state of the run."""
        mine = as_browser(browser)
        state = str(getattr(event, "state", "idle"))
        access = current_lab().jobs.access(getattr(event, "job", None))
        only_watches = access is not None and not access.may_control
        updates = self.tab.buttons_for("watched" if only_watches else state)
        if state in ("done", "stopped", "failed"):
            updates[self.tab.runs] = gr.CheckboxGroup(choices=_run_choices(mine.owner, mine.job))
        return updates

    # ---- settings

    def choose(self, values: Values) -> Updates:
        """Another data set or recipe: the controls show its settings."""
        tab = self.tab
        data = values[tab.data]
        try:
            recipe = choice.base_recipe(data, values[tab.recipe])
        except SiameseError as error:
            raise page_error(error) from error
        return self.tab.fill(data, recipe) | self._announce(values[tab.browser], data, recipe)

    def adapt_to(self, field: str) -> Callable[[Values], Updates]:
        """A handler for a change of this field: it adapts the other fields."""

        def adapt(values: Values) -> Updates:
            try:
                recipe = form.fit_recipe(
                    values[self.tab.data], values[self.tab.recipe], self.tab.settings(values), field
                )
            except SiameseError as error:
                raise page_error(error) from error
            return self.tab.fill_fields(recipe)

        return adapt

    def steer(self, values: Values) -> None:
        """A new learning rate or margin reaches the run with its next step."""
        job = _own_job(as_browser(values[self.tab.browser]))
        if job is None or not job.alive:
            return
        names = ("learning_rate", "margin")
        try:
            recipe = job.recipe.with_settings({name: values[self.tab.fields[name]] for name in names})
        except SiameseError as error:
            raise page_error(error) from error
        job.control.learning_rate, job.control.margin = recipe.learning_rate, recipe.margin

    def speed(self, values: Values) -> None:
        """A new speed for the run on screen and for later runs."""
        job = _own_job(as_browser(values[self.tab.browser]))
        if job is not None and job.alive:
            job.control.set_speed(choice.speed_of(values[self.tab.speed]))

    # ---- lessons, links, other runs

    def open_lesson(self, event: gr.EventData, browser: Any) -> Updates:
        """Opens a lesson and sets the controls for it. A run on screen stays there until the next Start."""
        lesson_id = getattr(event, "id", None)
        if lesson_id is None:
            return {self.tab.lesson: LessonCard(lesson=None)}
        try:
            lesson = lesson_named(lesson_id)
        except SiameseError as error:
            raise page_error(error) from error
        data, recipe = lesson.data, lesson.recipe
        return {
            self.tab.lesson: LessonCard(lesson=lesson.id),
            **self.tab.fill(data, recipe),
            **self._announce(browser, data, recipe),
            **self._lesson_speed(),
        }

    def _lesson_speed(self) -> Updates:
        on_gpu = current_lab().settings.device.type == "cuda"
        return {self.tab.speed: gr.Radio(value=LESSON_SPEED, interactive=True)} if on_gpu else {}

    def link(self, event: gr.EventData, values: Values) -> TakeHome:
        """Answers a request for a link: to the settings on screen, or to watch the run on screen."""
        what = getattr(event, "what", "settings")
        if what == "watch":
            job = _own_job(as_browser(values[self.tab.browser]))
            query = "" if job is None else urlencode({"watch": job.watch_id})
        else:
            query = urlencode(choice.to_query(values[self.tab.data], self._recipe(values), values[self.tab.speed]))
        return TakeHome(link={"what": what, "query": query, "number": secrets.randbelow(1 << 30)})

    def overlay(self, values: Values) -> LiveChart:
        owner = as_browser(values[self.tab.browser]).owner
        labels = {job.id: choice.label(job.dataset_name, job.recipe) for job in current_lab().jobs.of_owner(owner)}
        keys = [key for key in values[self.tab.runs] if key in labels]
        return LiveChart(overlays=[{"id": key, "label": labels[key]} for key in keys[:MOST_OVERLAYS]])

    # ---- loading the page

    def attach(self, browser: Any, request: gr.Request) -> Updates:
        """Restores the page of a browser after a reload, in a second tab, or from a link."""
        tab, mine = self.tab, as_browser(browser)
        query = dict(request.query_params) if request is not None else {}
        if "explore" in query or "compare" in query:
            query = {}  # a link to a view of another tab has no settings for this one
        query.pop("room", None)  # the page of the room, which hides this tab
        if watch_id := query.get("watch"):
            return self._watch(watch_id)
        job = _own_job(mine)
        # A run that the server lost when it was started again: the page says so and offers its settings.
        lost = job is None and mine.job is not None and not query
        if lost:
            query = dict(parse_qsl(mine.settings))
        lesson: Lesson | None = None
        if job is not None and not query:
            data, recipe = job.dataset_name, job.recipe
        else:
            try:
                lesson = lesson_named(query["lesson"]) if "lesson" in query else None
                data, recipe = choice.from_query(query) if lesson is None else (lesson.data, lesson.recipe)
            except SiameseError as error:
                gr.Warning(in_language_of(request, str(error)))
                data, recipe = choice.from_query({})
        key = mine.job if lost else None if job is None else job.id
        speed = query.get("speed") if job is None or query else str(job.control.steps_per_second)
        updates = {
            tab.browser: mine.as_json(),
            tab.name: mine.name,
            tab.chart: LiveChart(job=key, plan=_plan(data, recipe)),
            tab.home: TakeHome(job=key),
            tab.runs: gr.CheckboxGroup(choices=_run_choices(mine.owner, mine.job), value=[]),
            tab.lesson: LessonCard(lesson=None if lesson is None else lesson.id),
            **self.tab.buttons_for("idle" if job is None else job.state),
            **self.tab.fill(data, recipe),
            tab.speed: gr.Radio(value=str(choice.speed_of(speed) or ""), interactive=True),
        }
        if lesson is not None and choice.speed_of(speed) is None:
            updates |= self._lesson_speed()
        return updates

    def _watch(self, key: str) -> Updates:
        tab = self.tab
        access = current_lab().jobs.access(key)
        data, recipe = choice.from_query({}) if access is None else (access.job.dataset_name, access.job.recipe)
        return {
            tab.chart: LiveChart(job=key, watch=True),
            tab.home: TakeHome(job=key),
            tab.runs: gr.CheckboxGroup(choices=[], value=[]),
            **self.tab.buttons_for("watched"),
            **self.tab.fill(data, recipe),
        }

    # ---- helpers of several events

    def _announce(self, browser: Any, data: str, recipe: Recipe) -> Updates:
        """Lets an empty live view announce the next run. A run on screen stays there."""
        if _own_job(as_browser(browser)) is not None:
            return {}
        return {self.tab.chart: LiveChart(plan=_plan(data, recipe))}

    def _recipe(self, values: Values) -> Recipe:
        try:
            return form.from_controls(values[self.tab.data], values[self.tab.recipe], self.tab.settings(values))
        except SiameseError as error:
            raise page_error(error) from error


def _plan(data: str, recipe: Recipe) -> dict[str, Any]:
    """What the empty live view announces: the next run, and what does not work on this server."""
    fault = current_lab().jobs.fault
    return choice.plan(data, recipe) | {"fault": in_both(fault) if fault else None}


def _own_job(browser: Browser) -> TrainingJob | None:
    """The job on screen if this browser may control it; None where it only watches, or the server has no such job."""
    access = current_lab().jobs.access(browser.job)
    return access.job if access is not None and access.may_control else None


def _run_choices(owner: str, current: str | None) -> list[tuple[str, str]]:
    jobs = [
        job for job in reversed(current_lab().jobs.of_owner(owner)) if job.id != current and job.history.newest_step
    ]
    return [(f"{choice.label(job.dataset_name, job.recipe)} ({job.state})", job.id) for job in jobs[:MOST_RUNS]]
