"""Runs in background threads that belong to the server, and not to a page.

Read `job` (one run), `line` (which run goes next), `workers` (the threads), `registry` (all of it together), then
`history` (what a page needs to draw a run) and `memory` (what a run needs).
"""
