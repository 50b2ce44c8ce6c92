"""The image of a single annotation file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from iddkit.frames.layout import IMAGE_SUFFIXES, LABELME_FOLDERS, LAYOUTS, name_rules
from iddkit.frames.walk import absolute

_ENDINGS = ("", "_leftImg8bit", "_image")


def find_image(annotation: str | Path, stated_name: str = "") -> Path | None:
    """Return the image that an annotation file belongs to, or None when there is none.

    It is looked for beside the annotation, in the ``Images`` folder of a LabelMe tree and in the ``leftImg8bit``
    folder of an IDD tree: the file of the annotation's own name, and failing that the one that the annotation
    states. In this order because frames that were renamed together keep their old names inside, where they may
    be those of other frames.

    Parameters
    ----------
    annotation
        The annotation file; it need not exist.
    stated_name
        What the file says of its image (``imagePath``, ``filename``). Only its last component counts, so that no
        annotation can point out of its dataset.
    """
    annotation = Path(annotation)
    read = name_rules((LAYOUTS["flat"],))[""].read(annotation.name)
    name = read[0] if read else annotation.stem
    stated = re.split(r"[/\\]", stated_name.strip())[-1]
    # With the suffix that the annotation states, if the name is its own: a PNG beside a JPEG may be anything.
    own = [stated] if stated.rpartition(".")[0] in {name + ending for ending in _ENDINGS} else []
    own += [name + ending + suffix for ending in _ENDINGS for suffix in IMAGE_SUFFIXES]
    own += [name + ending + suffix.upper() for ending in _ENDINGS for suffix in IMAGE_SUFFIXES]
    folders = list(_folders(annotation))
    for names in (own, [stated]):
        for folder in folders:
            for candidate in names:
                if candidate.lower().endswith(IMAGE_SUFFIXES) and _is_file(path := folder / candidate):
                    return path
    return None


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # Path.is_file raises for a name that is too long


def _folders(annotation: Path) -> Iterator[Path]:
    yield annotation.parent
    folders = absolute(annotation).parent.parts
    trees, images = LABELME_FOLDERS
    if trees in folders:
        at = len(folders) - 1 - folders[::-1].index(trees)
        yield Path(*folders[:at], images, *folders[at + 1 :])
    if len(folders) > 3 and folders[-3] in ("gtFine", "gtCoarse"):
        yield Path(*folders[:-3], "leftImg8bit", *folders[-2:])
