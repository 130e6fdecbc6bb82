"""Your own pictures: the collections that browsers make on this server.

Read `sets` (the collections), `card` (what the page shows of one, and changes) and `view` (the view on the page).
"""
