"""The Explore pairs tab: what a network is taught, what it makes of it, and where it errs.

Read `source` (where pairs come from) and `batch` (the wall); each other view is a module of its own. `server` is what
the page asks, `tab` puts the view on the page.
"""
