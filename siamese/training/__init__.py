"""One training run: a generator of events, the same for a thread, a command line and a notebook.

Read `step` (one optimiser step), then `loop` (`train`), `events`, `control`, and `jobs` (runs in background threads).
`cuda_graph` and `ranks` make a step faster on a GPU and on several.
"""
