"""The page: a package for each tab, and what the tabs share. No other package imports Gradio.

Read `app` (the page put together), `lab` (what the tabs of one server share) and `choice` (a data set with a recipe),
then a tab: `train`, `explore`, `own`, `compare`; `room` is a page beside them, `api` serves programs, `server` guards
all requests. `widget` says how a drawn part of the page reaches its script in `static/`.
"""
