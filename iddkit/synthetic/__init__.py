"""IDD-like drive sequences by seed: polygons in depth order, and images that match them.

A seed makes a `World`, the street of one sequence: its width, houses, traffic, weather. A moment in it makes a `Scene`:
the annotation, and what `render` needs to paint the photograph. Polygons are the same on every machine.

::

    dice                          numbers of a key
    solids, texture               faces in metres, patterns
    vehicles, creatures, street, frontage      models: one function a kind of thing
    world > things > roadside, traffic         what stands where, and when
    camera, ground, view          what is seen, far to near
    hand > scene                  how annotators draw it: the annotation
    paint, plane > render         the image

>>> from iddkit.synthetic import render, sequence
>>> [render(frame).shape for frame in sequence(7, 2, width=320, height=180)]
[(180, 320, 3), (180, 320, 3)]
"""

from iddkit.synthetic.render import render
from iddkit.synthetic.scene import Scene, scene, sequence
from iddkit.synthetic.world import LABEL_SETS

__all__ = ["LABEL_SETS", "Scene", "render", "scene", "sequence"]
