"""What the street stands on, and what is too far to come nearer: polygons in layout pixels.

The road's edge is broken: bites and tongues at fixed places of the street, so they come nearer with the drive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iddkit.synthetic.camera import LAYOUT_HEIGHT, Camera
from iddkit.synthetic.dice import Dice, jags, lattice, waves
from iddkit.synthetic.solids import Color, mix, shade
from iddkit.synthetic.world import GROUND, JUNCTION_CELL, World

#: Paint on a surface: quadrangles or other polygons of one number of corners, float64 (K, M, 2), and their colour.
Paint = tuple[NDArray[np.float64], Color]

# Edges have a corner at each step, in metres, up to a distance ahead: fine near the camera, coarse far away.
_STEPS = ((15.0, 0.7), (31.0, 1.4), (62.0, 2.8), (112.0, 11.2), (240.0, 56.0))
_FAR = 240.0
_PARKING_CELL = 46.0
_WALK_CELL = 70.0


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """A polygon of the backdrop or the ground: its label, float64 (N, 2) points, and what is painted on it."""

    label: str
    points: NDArray[np.float64]
    paint: tuple[Paint, ...] = ()


def backdrop(world: World, camera: Camera) -> list[Area]:
    """Return the sky, far hills and the trees at the end of the street, far to near."""
    wide = camera.width
    below = camera.horizon + 26.0
    steps = np.arange(25.0)
    columns = -3.0 + (wide + 6.0) * steps / 24.0
    lower = below + 6.0 * jags(world.seed * 11, steps, 1.0)
    corners = np.array(((wide + 3.0, -2.0), (-3.0, -2.0)))
    areas = [Area("sky", np.concatenate((np.stack((columns, lower), axis=1), corners)))]
    # Far things turn with the road but hardly come nearer.
    turned = camera.heading * camera.focal
    dice = Dice(world.seed, GROUND)
    hills, trees = dice.between(18.0, 70.0), dice.between(22.0, 60.0)
    if dice.chance(0.6):
        areas.append(_skyline("fallback background", world.seed * 11 + 1, camera, turned, hills, 300.0, 40))
    areas.append(_skyline("vegetation", world.seed * 11 + 2, camera, turned + 0.35 * camera.z, trees, 90.0, 64))
    return areas


def _skyline(label: str, key: int, camera: Camera, turned: float, tall: float, cell: float, count: int) -> Area:
    steps = np.arange(count + 1.0) / count
    columns = -2.0 + (camera.width + 4.0) * steps
    rise = 0.6 + 0.4 * waves(key, columns + turned, cell) + 0.16 * jags(key + 1, columns + turned, 0.2 * cell)
    line = np.stack((columns, camera.horizon - tall * rise), axis=1)
    foot = camera.horizon + 22.0
    return Area(label, np.concatenate((line, ((camera.width + 2.0, foot), (-2.0, foot)))))


def ground(world: World, camera: Camera) -> list[Area]:
    """Return the layers of the ground, each reaching under the next: verges, shoulders, sidewalks, roads."""
    fine, coarse = _stations(camera), _coarse_stations(camera)
    areas = []
    for side in (0, 1):
        sign = 2.0 * side - 1.0
        inner = _line(world, camera, sign * 0.4 * world.half, coarse)
        outer = _line(world, camera, sign * 400.0, coarse)
        areas.append(_strip("non-drivable fallback", inner, outer))
    for side in (0, 1):
        sign = 2.0 * side - 1.0
        key = world.seed * 13 + 40 * side
        bites = 0.5 * jags(key, fine, 0.7) + 0.9 * waves(key + 1, fine, 9.0)
        width = world.shoulder[side] * (1.0 + (0.12 if world.walk[side] else 0.4) * bites)
        inner = _line(world, camera, sign * 0.5 * world.half, coarse)
        areas.append(_strip("drivable fallback", inner, _line(world, camera, sign * (world.half + width), fine)))
        areas += _parking(world, camera, side)
        if world.walk[side]:
            areas += _sidewalks(world, camera, side)
    areas += _junctions(world, camera, rails=False)
    edges = []
    for side in (0, 1):
        sign = 2.0 * side - 1.0
        key = world.seed * 13 + 40 * side + 20
        bite = 0.55 * jags(key, fine, 0.7) + 0.3 * jags(key + 1, fine, 2.1) + 0.5 * waves(key + 2, fine, 8.0)
        edges.append(_line(world, camera, sign * (world.half + world.wear * bite), fine))
    road = _strip("road", edges[0], edges[1])
    areas.append(Area("road", road.points, _markings(world, camera)))
    return areas + _junctions(world, camera, rails=True)


def _stations(camera: Camera) -> NDArray[np.float64]:
    """Places along the road where edges have corners: fixed to the street, from just below the image to far away."""
    first = camera.z + camera.focal * camera.y / (LAYOUT_HEIGHT + 30.0 - camera.horizon)
    places = [np.array((first,))]
    low = first
    for ahead, step in _STEPS:
        high = camera.z + ahead
        k = np.arange(np.floor(low / step) + 1.0, np.floor(high / step) + 1.0)
        places.append(k * step)
        low = max(low, float(np.floor(high / step)) * step)
    return np.concatenate((*places, (camera.z + _FAR,)))


def _coarse_stations(camera: Camera) -> NDArray[np.float64]:
    first = camera.z + camera.focal * camera.y / (LAYOUT_HEIGHT + 30.0 - camera.horizon)
    return np.concatenate(((first,), camera.z + np.array((6.0, 10.0, 18.0, 36.0, 80.0, _FAR))))


def _line(
    world: World, camera: Camera, offset: float | NDArray[np.float64], stations: NDArray[np.float64], y: float = 0.0
) -> NDArray[np.float64]:
    """Return the image, float64 (N, 2), of a line `offset` metres right of the road's middle and `y` above it."""
    across = world.center(stations) + offset
    return camera.project(across, np.full(len(stations), y), stations)[:, :2]


def _strip(label: str, one: NDArray[np.float64], other: NDArray[np.float64]) -> Area:
    return Area(label, np.concatenate((one, other[::-1])))


def _span(camera: Camera, z0: float, z1: float, step: float) -> NDArray[np.float64] | None:
    """Return stations of the visible part of a stretch, or None."""
    first = camera.z + camera.focal * camera.y / (LAYOUT_HEIGHT + 30.0 - camera.horizon)
    z0, z1 = max(z0, first), min(z1, camera.z + 130.0)
    if z1 - z0 < 1.0:
        return None
    count = max(2, int((z1 - z0) / step))
    return z0 + (z1 - z0) * np.arange(count + 1.0) / count


def _cells(camera: Camera, cell: float) -> range:
    return range(int(camera.z // cell), int((camera.z + 130.0) // cell) + 1)


def _parking(world: World, camera: Camera, side: int) -> list[Area]:
    sign = 2.0 * side - 1.0
    areas = []
    for index in _cells(camera, _PARKING_CELL):
        dice = Dice(world.seed, GROUND, 1 + side, index)
        if not dice.chance(0.16 if world.theme in ("city", "town") else 0.06):
            continue
        z0 = _PARKING_CELL * index + dice.between(2.0, 12.0)
        z1 = z0 + dice.between(14.0, 28.0)
        stations = _span(camera, z0, z1, 3.0)
        if stations is None:
            continue
        inner = _line(world, camera, sign * (world.half - 0.3), stations)
        outer = _line(world, camera, sign * (world.half + max(1.8, world.shoulder[side])), stations)
        bays = [
            _quads(world, camera, sign * (world.half + 0.9), np.array((z,)), 1.8, 0.12)
            for z in np.arange(np.ceil(z0 / 2.6) * 2.6, z1, 2.6).tolist()
            if z > stations[0]
        ]
        paint = ((np.concatenate(bays), (226.0, 224.0, 214.0)),) if bays else ()
        strip = _strip("parking", inner, outer)
        areas.append(Area("parking", strip.points, paint))
    return areas


def _sidewalks(world: World, camera: Camera, side: int) -> list[Area]:
    """Return raised pavements in stretches, each with its painted kerb."""
    sign = 2.0 * side - 1.0
    areas = []
    start = world.half + world.shoulder[side]
    for index in reversed(_cells(camera, _WALK_CELL)):
        dice = Dice(world.seed, GROUND, 3 + side, index)
        z0 = _WALK_CELL * index + dice.between(0.0, 3.0)
        z1 = _WALK_CELL * (index + 1) - (dice.between(3.0, 14.0) if dice.chance(0.3) else 0.0)
        stations = _span(camera, z0, z1, 2.6)
        if stations is None:
            continue
        key = world.seed * 13 + 90 + side
        crooked = 0.12 * jags(key, stations, 2.6)
        upper = _line(world, camera, sign * (start + crooked), stations, 0.16)
        lower = _line(world, camera, sign * (start + crooked), stations, 0.0)
        outer = _line(world, camera, sign * (world.front[side] + 0.5 * jags(key + 2, stations, 2.6)), stations, 0.16)
        areas.append(_strip("sidewalk", upper, outer))
        stones = np.floor(stations[0]) + np.arange(0.0, min(stations[-1] - stations[0], 40.0), 1.6)
        ends = np.minimum(stones + 0.8, stations[-1])
        stones = np.maximum(stones, stations[0])
        corners = [(stones, 0.0), (ends, 0.0), (ends, 0.16), (stones, 0.16)]
        quads = np.stack([_line(world, camera, sign * start, z, y) for z, y in corners], axis=1)
        kerb = _strip("curb", upper, lower)
        areas.append(Area("curb", kerb.points, ((quads, (48.0, 46.0, 44.0)),)))
    return areas


def _junctions(world: World, camera: Camera, *, rails: bool) -> list[Area]:
    """Return side roads, or the tracks of level crossings, far to near."""
    areas = []
    for index in reversed(_cells(camera, JUNCTION_CELL)):
        junction = world.junction(index)
        if junction is None or junction.rails != rails or not 4.0 < junction.start - camera.z < 120.0:
            continue
        start, end = junction.start, junction.end
        if rails:
            away = np.array((-90.0, -40.0, -20.0, -10.0, -5.0, 0.0, 5.0, 10.0, 20.0, 40.0, 90.0))
            worn = 0.25 * jags(world.seed * 13 + 140 + index, away, 2.0)
            near, far = (_across(world, camera, away, edge + worn) for edge in (start, end))
            track = _strip("rail track", near, far)
            areas.append(Area("rail track", track.points, _rails(world, camera, start)))
            continue
        for sign in (-1, 1) if junction.side == 0 else (junction.side,):
            reach = np.array((0.0, 1.2, 2.4, 3.6, 4.8, 6.5, 8.5, 11.0, 15.0, 24.0, 45.0, 90.0))
            away = sign * (0.6 * world.half + reach)
            # The mouth of a side road is wider than the road.
            mouth = np.maximum(0.0, 1.0 - reach / 5.0)
            worn = world.wear * jags(world.seed * 13 + 120 + index, away, 1.2)
            near = _across(world, camera, away, start - 2.0 * mouth * mouth + worn)
            far = _across(world, camera, away, end + 2.0 * mouth * mouth + worn[::-1])
            areas.append(_strip("road", near, far))
    return areas


def _rails(world: World, camera: Camera, start: float) -> tuple[Paint, ...]:
    sleepers = np.arange(-24.0, 24.0, 1.2)
    first, last = np.full(len(sleepers), start + 0.6), np.full(len(sleepers), start + 3.4)
    corners = ((sleepers, first), (sleepers + 0.5, first), (sleepers + 0.5, last), (sleepers, last))
    beds = np.stack([_across(world, camera, x, z) for x, z in corners], axis=1)
    ends = np.array((-90.0, 90.0, 90.0, -90.0))
    bars = [
        _across(world, camera, ends, np.array((z, z, z + 0.12, z + 0.12)))[None] for z in (start + 1.1, start + 2.7)
    ]
    return (beds, (92.0, 84.0, 76.0)), (np.concatenate(bars), (186.0, 182.0, 176.0))


def _across(world: World, camera: Camera, x: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    return camera.project(world.center(z) + x, np.zeros(len(x)), z)[:, :2]


def _quads(
    world: World, camera: Camera, x: float, z: NDArray[np.float64], wide: float, long: float
) -> NDArray[np.float64]:
    """Return the images, float64 (K, 4, 2), of rectangles that begin at `z` and are centred on `x`."""
    corners = ((x - 0.5 * wide, z), (x + 0.5 * wide, z), (x + 0.5 * wide, z + long), (x - 0.5 * wide, z + long))
    return np.stack([_line(world, camera, side, place) for side, place in corners], axis=1)


def _markings(world: World, camera: Camera) -> tuple[Paint, ...]:
    """Lane lines, zebra crossings, patches and potholes on the road."""
    z = camera.z
    white = mix((232.0, 230.0, 222.0), world.look.road, 0.25)
    first = z + 2.2
    paint: list[Paint] = []
    cells = np.floor(first / 5.0) + np.arange(16.0)
    worn = lattice(world.seed * 13 + 160, cells.astype(np.int64))
    middles = (2.0 * lattice(world.seed * 13 + 161, cells.astype(np.int64)) - 1.0) * 0.8 * world.half
    for share, tone, size in ((0.75, 0.82, 0.8), (0.55, 1.1, 1.2)):
        kept = worn > share
        places = np.maximum(cells[kept] * 5.0 + 1.0, first)
        for place, middle in zip(places.tolist(), middles[kept].tolist(), strict=True):
            ends = place + size * np.array((0.0, 0.2, 0.9, 1.5, 1.6, 0.8))
            sides = middle + size * np.array((-0.2, 0.45, 0.6, 0.3, -0.4, -0.65))
            spot = camera.project(world.center(ends) + sides, np.zeros(6), ends)[None, :, :2]
            paint.append((spot, shade(world.look.road, tone)))
    if world.lanes:
        dashes = np.maximum(np.floor(first / 6.0) * 6.0 + 6.0 * np.arange(14.0), first)
        lines = [0.0] if not world.median else []
        if world.half > 4.6:
            lines += [-0.5 * world.half - 0.9, 0.5 * world.half + 0.9]
        paint += [(_quads(world, camera, line, dashes, 0.16, 2.6), white) for line in lines]
        if world.seed % 3:
            strokes = np.maximum(np.floor(first / 4.0) * 4.0 + 4.0 * np.arange(18.0), first)
            for sign in (-1.0, 1.0):
                line_color = white if world.seed % 2 else (222.0, 184.0, 84.0)
                paint.append((_quads(world, camera, sign * (world.half - 0.5), strokes, 0.14, 4.0), line_color))
    for index in _cells(camera, JUNCTION_CELL):
        junction = world.junction(index)
        if junction is None or junction.rails or world.theme == "village" or junction.start - 4.0 < first:
            continue
        if junction.start < z + 80.0:
            place = np.array((junction.start - 4.0,))
            places = -world.half + 0.8 + np.arange(int(2.0 * world.half) - 1)
            bars = [_quads(world, camera, x, place, 0.5, 2.8) for x in places.tolist()]
            paint.append((np.concatenate(bars), white))
    return tuple(paint)
