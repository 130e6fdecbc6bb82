"""The command line: `python -m siamese COMMAND`.

Read `cli` (which commands there are), then a command's module: each has `add_arguments(parser)` and `run(options)`,
which returns the exit code. `benchmark` measures the speed of training and serving on this machine.
"""
