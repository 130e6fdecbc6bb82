"""Training: `train()` is a generator that trains one network and yields events; a thread, a command line and a notebook
use it alike.

Read `step` (one optimiser step), `loop` (`train`), `events`, `control`, then `jobs` (runs in background threads);
`cuda_graph` makes a step faster on one GPU, and `ranks` shares it among several.
"""
