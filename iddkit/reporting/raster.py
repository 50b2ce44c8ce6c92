"""A sheet as a PNG file of few colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from iddkit.images import encode_png
from iddkit.reporting.lettering import UNIT
from iddkit.reporting.sheet import PAPER, Boxes, Lines, Look, Sheet, Words

if TYPE_CHECKING:
    from matplotlib.path import Path

# So many of a PNG's 256 colours are those of most pixels.
_EXACT = 208


def to_png(sheet: Sheet, dpi: int) -> bytes:
    """Return a sheet as a PNG file of so many pixels per inch. Call it inside `figure.styled`."""
    return _encode(rasterize(sheet, dpi))


def rasterize(sheet: Sheet, dpi: int) -> NDArray[np.uint8]:
    """Return the pixels of a sheet: uint8 (H, W, 4), all opaque."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.colors import to_rgb
    from matplotlib.path import Path
    from matplotlib.transforms import Affine2D, IdentityTransform

    scale = dpi / 72
    width, height = round(sheet.width * scale), round(sheet.height * scale)
    renderer: Any = RendererAgg(width, height, dpi)  # type: ignore[no-untyped-call]
    place = Affine2D().scale(scale, -scale).translate(0, height)

    def context(look: Look, *, snap: bool) -> Any:
        gc = renderer.new_gc()
        gc.set_foreground(look.edge or PAPER)
        gc.set_linewidth(look.width if look.edge else 0)  # points
        gc.set_alpha(look.alpha)
        gc.set_snap(snap)  # to whole pixels: sharp edges, and no gaps between cells
        return gc

    def face(look: Look) -> tuple[float, float, float] | None:
        return to_rgb(look.face) if look.face else None

    paper = Boxes(np.array([[0, 0, sheet.width, sheet.height]]), Look(PAPER))
    for piece in (paper, *sheet.pieces):
        if isinstance(piece, Boxes):
            renderer.draw_path(context(piece.look, snap=True), box_path(piece.at), place, face(piece.look))
        elif isinstance(piece, Lines):
            is_straight = bool(np.all((piece.at[:, 0] == piece.at[:, 2]) | (piece.at[:, 1] == piece.at[:, 3])))
            look = Look(None, piece.color, piece.width)
            renderer.draw_path(context(look, snap=is_straight), line_path(piece.at), place)
        else:
            shape = Affine2D().scale(piece.size * scale)
            around = Path(piece.at)
            gc = context(piece.look, snap=False)
            renderer.draw_markers(gc, mark_path(piece.shape), shape, around, place, face(piece.look))
    for color, words in sheet.by_color():
        look = Look(color)
        renderer.draw_path(
            context(look, snap=False), _words_path(words, scale, height), IdentityTransform(), face(look)
        )
    return np.asarray(renderer.buffer_rgba())


def box_path(at: NDArray[np.float64]) -> Path:
    """Return rectangles as one path, all of one orientation."""
    from matplotlib.path import Path

    left, right = at[:, [0, 2]].min(axis=1), at[:, [0, 2]].max(axis=1)
    top, bottom = at[:, [1, 3]].min(axis=1), at[:, [1, 3]].max(axis=1)
    corners = np.stack([left, top, right, top, right, bottom, left, bottom, left, top], axis=1).reshape(-1, 2)
    return Path(corners, [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY] * len(at))


def line_path(at: NDArray[np.float64]) -> Path:
    """Return straight lines as one path."""
    from matplotlib.path import Path

    return Path(at.reshape(-1, 2), [Path.MOVETO, Path.LINETO] * len(at))


def mark_path(shape: str) -> Path:
    """Return a mark of size 1 around the origin, y upwards."""
    from matplotlib.markers import MarkerStyle

    style = MarkerStyle(shape)
    return style.get_path().transformed(style.get_transform())


def _words_path(words: list[Words], scale: float, height: float) -> Path:
    from matplotlib.path import Path

    vertices, codes = [np.empty((0, 2))], [np.empty(0, dtype=np.uint8)]
    for one in words:
        if one.line.glyphs:
            size = one.size / UNIT * scale
            cosine, sine = size * np.cos(one.turn), size * np.sin(one.turn)
            turned = np.asarray(one.line.path.vertices) @ np.array([[cosine, sine], [-sine, cosine]])
            vertices.append(turned + np.array([one.x * scale, height - one.y * scale]))
            codes.append(np.asarray(one.line.path.codes))
    return Path(np.concatenate(vertices), np.concatenate(codes))


def _encode(pixels: NDArray[np.uint8]) -> bytes:
    # The most frequent colours exactly, the others (edges of letters, a colour bar) by near ones: a third of the bytes.
    from PIL import Image

    packed = np.ascontiguousarray(pixels).view("<u4").reshape(-1)
    starts = np.flatnonzero(np.concatenate([[True], packed[1:] != packed[:-1]]))  # most of a picture are long runs
    lengths = np.diff(starts, append=len(packed))
    values, which = np.unique(packed[starts], return_inverse=True)
    counts = np.bincount(which, weights=lengths)
    colors = values.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3]
    frequent = np.argsort(-counts, kind="stable")
    palette = colors[frequent]
    if len(palette) > 256:
        rest = Image.fromarray(palette[None, _EXACT:]).quantize(256 - _EXACT, Image.Quantize.MEDIANCUT).getpalette()
        palette = np.concatenate([palette[:_EXACT], np.array(rest, dtype=np.uint8).reshape(-1, 3)])[:256]
    nearest = np.empty(len(colors), dtype=np.uint8)
    for start in range(0, len(colors), 1024):  # a block at a time: of a colour map there are many
        block = colors[start : start + 1024].astype(np.float32)
        target = palette.astype(np.float32)
        # |a - b|² without |a|², which is the same for all b; exact, as all are whole numbers below 2**24.
        nearest[start : start + 1024] = ((target**2).sum(axis=1) - 2 * block @ target.T).argmin(axis=1)
    return encode_png(np.repeat(nearest[which], lengths).reshape(pixels.shape[:2]), palette)
