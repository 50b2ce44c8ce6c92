"""What a camera sees: flat areas, then what stands, far to near, without what is hidden."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from iddkit.synthetic.camera import LAYOUT_HEIGHT, NEAR, Camera, Outline, outline
from iddkit.synthetic.ground import Area, Paint, backdrop, ground
from iddkit.synthetic.roadside import MEDIAN_CELL
from iddkit.synthetic.solids import Model, Solid
from iddkit.synthetic.things import Thing
from iddkit.synthetic.traffic import things
from iddkit.synthetic.world import World

#: Distances in metres of what has none: the sky, what lies behind the street, and the ground, which is drawn before all
#: that stands on it.
SKY, BACKDROP, GROUND = 10000.0, 1000.0, 500.0

_VIEW = 205.0  # metres ahead that are looked at
_COLUMNS = 160  # at which it is remembered what hides what


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """What the renderer needs to know of a shape.

    Attributes
    ----------
    label
        Whose texture it has.
    distance
        In metres.
    points
        float64 (P, 3): column, row (pixels of the frame) and metres ahead of the corners of `solid`.
    solid
        The faces, or None for what is flat: sky and ground.
    paint
        What is painted on flat ground.
    shadow
        float64 (4, 2): the patch of ground in its shadow, or None.
    key
        A number of its own, the same in all frames that show it.
    """

    label: str
    distance: float
    points: NDArray[np.float64]
    solid: Solid | None
    paint: tuple[Paint, ...]
    shadow: NDArray[np.float64] | None
    key: int


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A shape in layout pixels, before the annotator's hand."""

    label: str
    points: NDArray[np.float64]
    distance: float
    surface: Surface


def view(street: World, camera: Camera, time: float) -> list[Draft]:
    """Return the shapes that a camera sees, far to near, in layout pixels."""
    drafts = [_flat(area, SKY if area.label == "sky" else BACKDROP) for area in backdrop(street, camera)]
    drafts += [_flat(area, GROUND) for area in ground(street, camera)]
    known = [draft for draft in (_renamed(street, draft) for draft in drafts) if draft is not None]
    return known + _standing(street, camera, time) + _frame(street, camera)


def _flat(area: Area, distance: float) -> Draft:
    return Draft(
        area.label, area.points, distance, Surface(area.label, distance, np.empty((0, 3)), None, area.paint, None, 0)
    )


def _renamed(street: World, draft: Draft) -> Draft | None:
    label = street.label(draft.label)
    if label == draft.label:
        return draft
    if label is None:
        return None
    # The ground keeps its look under another name; what lies behind the street takes that of its new one.
    surface = replace(draft.surface, label=label) if draft.distance > GROUND else draft.surface
    return replace(draft, label=label, surface=surface)


def _standing(street: World, camera: Camera, time: float) -> list[Draft]:
    """Return what stands on the ground, far to near, without what is hidden."""
    found = []
    near = [
        placed
        for placed in things(street, time, camera.z - 14.0, camera.z + _VIEW)
        if -14.0 < placed[2] - camera.z < placed[0].reach and placed[3]
    ]
    places = np.array([z for _, _, z, _ in near])
    bends, slopes = street.center(places).tolist(), street.slope(places).tolist()
    for (thing, x, z, model), bend, slope in zip(near, bends, slopes, strict=True):
        seen = _see(street, camera, thing, (x, z, bend, slope), model)
        if seen is not None:
            found.append(seen)
    # Of two things at one distance, the one further to the side is behind.
    found.sort(key=lambda seen: (seen[0], seen[1]))
    middles: NDArray[np.float64] = (np.arange(float(_COLUMNS)) + 0.5) * (camera.width / _COLUMNS)
    cover = np.full(_COLUMNS, np.inf)
    kept: list[list[Draft]] = []
    for _, _, thing, parts in found:
        shown = []
        for draft, covered in parts:
            if _uncovered(covered, middles, cover):
                shown.append(draft)
        if thing.opaque:
            for _, covered in parts[:1]:
                _hide(covered, middles, cover)
        kept.append(shown)
    return [draft for shown in reversed(kept) for draft in shown]


def _uncovered(covered: Outline, middles: NDArray[np.float64], cover: NDArray[np.float64]) -> bool:
    """Return whether enough of an outline shows above what stands before it."""
    first, last = np.searchsorted(middles, (covered.columns[0], covered.columns[-1]))
    columns = slice(max(0, first - 1), last + 1) if last <= first else slice(first, last)
    at = middles[columns]
    top, bottom = np.interp(at, covered.columns, covered.top), np.interp(at, covered.columns, covered.bottom)
    top, bottom = np.clip(top, 0.0, LAYOUT_HEIGHT), np.clip(bottom, 0.0, LAYOUT_HEIGHT)
    shown = np.maximum(np.minimum(bottom, cover[columns]) - top, 0.0).sum()
    return bool(shown > 0.22 * (bottom - top).sum())


def _hide(covered: Outline, middles: NDArray[np.float64], cover: NDArray[np.float64]) -> None:
    first, last = np.searchsorted(middles, (covered.columns[0], covered.columns[-1]))
    top = np.interp(middles[first:last], covered.columns, covered.top)
    cover[first:last] = np.minimum(cover[first:last], top)


def _see(
    street: World, camera: Camera, thing: Thing, place: tuple[float, float, float, float], model: Model
) -> tuple[float, float, Thing, list[tuple[Draft, Outline]]] | None:
    """Return how far a thing is, how far aside, and the outlines of its parts, or None when it is not in view.

    `place` is its x from the middle of the road, its z, and where the road's middle is there and turns to.
    """
    x, z, bend, slope = place
    ahead = z - camera.z
    parts: list[tuple[Draft, Outline]] = []
    farthest = 0.0
    for part in model:
        local = part.solid.points
        depth = local[:, 2]
        right = bend + x + local[:, 0] + slope * depth
        nearest = float(depth.min()) + ahead
        farthest = max(farthest, float(depth.max()) + ahead)
        if farthest < NEAR + 0.3 or (thing.shadow[1] and nearest < (NEAR if thing.opaque else 2.0)):
            return None
        if nearest < 5.0:
            # Nothing may stand in the camera's way: the planes it would show are not there.
            aside = right - camera.x - camera.heading * (z + depth - camera.z)
            if float(aside.min()) < 1.5 and float(aside.max()) > -1.5:
                return None
        points = camera.project(right, local[:, 1], z + depth)
        if part.label == "license plate" and (ahead > 16.0 or _faces_away(points, parts)):
            continue
        covered = outline(points, part.solid.edges, -30.0, camera.width + 30.0)
        if covered is None or not _is_noticed(covered, camera):
            continue
        shadow = _shadow(camera, thing, place) if not parts and thing.shadow[1] else None
        distance = float(points[:, 2].mean())
        surface = Surface(part.label, distance, points, part.solid, (), shadow, thing.key)
        parts.append((Draft(part.label, covered.polygon(), distance, surface), covered))
    if not parts:
        return None
    parts.sort(key=lambda part: -part[0].distance)
    # A wall is behind all that stands beside it nearer to the road; a vehicle is where its middle is.
    span = farthest - max(0.0, ahead)
    distance = max(NEAR, farthest if span > 7.0 and not thing.shadow[1] else 0.5 * (farthest + max(0.0, ahead)))
    if street.median and x > 0.5:
        distance = _beyond_median(camera, distance)
    parts = [(replace(draft, distance=distance), covered) for draft, covered in parts]
    return distance, abs(bend + x - camera.x), thing, parts


def _beyond_median(camera: Camera, distance: float) -> float:
    """Return a distance behind the piece of the median beside it, which hides what comes on the other side."""
    start = (camera.z + distance) // MEDIAN_CELL * MEDIAN_CELL - camera.z
    return start + MEDIAN_CELL + 0.02 * (distance - start)


def _faces_away(plate: NDArray[np.float64], parts: list[tuple[Draft, Outline]]) -> bool:
    return not parts or float(plate[:, 2].mean()) > parts[0][0].distance


def _is_noticed(covered: Outline, camera: Camera) -> bool:
    wide = min(covered.columns[-1], camera.width) - max(covered.columns[0], 0.0)
    top, bottom = float(covered.top.min()), float(covered.bottom.max())
    tall = min(bottom, LAYOUT_HEIGHT) - max(top, 0.0)
    return wide > 3.0 and tall > 7.0 and wide * tall > 320.0


def _shadow(camera: Camera, thing: Thing, place: tuple[float, float, float, float]) -> NDArray[np.float64]:
    x, z, bend, slope = place
    half, long = thing.shadow
    reach = half + 0.1 * half + 0.06
    along = np.array((-0.12, -0.12, long + 0.12, long + 0.12))
    across = bend + x + slope * along + np.array((-reach, reach, reach, -reach))
    return camera.project(across, np.zeros(4), z + along)[:, :2]


def _frame(street: World, camera: Camera) -> list[Draft]:
    """Return what lies over the view itself: borders without an image, and the car's own bonnet."""
    wide, tall = camera.width, LAYOUT_HEIGHT
    drafts = []
    if street.border:
        size = 10.0 + float(street.seed % 9)
        steps = tall * np.arange(9.0) / 8.0
        bulge = size * (1.0 + 0.5 * (steps / tall - 0.5) * (steps / tall - 0.5))
        left = np.concatenate((np.stack((bulge, steps), axis=1), np.array(((-1.0, tall), (-1.0, 0.0)))))
        right = left * np.array((-1.0, 1.0)) + np.array((wide, 0.0))
        drafts += [_flat(Area(street.border, points), 0.0) for points in (left, right)]
    if street.hood:
        steps = np.arange(19.0) / 9.0 - 1.0
        line = np.stack((0.5 * wide * (1.0 + steps), tall * (1.0 - street.hood * (1.0 - 0.55 * steps * steps))), axis=1)
        corners = np.array(((wide, tall + 2.5), (0.0, tall + 2.5)))
        drafts.append(_flat(Area("ego vehicle", np.concatenate((line, corners))), 0.0))
    return drafts
