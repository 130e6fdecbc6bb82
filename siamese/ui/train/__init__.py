"""The Train tab: its controls, its events, and the live view of a run.

Read `tab` (the components), `events` (what they do) and `form` (the settings of a recipe). The browser polls
`live_server` for the run and draws it; `lessons` and `take_home` are parts of the tab.
"""
