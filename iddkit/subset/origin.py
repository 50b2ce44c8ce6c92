"""What a derived dataset says of its own label images, whose names do not tell their level."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from iddkit import labels
from iddkit.errors import OptionError, OutputError, printable
from iddkit.frames import Index
from iddkit.labels import LabelMap
from iddkit.subset import manifest as manifests
from iddkit.subset.manifest import Manifest

#: The layout in which all label images are called alike, of whatever map and level: ``_label.png``.
_NAMELESS = "idd-lite"


class Numbering(NamedTuple):
    """By which map the labels of a dataset are numbered, and at which level; None where the file names say it."""

    label_map: LabelMap
    level: str | None = None


def numbering_of(index: Index, label_map_name: str | None = None, level: str | None = None) -> Numbering:
    """Return how the labels of a dataset are to be read.

    Parameters
    ----------
    index
        Of the dataset.
    label_map_name
        Name or path of a label map, if a user gave one. Default: the map that the dataset's ``manifest.json`` names,
        else that of its layout, ``cityscapes`` or ``idd``.
    level
        Of the label images, if a user gave one. Default: the level that ``manifest.json`` names.

    Raises
    ------
    LabelMapError
        No such map or level.
    OptionError
        The dataset was derived with a label map that iddkit does not bring along, and none was given.
    OutputError
        The manifest is damaged.
    """
    manifest = _manifest(index)
    if manifest is None:
        label_map = labels.load(label_map_name or ("cityscapes" if index.layout == "cityscapes" else "idd"))
        return Numbering(label_map, None if level is None else label_map.level(level))
    label_map = labels.load(label_map_name) if label_map_name else _map_of(manifest, index.root)
    return Numbering(label_map, label_map.level(level or str(manifest.plan.get("level"))))


def stated_level(index: Index, label_map: LabelMap) -> str | None:
    """Return the level of a derived dataset's label images, which their names do not say; None for all other datasets.

    Raises
    ------
    LabelMapError
        The map has no such level.
    OptionError
        The dataset was derived with a label map of other numbers.
    OutputError
        The manifest is damaged.
    """
    manifest = _manifest(index)
    if manifest is None:
        return None
    name, digest = manifest.label_map
    if digest != label_map.sha256 and not _is_numbered_by(manifest, label_map):
        problem = f"its labels are those of a map {printable(name)}, not of {label_map.name}; --label-map says of which"
        raise OptionError(problem, path=index.root)
    return label_map.level(str(manifest.plan.get("level")))


def _is_numbered_by(manifest: Manifest, label_map: LabelMap) -> bool:
    # Not by its hash: a later iddkit may have changed a colour.
    level = label_map.level(str(manifest.plan.get("level")))
    known = {category.number: category.name for category in label_map.categories(level)}
    return all(known.get(number, called) == called for number, called in manifest.categories.items())


def _map_of(manifest: Manifest, root: Path) -> LabelMap:
    name, _ = manifest.label_map
    if name in labels.names():
        label_map = labels.load(name)
        if _is_numbered_by(manifest, label_map):
            return label_map
    problem = f"its labels are those of a map {printable(name)} that iddkit does not have; --label-map says where it is"
    raise OptionError(problem, path=root)


def _manifest(index: Index) -> Manifest | None:
    """Return the manifest of iddkit's own that says more than the names of the label images do, if there is one."""
    path = Path(index.root) / manifests.NAME
    if index.layout != _NAMELESS or not path.is_file():
        return None
    try:
        return Manifest.load(index.root)
    except OutputError:
        if _is_ours(path):
            raise
        return None


def _is_ours(path: Path) -> bool:
    with open(path, "rb") as file:
        return f'"format": "{manifests.FORMAT}"'.encode() in file.read(200)
