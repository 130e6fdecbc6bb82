"""Doodle faces: a data set of invented, drawn people, to learn about face verification without photographs.

A person is a set of fixed traits (face, skin, hair, eyes, ...). A look is everything that changes from one picture of a
person to the next: expression, gaze, pose of the head, light, clothes and background.

Read `traits` and `hair` (the tables), `easel` (paints shapes), `drawing` (draws one picture), `people` (invents people
and looks), then `dataset`.
"""
