"""The Explore pairs tab: the pairs that a network learns from, what it makes of them, and where it errs.

Read `source` (where pairs come from) and `batch` (the wall of pairs); each other view has its own module. `server`
answers the requests of the page, and `tab` puts the view on the page.
"""
