"""Hypothesis strategies: polygons as real files have them, and frames of them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from iddkit.annotation import Annotation, Shape
from iddkit.labels import LabelMap, load

IDD: LabelMap = load("idd")

# Inside, on the border, beyond it and far away; whole and fractional; many equal ones.
coordinates: st.SearchStrategy[float] = st.one_of(
    st.integers(-3, 24),
    st.integers(-200, 200),
    st.floats(-30, 60, allow_nan=False).map(lambda v: round(v, 3)),
    st.sampled_from([0, 16, 12, -0.5, 15.999, 4000.0, -4000.0]),
)
points: st.SearchStrategy[tuple[float, float]] = st.tuples(coordinates, coordinates)


@st.composite
def polygons(draw: st.DrawFn) -> list[tuple[float, float]]:
    """Draw a polygon of 0-9 points: self-crossing, repeated, closed and collinear ones among them."""
    drawn: list[tuple[float, float]] = draw(st.lists(points, max_size=9))
    closed, repeated = draw(st.booleans()), draw(st.booleans())
    if drawn and closed:
        drawn.append(drawn[0])
    if len(drawn) > 2 and repeated:
        drawn.insert(1, drawn[0])
    return drawn


def shape(number: int, label: str, polygon: list[tuple[float, float]], deleted: bool = False) -> Shape:
    """Return a polygon shape."""
    return Shape(label, np.array(polygon, dtype=np.float64).reshape(-1, 2), number=number, deleted=deleted)


@st.composite
def annotated_frames(draw: st.DrawFn, max_shapes: int = 12) -> Annotation:
    """Draw a frame of 16 x 12 pixels with polygons of IDD's labels, groups and deleted ones among them."""
    names = st.sampled_from([label.name for label in IDD] + ["cargroup", "persongroup", "polegroup"])
    drawn = draw(st.lists(st.tuples(names, polygons(), st.integers(0, 9)), max_size=max_shapes))
    shapes = [shape(i, name, polygon, deleted=chance == 0) for i, (name, polygon, chance) in enumerate(drawn)]
    return Annotation(16, 12, tuple(shapes))
