"""Your own pictures: a browser's collection on this server, its card, and the view that shows it."""
