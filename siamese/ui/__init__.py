"""The page: one module a tab, and what the tabs share. The only package that knows Gradio.

Read `app` (the page put together), `lab` (what the tabs of one server share), then a tab. Each tab module has `build`
(its components), then `wire` (its events). `widget` explains how a drawn part of the page reaches its script in
`static/`.
"""
