"""Pictures of the frames on which two annotations agree least: the image, both annotations, the difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit import images
from iddkit.agreement import Agreement, FrameAgreement
from iddkit.agreement.compare import read_pair
from iddkit.errors import UserError, printable

#: Width of a picture, in pixels.
_WIDTH: Final = 400

#: Where two classes meet, and where one side is void (Okabe and Ito 2008: told apart by all); outlines; void.
_OTHER, _OPEN, _LINE, _VOID = (213, 94, 0), (0, 114, 178), (20, 20, 20), (0, 0, 0)

# How much of a label's colour is left where both sides agree.
_FAINT: Final = 0.25

Pixels = NDArray[np.uint8]


def draw_worst(found: Agreement, most: int = 6) -> Pixels | None:
    """Return a sheet of the frames that differ most, a row a frame: uint8 (H, W, 3) RGB; None where none differs.

    Each row has the image, A, B, and the difference. Where both agree, labels are faint; where they do not, they have
    the full colour of their side; regions that differ have a dark outline.

    Parameters
    ----------
    found
        The agreement; files are read again.
    most
        How many frames, at most.

    Raises
    ------
    UserError
        A label file cannot be read any more.
    """
    from iddkit.reporting.contact_sheet import draw_contact_sheet, draw_key

    shown = [one for one in found.frames[:most] if one.differing]
    if not shown:
        return None
    size = len(found.finest.classes)
    palette = np.full((256, 3), _VOID, dtype=np.uint8)
    palette[:size] = np.array([category.color for category in found.finest.classes], dtype=np.uint8).reshape(-1, 3)
    rows, captions, met = [], [], np.zeros(256, dtype=bool)
    for one in shown:
        a, b = read_pair(found.how, one.pair)
        met[np.unique(np.stack([a, b]))] = True
        rows.append(draw_difference(a, b, _read_image(found, one, a.shape[1], a.shape[0]), palette, size))
        share = 100 * one.differing / one.pixels
        captions.append(f"{printable(one.key, 120)}   |   {share:.2f} % of the pixels differ")
    sheet = draw_contact_sheet(rows, ("image", "A", "B", "difference"), captions, _WIDTH)
    key = [(printable(category.name, 40), category.color) for i, category in enumerate(found.finest.classes) if met[i]]
    key += [("void", _VOID), ("two classes", _OTHER), ("one side void", _OPEN)]
    return np.concatenate([sheet, draw_key(key, sheet.shape[1])])


def draw_difference(a: Pixels, b: Pixels, image: Pixels | None, palette: Pixels, size: int) -> Sequence[Pixels]:
    """Return image, A, B and difference: uint8 (H, W, 3) RGB each.

    Parameters
    ----------
    a, b
        uint8 (H, W): columns of the classes; all from `size` on are void.
    image
        uint8 (H, W, 3) RGB, or None for a grey ground.
    palette
        uint8 (256, 3) RGB: the colour of each column.
    size
        Number of classes.
    """
    ground = np.full((*a.shape, 3), 128, dtype=np.uint8) if image is None else image
    grey = np.repeat((0.6 * ground.mean(axis=2, keepdims=True) + 80).astype(np.uint8), 3, axis=2)
    differs = a != b
    outline = _outline(differs)
    pictures = [ground]
    for labels in (a, b):
        colors = palette[labels]
        faint = ((1 - _FAINT) * grey + _FAINT * colors).astype(np.uint8)
        picture = np.where(differs[..., None], colors, faint)
        picture[outline] = _LINE
        pictures.append(picture)
    difference = grey.copy()
    difference[differs] = _OTHER
    difference[differs & ((a >= size) | (b >= size))] = _OPEN
    difference[outline] = _LINE
    return [*pictures, difference]


def _outline(differs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels around regions that differ, as wide as a pixel of the sheet.

    Strips that are narrower than the outline itself have none: of them it would leave nothing to be seen.
    """
    import cv2

    width = max(1, round(differs.shape[1] / _WIDTH))
    around = np.ones((2 * width + 1, 2 * width + 1), dtype=np.uint8)
    regions = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_OPEN, around)
    grown: NDArray[np.uint8] = np.asarray(cv2.dilate(regions, around))
    return grown.astype(np.bool_) & ~differs


def _read_image(found: Agreement, one: FrameAgreement, width: int, height: int) -> Pixels | None:
    """Return the frame's image as A has it, else as B has it, at the size of the labels; None if neither can."""
    from iddkit.reporting.contact_sheet import fit_image

    for side, frame in ((found.how.a, one.pair.a), (found.how.b, one.pair.b)):
        if frame.image is not None:
            try:
                return fit_image(images.read_rgb(side.root / frame.image), width, height)
            except UserError:  # the labels were compared without it
                continue
    return None
