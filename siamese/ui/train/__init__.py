"""The Train tab: its controls, its events, and the live view of a run.

Read `tab` (the components) and `events` (what happens when one is used), then `form`. The browser polls `live_server`
for the run and draws it; `lessons` and `take_home` are parts of the tab.
"""
