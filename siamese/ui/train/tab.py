"""The components of the Train tab: controls on the left, the live view of a run on the right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from siamese.recipes import Recipe
from siamese.training.jobs.job import LONGEST_NAME
from siamese.ui import choice
from siamese.ui.browser import remembered
from siamese.ui.lab import current_lab
from siamese.ui.texts import i18n, teaches
from siamese.ui.train import form
from siamese.ui.train.lesson_card import LessonCard
from siamese.ui.train.live_chart import LiveChart
from siamese.ui.train.take_home import TakeHome

Updates = dict[Any, Any]  # component → update
Values = dict[Any, Any]  # component → its value on the page


@dataclass
class TrainTab:
    """The components, and updates that several events need.

    fields: the controls of a recipe's settings, by their names in form.FIELDS.
    """

    browser: gr.BrowserState
    start: gr.Button
    pause: gr.Button
    step: gr.Button
    stop: gr.Button
    reset: gr.Button
    speed: gr.Radio
    data: gr.Dropdown
    recipe: gr.Dropdown
    fields: dict[str, gr.components.Component]
    name: gr.Textbox
    chart: LiveChart
    runs: gr.CheckboxGroup
    home: TakeHome
    lesson: LessonCard

    @property
    def form(self) -> set[gr.components.Component]:
        """The components that decide which run Start begins, and its speed."""
        return {self.speed, self.data, self.recipe, *self.fields.values()}

    @property
    def buttons(self) -> set[gr.components.Component]:
        return {self.start, self.pause, self.step, self.stop, self.reset, self.speed}

    @property
    def everything(self) -> set[gr.components.Component]:
        return self.form | self.buttons | {self.browser, self.name, self.chart, self.runs, self.home, self.lesson}

    def buttons_for(self, state: str) -> Updates:
        """The buttons for a state of a job. "watched" stands for a run of somebody else: all buttons are off."""
        alive = state in ("waiting", "preparing", "running", "paused")
        watched = state == "watched"
        pause = i18n("button.resume") if state == "paused" else i18n("button.pause")
        return {
            self.start: gr.Button(visible=not alive, interactive=not watched),
            self.pause: gr.Button(pause, visible=alive, interactive=state != "waiting"),
            self.step: gr.Button(interactive=not watched and state not in ("waiting", "preparing")),
            self.stop: gr.Button(interactive=alive),
            self.reset: gr.Button(interactive=not watched),
            self.speed: gr.Radio(interactive=not watched),
        }

    def fill(self, data: str, recipe: Recipe) -> Updates:
        """Fills the form with a data set and a recipe."""
        return {
            self.data: form.data_dropdown(data),
            self.recipe: gr.Dropdown(value=recipe.name, info=teaches(recipe)),
            **self.fill_fields(recipe),
        }

    def fill_fields(self, recipe: Recipe) -> Updates:
        """Fills the controls of the settings with those of a recipe."""
        return {self.fields[name]: update for name, update in form.to_controls(recipe).items()}

    def settings(self, values: Values) -> dict[str, Any]:
        """Field name → the value of its control."""
        return {name: values[control] for name, control in self.fields.items()}


def build(in_room: bool = False) -> TrainTab:
    """Builds the components; events.wire() connects them. in_room: whether a run can have a name."""
    recipe = choice.base_recipe(choice.DEFAULT_DATA, choice.DEFAULT_RECIPE)
    browser = remembered()
    with gr.Row(elem_classes="train-layout"):
        with gr.Column(elem_classes="controls"):
            lesson = LessonCard(elem_id="lesson", elem_classes="lesson")
            with gr.Row(elem_classes="run-buttons"):
                # The buttons are off until the page knows the settings of its link and the job of its browser.
                start = gr.Button(i18n("button.start"), variant="primary", elem_id="start", scale=2, interactive=False)
                pause = gr.Button(i18n("button.pause"), variant="primary", elem_id="pause", scale=2, visible=False)
                step = gr.Button(i18n("button.step"), elem_id="step", interactive=False)
                stop = gr.Button(i18n("button.stop"), elem_id="stop", interactive=False)
                reset = gr.Button(i18n("button.reset"), elem_id="reset", interactive=False)
            speed = gr.Radio(
                [(i18n("speed.full"), ""), *((str(rate), str(rate)) for rate in choice.SPEEDS)],
                value="",
                label=i18n("speed.label"),
                elem_id="speed",
                interactive=True,
            )
            with gr.Column(elem_classes="settings"):
                data = gr.Dropdown(
                    choice.data_choices(current_lab().settings.data_dir),
                    value=choice.DEFAULT_DATA,
                    label=i18n("data.label"),
                    info=i18n("data.info"),
                    elem_id="data",
                )
                recipe_control = gr.Dropdown(
                    choice.recipe_choices(),
                    value=recipe.name,
                    label=i18n("recipe.label"),
                    info=teaches(recipe),
                    elem_id="recipe",
                )
                fields = form.build_fields(form.LIVE_FIELDS, recipe)
                with gr.Accordion(i18n("advanced"), open=False, elem_id="advanced"):
                    fields |= form.build_fields(form.ADVANCED_FIELDS, recipe)
            name = gr.Textbox(
                label=i18n("name.label"),
                placeholder=i18n("name.placeholder"),
                max_length=LONGEST_NAME,
                visible=in_room,
                elem_id="run-name",
                elem_classes="settings",
            )
            with gr.Accordion(i18n("runs"), open=False, elem_id="runs", elem_classes="settings"):
                runs = gr.CheckboxGroup(
                    [], label=i18n("runs.label"), info=i18n("runs.info"), elem_id="overlays", interactive=True
                )
            with gr.Accordion(i18n("home"), open=False, elem_id="home", elem_classes="settings"):
                home = TakeHome(elem_id="take-home")
        with gr.Column(elem_classes="panels"):
            chart = LiveChart(elem_id="chart", plan=choice.plan(choice.DEFAULT_DATA, recipe))
    return TrainTab(
        browser, start, pause, step, stop, reset, speed, data, recipe_control, fields, name, chart, runs, home, lesson
    )
