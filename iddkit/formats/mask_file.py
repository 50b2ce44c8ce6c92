"""The mask images of the LabelMe web tool: one PNG per object, as large as the image.

The tool keeps a tree ``Annotations/<folder>/<name>.xml``, ``Images/<folder>/<name>.jpg``,
``Masks/<folder>/<name>_mask_1.png``. A mask is the tool's drawing canvas: transparent, and coloured where the object is
(CSAILVision/LabelMeAnnotationTool at 99e70d4, ``annotationTools/js/scribble.js``). Other programs write grey or
coloured masks without transparency, in a folder ``Masks`` beside the XML file, or beside it.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from iddkit import files
from iddkit.annotation import MAX_PIXELS, Shape, check_size
from iddkit.errors import AnnotationError, printable
from iddkit.geometry import outline
from iddkit.images import DAMAGE

#: The tool takes a pixel of a mask for the object's when its opacity is above this (``maskOp`` in its scribble.js):
#: where it enlarged a mask, the edges fade.
MIN_ALPHA = 70

#: Pixels of all the masks of one file, a byte each in memory, cut to what they show.
MAX_MASK_PIXELS = 4 * MAX_PIXELS

Patch = tuple[NDArray[np.float64], NDArray[np.bool_]]


class MaskFolder:
    """The masks that one annotation file can name; each is read and traced once, however many objects name it.

    Parameters
    ----------
    path
        The annotation file.
    width, height
        Size that the masks must have, in pixels. When it is not known (0, 0) the first mask that is read states it.
    """

    def __init__(self, path: Path, width: int, height: int) -> None:
        self._folders = _folders(path)
        self.size = width, height
        self._pixels_left = MAX_MASK_PIXELS
        self._read: dict[str, Patch | str | None] = {}
        self._outlines: dict[str, NDArray[np.float64] | None] = {}

    def read(self, name: Any) -> Patch | None:
        """Return the first and the last pixel of a mask, float64 (2, 2), and the patch between: bool (h, w).

        None for a mask that shows nothing.

        Raises
        ------
        ValueError
            The name is that of a file elsewhere; the mask is missing, no PNG, truncated or of the wrong size.
        """
        if not isinstance(name, str):
            raise ValueError("the name of the mask is not text")
        if name not in self._read:
            try:
                self._read[name] = self._crop(name)
            except ValueError as error:
                self._read[name] = str(error)
        known = self._read[name]
        if isinstance(known, str):
            raise ValueError(known)
        return known

    def has_outline(self, name: str, points: NDArray[np.float64]) -> bool:
        """Return whether `points` are the outline (`iddkit.geometry.outline`) of a mask that `read` returned."""
        if name not in self._outlines:
            known = self._read[name]
            try:
                ring = outline(Shape("", known[0], "mask", mask=known[1])) if isinstance(known, tuple) else None
            except ValueError:  # no polygon can stand for it
                ring = None
            self._outlines[name] = ring
        ring = self._outlines[name]
        return ring is not None and np.array_equal(ring, points)

    def _crop(self, name: str) -> Patch | None:
        path = self._find(name)
        try:
            content = files.read_bytes(path)
        except AnnotationError as error:
            raise ValueError(f"the mask {_shown(name)}: {error.problem}") from error
        try:
            mask = _decode(content, self.size)
        except ValueError as error:
            raise ValueError(f"the mask {_shown(name)}: {error}") from error
        self.size = mask.shape[1], mask.shape[0]
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return None
        (top, bottom), (left, right) = rows[[0, -1]].tolist(), columns[[0, -1]].tolist()
        patch = mask[top : bottom + 1, left : right + 1].copy()
        if patch.size > self._pixels_left:
            raise ValueError(f"the mask {_shown(name)}: the masks of one file hold more than {MAX_MASK_PIXELS} pixels")
        self._pixels_left -= patch.size
        return np.array([[left, top], [right, bottom]], dtype=np.float64), patch

    def _find(self, name: str) -> Path:
        if name in ("", ".", "..") or "\0" in name or PureWindowsPath(name).name != name:
            raise ValueError(f"the mask {_shown(name)} is not the plain name of a file")
        for folder in self._folders:
            try:
                if (folder / name).exists():
                    return folder / name
            except OSError:  # a name that is too long, a folder that may not be entered
                continue
        raise ValueError(f"the mask {_shown(name)} is missing in {printable(str(self._folders[0]))}")


def _folders(path: Path) -> list[Path]:
    folder = path.absolute().parent
    folders = [folder / "Masks", folder]
    parts = folder.parts
    # The last one counts: the tool may lie in a folder that is called Annotations itself.
    for i in reversed(range(len(parts))):
        if parts[i] == "Annotations":
            return [Path(*parts[:i], "Masks", *parts[i + 1 :]), *folders]
        if parts[i - 1 : i + 1] == ("annotationCache", "TmpAnnotations"):  # the tool's second copy
            return [Path(*parts[: i - 1], "Masks", *parts[i + 1 :]), *folders]
    return folders


def _shown(name: str) -> str:
    return repr(printable(name, 80))


def _decode(content: bytes, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where the PNG `content` shows something, bool (H, W), if it is of this size or `size` is (0, 0)."""
    with warnings.catch_warnings():
        # Of bombs, which the size shows before anything is decoded, and of odd but harmless chunks.
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(content), formats=("PNG",))
        except UnidentifiedImageError as error:
            raise ValueError("not a PNG image") from error
        except DAMAGE as error:
            raise ValueError(f"cannot be read: {printable(str(error))}") from error
        wrong = check_size(*image.size)
        if wrong:
            raise ValueError(wrong)
        if size not in ((0, 0), image.size):
            raise ValueError("{} x {} pixels, but the image has {} x {}".format(*image.size, *size))
        try:
            return _foreground(image)
        except DAMAGE as error:
            raise ValueError(f"cannot be read: {printable(str(error))}") from error


def _foreground(image: Image.Image) -> NDArray[np.bool_]:
    if "transparency" in image.info:
        image = image.convert("RGBA")
    if "A" in image.getbands():
        alpha = np.asarray(image.getchannel("A"))
        if alpha.min() < 255:
            # A mask that is fainter everywhere is no mask of the tool's: it shows what it shows.
            return np.asarray(alpha > (MIN_ALPHA if alpha.max() > MIN_ALPHA else 0))
        image = image.convert("RGB")
    pixels = np.asarray(image) != 0
    return pixels if pixels.ndim == 2 else np.asarray(pixels.any(axis=2))
