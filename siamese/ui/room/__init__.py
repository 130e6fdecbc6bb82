"""The page of the room: all runs of one server on one screen.

Read `server` (what the page asks), then `view`. `address` finds the address by which others reach this server.
"""
