"""The Compare tab: two images, or one against many.

Read `server` (what the scripts of the tab ask) and `tab`. `asked_picture` reads a picture that a browser sends,
`models` lists the networks to choose from, `model_card` describes one.
"""
