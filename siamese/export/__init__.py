"""What a person takes home from a run: a script, figures, run files, model cards and example pairs.

Each module makes one of these, and none needs another.
"""
