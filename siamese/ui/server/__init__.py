"""What is between the network and the page: checks, error sentences and limits.

Read `guard` (checks every request), then `blocks` (every event), and `health` and `log` (for the operator).
"""
