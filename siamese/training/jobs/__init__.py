"""Runs in background threads that belong to the server, and not to a page.

Read `registry` (the jobs and their line), then `history` (what a page needs to draw a run).
"""
