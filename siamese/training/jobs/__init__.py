"""Training jobs: runs in background threads. They belong to the server, so a page may be closed and opened again.

Read `job` (one run), `line` (which run goes next), `workers` (the threads), `registry` (all of them together), then
`history` (what a page draws), `memory` and `budget` (the memory that a run needs).
"""
