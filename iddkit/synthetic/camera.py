"""The camera on the car: from metres to pixels.

Every frame is first laid out 1080 pixels high and scaled at the end, so that a scene has the same polygons at all
sizes. Only + - * / and comparisons are used, so that all machines
agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Height in pixels of the frame in which all is laid out.
LAYOUT_HEIGHT = 1080.0

#: What is nearer than this, in metres, is moved to this plane; it lies outside the view by then.
NEAR = 1.2

# Columns on both sides of each corner at which an outline is sampled, in pixels: a step stays a step.
_BESIDE = 0.02


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera that looks along the road.

    Attributes
    ----------
    width
        Of the layout frame, in pixels; its height is `LAYOUT_HEIGHT`.
    focal, horizon
        Focal length and row of the horizon, in pixels.
    x, y, z
        Metres to the right of the straight axis, above the ground, and along the road.
    heading
        Metres to the right per metre ahead.
    """

    width: float
    focal: float
    horizon: float
    x: float
    y: float
    z: float
    heading: float

    def project(self, x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return column, row and distance ahead (metres) of points in metres: float64 (P, 3)."""
        ahead = z - self.z
        right = x - self.x - self.heading * ahead
        ahead = np.maximum(ahead, NEAR)
        scale = self.focal / ahead
        return np.stack((0.5 * self.width + scale * right, self.horizon - scale * (y - self.y), ahead), axis=1)

    def row(self, ahead: float) -> float:
        """Return the row of the ground `ahead` metres away."""
        return self.horizon + self.focal * self.y / ahead


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """What a solid covers: at each of the `columns`, from the row `top` to the row `bottom`."""

    columns: NDArray[np.float64]
    top: NDArray[np.float64]
    bottom: NDArray[np.float64]

    def polygon(self) -> NDArray[np.float64]:
        """Return the closed outline, float64 (2 N, 2)."""
        return np.stack(
            (np.concatenate((self.columns, self.columns[::-1])), np.concatenate((self.top, self.bottom[::-1]))), axis=1
        )


def outline(points: NDArray[np.float64], edges: NDArray[np.intp], low: float, high: float) -> Outline | None:
    """Return the outline of projected faces between the columns `low` and `high`, or None if it has no width.

    As annotators do, it leaves no holes: the gap below a crown beside its stem stays open, a ring is filled.
    """
    columns, rows = points[:, 0], points[:, 1]
    first, second = edges[:, 0], edges[:, 1]
    swap = columns[first] > columns[second]
    left, right = np.where(swap, second, first), np.where(swap, first, second)
    left_column, right_column = columns[left], columns[right]
    low, high = max(low, float(left_column.min())), min(high, float(right_column.max()))
    if high - low < 4.0 * _BESIDE:
        return None
    corners = np.unique(columns[first])
    grid = np.concatenate((corners - _BESIDE, corners + _BESIDE))
    grid = np.unique(np.concatenate((grid[(grid > low) & (grid < high)], (low, high))))
    span = right_column - left_column
    slope = (rows[right] - rows[left]) / np.where(span > 0.0, span, 1.0)
    height = rows[left, None] + (grid[None, :] - left_column[:, None]) * slope[:, None]
    covered = (grid[None, :] >= left_column[:, None]) & (grid[None, :] <= right_column[:, None])
    top = np.where(covered, height, np.inf).min(axis=0)
    bottom = np.where(covered, height, -np.inf).max(axis=0)
    seen = bottom >= top
    return Outline(grid[seen], top[seen], bottom[seen])


def thin(points: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Return the polygon without the points that lie nearly on the line between their neighbours."""
    listed = points.tolist()
    kept = [listed[0]]
    for point, following in zip(listed[1:], [*listed[2:], listed[0]], strict=True):
        ax, ay = kept[-1]
        dx, dy = following[0] - ax, following[1] - ay
        px, py = point[0] - ax, point[1] - ay
        cross = px * dy - py * dx
        # Behind the two neighbours, a point on their line is the tip of a spike.
        between = 0.0 <= px * dx + py * dy <= dx * dx + dy * dy
        if cross * cross > tolerance * tolerance * (dx * dx + dy * dy) or not between:
            kept.append(point)
    return np.array(kept)
