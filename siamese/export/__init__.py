"""What a person takes home from a run: a script, figures, run files, model cards and example pairs.

Read the module of the thing that you want: `script`, `figures`, `files`, `cards` or `examples`. None needs another.
"""
