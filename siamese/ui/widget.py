"""Widget: a piece of the page that one ES module draws in the browser.

How to write one, by the example of `Gauge` (compare/gauge.py) and `static/compare/gauge.js`:

1. The Python class names its props in its constructor and passes them on. Gradio builds the component anew from its
   constructor arguments whenever an event returns it, so every argument needs a default:

       class Gauge(Widget):
           def __init__(self, value: None = None, *, result: dict | None = None, **props: Any) -> None:
               super().__init__(
                   {"result": result}, "gauge", module="compare/gauge.js", words="compare/gauge.json", **props
               )

2. The module exports `mount(context)`. It runs once for each place where the widget stands on the page:

       export function mount({ root, props, words, say, watch }) {
         const draw = () => root.replaceChildren(...);
         watch("result", draw);  // after Python has returned a new Gauge(result=...)
         draw();                 // now: `props` may already be newer than what the constructor got
       }

   The context holds:
     root        the widget's own element, <div class="gauge">; the module fills it
     props       the props of step 1, always the newest ones; read them, do not write them
     words, say  its words in the browser's language: `words.same`, or `say("below", { t: "0.31" })` to fill in {t};
                 they come from the JSON file {"en": {key: text}, "zh": {...}}.  `language` is "en" or "zh".
                 A server function refuses with {"error": errors.in_both(sentence)}; `ask` answers with its sentence in the
                 page's language
     data        constants from Python (`data=` of the constructor), or null. No key of data or words may have the name of
                 an argument of gr.HTML, such as "inputs": Gradio would copy the whole page for each visitor
     watch       watch(name or [names], action): calls action after Python has changed one of these props
     ask         await ask("poll", first, second): calls the server function `poll`, one of `server_functions`, outside
                 Gradio's queue. Python gets ONE argument, the list [first, second], from anybody: check all of it.
                 The answer is undefined where none came within twelve seconds or the server failed
     trigger     trigger("job_state", {state: "done"}): an event for Python. Its name has to be in `events=` of the
                 constructor; Python connects it with widget.job_state(handler, ...) and reads event.state
     upload      await upload(file): Gradio's upload of one File
     gone        an AbortSignal that fires when the widget has left the page. Listen to the window, to media queries and
                 to the document with { signal: gone }, and end loops and timers by it

3. Nothing else is needed: `static_files` serves every module, with a version in its address. `static/common/` holds
   what several widgets use (dom.js makes elements, numbers.js writes numbers); import with relative paths. A module
   uses only what it imports and its context. Parts that need no page (formats, geometry, sorting) are modules of their
   own, tested by `node --test` (tests/ui/scripts). Text from outside enters the page as text alone, never as HTML.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from siamese.ui.static_files import read_json, static_path

LOAD = """
import(new URL({widget}, document.baseURI)).then(({{ start }}) =>
  start({{ element, props, trigger, server, upload, watch }}, {about}),
).catch((error) => {{
  console.error(error);
  element.textContent = "This part of the page did not load. Reload the page. 页面的这一部分没有加载，请刷新页面。";
}});
"""


class Widget(gr.HTML):
    """A gr.HTML whose content one ES module draws; whatever comes from outside reaches it as props.

    own: the props by which Python tells it something; the subclass names each in its constructor, where Gradio looks
        for them.
    css_class: the class of its element.
    module: its script, and words: its texts, both as paths in the static folder.
    events: the names that it triggers for Python.
    data: constants as JSON values.
    server_functions: what it may ask the server; each takes one list.
    other props: those of gr.HTML (elem_id, visible, ...).
    """

    def __init__(
        self,
        own: dict[str, Any],
        css_class: str,
        *,
        module: str,
        words: str | None = None,
        events: Sequence[str] = (),
        data: Any = None,
        server_functions: list[Callable[..., Any]] | None = None,
        **props: Any,
    ) -> None:
        # Gradio takes every name that stands in quotes in the script for an event, unless the component has it.
        self.__dict__.update(own)
        about = {"module": f"../{module}", "texts": words and read_json(words), "data": data, "events": list(events)}
        super().__init__(
            html_template=f'<div class="{css_class}"></div>',
            js_on_load=LOAD.format(
                widget=json.dumps(f"{static_path()}/common/widget.js"), about=json.dumps(about, ensure_ascii=False)
            ),
            apply_default_css=False,
            server_functions=server_functions,
            **own,
            **props,
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "null"}
