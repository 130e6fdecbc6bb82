"""What a person takes home from a run: a script, figures, run files, model cards and example pairs.

Read the one that you need: `script`, `figures`, `files`, `cards` or `examples`. They do not depend on each other.
"""
