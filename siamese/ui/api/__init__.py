"""The endpoints for programs.

Read `runs` (start, ask, stop), then `pictures` (compare, embed, find the nearest).
"""
