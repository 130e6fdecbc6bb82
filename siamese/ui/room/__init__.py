"""The page of the room: all runs of one server on one screen.

Read `server` (answers the page), then `view`. `address` finds the address at which others reach this server.
"""
