"""Where a frame's files lie, as a table of layouts, and how a file's name is read by it.

Sources: the published trees of IDD and IDD-lite (Mishra 2024, section 3.4; AutoNUE public-code), of Cityscapes
(cityscapesScripts, README), and of the LabelMe web tool (LabelMeAnnotationTool, README).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

#: Suffixes of images, in the order in which a single annotation's image is looked for.
IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")

IMAGE, ANNOTATION, LABELS, PRODUCT = "image", "annotation", "labels", "product"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the files of a frame lie, as templates of ``{split}``, ``{sequence}`` and ``{name}``.

    Attributes
    ----------
    name
        The name in `LAYOUTS`.
    images, annotations, labels
        Templates of paths relative to the dataset's root, in order of preference: of files in different folders,
        and of label images, the earlier is taken. Two images or two annotations of a frame in one folder are a
        duplicate.
    products
        Templates of files that would be taken for one of these, and are made from them.
    """

    name: str
    images: tuple[str, ...]
    annotations: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    products: tuple[str, ...] = ()


def _each(template: str, endings: Iterable[str]) -> tuple[str, ...]:
    return tuple(template + ending for ending in endings)


_LEFT = _each("leftImg8bit/{split}/{sequence}/{name}_leftImg8bit", (".png", ".jpg", ".jpeg"))
_FINE = "gtFine/{split}/{sequence}/{name}_gtFine_"
_COARSE = "gtCoarse/{split}/{sequence}/{name}_gtCoarse_"
# The label's own numbers first: every other numbering can be made of them.
_IDD_LABELS = ("labelids", *(f"labellevel{level}Ids" for level in (4, 3, 2, 1)), "labelcsTrainIds")
_CITYSCAPES_LABELS = ("labelIds.png", "labelTrainIds.png")
_RASTERS = (*_each(_FINE, [f"{level}.png" for level in _IDD_LABELS]), *_each(_FINE, _CITYSCAPES_LABELS))
# Single files of IDD and IDD-lite are passed round too, and people open their images in labelme, whose annotations are
# then called as the image is, and their label images as the annotation.
_IMAGE_ENDINGS = ("", "_leftImg8bit", "_image")
_LABEL_LEVELS = (*(f"_{level}.png" for level in _IDD_LABELS), *_each("_", _CITYSCAPES_LABELS))
_LABEL_ENDINGS = (
    *(i + kind + level for kind in ("_gtFine", "", "_gtCoarse") for level in _LABEL_LEVELS for i in _IMAGE_ENDINGS),
    *(i + "_label.png" for i in _IMAGE_ENDINGS),
)

#: The layouts by name. ``idd`` and ``cityscapes`` differ in how frames are called: in Cityscapes a frame's name
#: begins with its city, the sequence.
LAYOUTS: Final[Mapping[str, Layout]] = MappingProxyType(
    {
        "idd": Layout("idd", _LEFT, (_FINE + "polygons.json",), _RASTERS),
        "cityscapes": Layout(
            "cityscapes",
            _LEFT,
            (_FINE + "polygons.json", _COARSE + "polygons.json"),
            (*_RASTERS, *_each(_COARSE, _CITYSCAPES_LABELS)),
        ),
        "idd-lite": Layout(
            "idd-lite",
            _each("leftImg8bit/{split}/{sequence}/{name}_image", (".jpg", ".jpeg", ".png")),
            labels=("gtFine/{split}/{sequence}/{name}_label.png",),
            products=("gtFine/{split}/{sequence}/{name}_inst_label.png",),
        ),
        "labelme": Layout(
            "labelme",
            _each("Images/{sequence}/{name}", IMAGE_SUFFIXES),
            _each("Annotations/{sequence}/{name}", (".xml", ".json")),
        ),
        "flat": Layout(
            "flat",
            tuple("{sequence}/{name}" + ending + suffix for ending in _IMAGE_ENDINGS for suffix in IMAGE_SUFFIXES),
            (
                *("{sequence}/{name}" + ending + suffix for ending in _IMAGE_ENDINGS for suffix in (".json", ".xml")),
                *_each("{sequence}/{name}", ("_gtFine_polygons.json", "_gtCoarse_polygons.json")),
            ),
            _each("{sequence}/{name}", _LABEL_ENDINGS),
            ("{sequence}/{name}_inst_label.png",),
        ),
    }
)

#: Layouts that one walk through a tree tells apart, with the folders at the top of it.
#: (``cityscapes`` is ``idd`` and more; the names of the frames tell which it is.)
DRIVES = (LAYOUTS["cityscapes"], LAYOUTS["idd-lite"])
DRIVE_FOLDERS = ("gtFine", "gtCoarse", "leftImg8bit")
LABELME_FOLDERS = ("Annotations", "Images")

#: Label images and the like that commands of iddkit, AutoNUE, cityscapesScripts and labelme write beside their
#: sources: ``_gtFine_labellevel3Ids.png``, ``_instanceIds.png``, ``_color.png``, ``_inst_label.png``.
DERIVED = re.compile(r"_(?:(?:label|instance)(?:[^_]*[Ii]ds|s|Colors)?|inst_label|colors?)\.(?i:png)\Z")

#: Folders of panoptic images, and the JSON files beside them: ``val_panoptic``, ``cityscapes_panoptic_val.json``.
PANOPTIC = re.compile(r"(?:[^_]+_panoptic|cityscapes_panoptic_.+|panoptic)(?:_[a-z0-9]+)?(?:\.json)?")

#: Files that iddkit writes and that are neither annotations nor images of a dataset.
MANIFESTS = frozenset(
    {"rasterize.json", "manifest.json", "croissant.json", "instances.json", "panoptic.json", "contact_sheet.png"}
)


def is_product(name: str) -> bool:
    """Return whether a file or folder of this name is a product of annotations, not a part of a dataset."""
    panoptic = PANOPTIC.fullmatch(name) is not None or ("_panoptic" in name and name.endswith(".png"))
    return panoptic or name in MANIFESTS


def locate(template: str, split: str, sequence: str, name: str) -> Path:
    """Return the path that a layout's template gives to a frame's file, relative to the root.

    Examples
    --------
    >>> locate(LAYOUTS["idd"].annotations[0], "train", "201", "frame0029").as_posix()
    'gtFine/train/201/frame0029_gtFine_polygons.json'
    >>> locate(LAYOUTS["flat"].images[0], "", "", "a").as_posix()
    'a.png'
    """
    return Path(template.format(split=split, sequence=sequence, name=name).lstrip("/"))


class Meaning(NamedTuple):
    """What the ending of a file's name says."""

    layout: str
    role: str
    rank: int


@dataclass(frozen=True, slots=True)
class NameRule:
    """How files are named in one top folder of a layout: all endings, and what each of them means."""

    pattern: re.Pattern[str]
    meanings: Mapping[str, Meaning]

    def read(self, file_name: str) -> tuple[str, Meaning] | None:
        """Return the frame's name and the meaning of the ending, the longest that fits, or None.

        Examples
        --------
        >>> name_rules(DRIVES)["gtFine"].read("frame0029_gtFine_polygons.json")
        ('frame0029', Meaning(layout='cityscapes', role='annotation', rank=0))
        """
        found = self.pattern.search(file_name, 1)  # from 1: a name has a character at least
        if found is None:
            return None
        ending = found.group()
        meaning = self.meanings.get(ending)
        if meaning is None:  # another case: '.JPG'
            body, dot, suffix = ending.rpartition(".")
            meaning = self.meanings[body + dot + suffix.lower()]
        return file_name[: found.start()], meaning


@lru_cache
def name_rules(layouts: tuple[Layout, ...]) -> Mapping[str, NameRule]:
    """Return how files are named in each top folder ("" where the layout has none)."""
    endings: dict[str, dict[str, Meaning]] = {}
    for layout in layouts:
        roles = {IMAGE: layout.images, ANNOTATION: layout.annotations, LABELS: layout.labels, PRODUCT: layout.products}
        for role, templates in roles.items():
            for rank, template in enumerate(templates):
                folders, _, ending = template.partition("{name}")
                top = folders.split("/")[0]
                endings.setdefault("" if "{" in top else top, {})[ending] = Meaning(layout.name, role, rank)
    return {top: NameRule(_pattern(meanings), meanings) for top, meanings in endings.items()}


def _pattern(endings: Iterable[str]) -> re.Pattern[str]:
    # Only the suffix may be in capitals (cameras write '.JPG').
    bodies = sorted({re.escape(body) + rf"\.(?i:{suffix})" for body, _, suffix in (e.rpartition(".") for e in endings)})
    return re.compile(rf"(?:{'|'.join(bodies)})\Z")


def has_splits(layout: Layout) -> bool:
    """Return whether the layout asks for split and sequence folders, and not for any or none."""
    return "{split}" in layout.images[0]


def begin_with_sequence(keys: Iterable[tuple[str, str]]) -> bool:
    """Return whether most names of frames, given as (sequence, name), are called as in Cityscapes.

    Examples
    --------
    >>> begin_with_sequence([("aachen", "aachen_000000_000019")]), begin_with_sequence([("201", "frame0029")])
    (True, False)
    """
    named = [name.startswith(f"{sequence}_") for sequence, name in keys]
    return 2 * sum(named) > len(named)
