"""Doodle faces: drawn people, so that face verification can be taught with nobody's photograph.

A person is a set of fixed traits (face, skin, hair, eyes, ...). A look is everything that changes from one picture of a
person to the next: expression, gaze, pose of the head, light, clothes and background.

Read `traits` and `hair` (the tables), `easel` (how shapes are painted), `drawing` (one picture), `people` (who there is)
and `dataset`.
"""
