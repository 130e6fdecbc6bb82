"""The Train tab: controls on the left, the live view of a job that belongs to the server on the right."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from siamese.training.jobs.job import LONGEST_NAME
from siamese.ui import form
from siamese.ui.browser import remembered
from siamese.ui.lab import current_lab
from siamese.ui.lesson_card import LessonCard
from siamese.ui.live_chart import LiveChart
from siamese.ui.take_home import TakeHome
from siamese.ui.texts import i18n, teaches


@dataclass
class TrainTab:
    """The tab's components. fields: the controls of a recipe's settings, by their names in form.FIELDS."""

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
        """What says which run a press on Start begins, and how fast."""
        return {self.speed, self.data, self.recipe, *self.fields.values()}

    @property
    def buttons(self) -> set[gr.components.Component]:
        return {self.start, self.pause, self.step, self.stop, self.reset, self.speed}

    @property
    def everything(self) -> set[gr.components.Component]:
        return self.form | self.buttons | {self.browser, self.name, self.chart, self.runs, self.home, self.lesson}


def build(in_room: bool = False) -> TrainTab:
    """Builds the components; train_events.wire gives them life. in_room: whether a run can be given a name."""
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
            speed = gr.Radio(
                [(i18n("speed.full"), ""), *((str(rate), str(rate)) for rate in form.SPEEDS)],
                value="",
                label=i18n("speed.label"),
                elem_id="speed",
                interactive=True,
            )
            with gr.Column(elem_classes="settings"):
                data = gr.Dropdown(
                    form.data_choices(current_lab().settings.data_dir),
                    value=form.DEFAULT_DATA,
                    label=i18n("data.label"),
                    info=i18n("data.info"),
                    elem_id="data",
                )
                chosen = gr.Dropdown(
                    form.recipe_choices(),
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
            chart = LiveChart(elem_id="chart", plan=form.plan(form.DEFAULT_DATA, recipe))
    return TrainTab(
        browser, start, pause, step, stop, reset, speed, data, chosen, fields, name, chart, runs, home, lesson
    )
