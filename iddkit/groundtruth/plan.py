"""What is to be made of each frame, and under which published file names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath, PurePosixPath
from typing import Any, Final, Literal

from iddkit.annotation import check_size
from iddkit.errors import OptionError
from iddkit.labels import ID, LabelMap
from iddkit.raster import FILLS, UNKNOWN

Kind = Literal["label", "instance", "color", "panoptic"]

#: 'every level' on the command line.
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Product:
    """One image per frame.

    Attributes
    ----------
    kind
        ``label``, ``instance``, ``color`` or ``panoptic``.
    level
        The level its numbers are of; ``id`` for colour.
    suffix
        End of its file name, after ``{frame}_gtFine``.
    """

    kind: Kind
    level: str
    suffix: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How frames are painted, and what is written. Made by `make_plan`.

    Attributes
    ----------
    label_map
        The labels and their numbers.
    products
        The images to write for each frame.
    fill
        A fill rule, or None for the default of the file's format and the map (`iddkit.raster.default_fill`).
    unknown
        What to do with unknown labels: ``error``, ``void`` or ``skip``.
    size
        Width and height of the images, sampled at pixel centres; None for the size of the annotation.
    """

    label_map: LabelMap
    products: tuple[Product, ...] = field(default=())
    fill: str | None = None
    unknown: str = "error"
    size: tuple[int, int] | None = None

    def settings(self) -> dict[str, Any]:
        """Return what all frames of one manifest share. Fill rule and unknown labels are recorded by frame."""
        return {
            "label_map": self.label_map.name,
            "label_map_sha256": self.label_map.sha256,
            "size": list(self.size) if self.size else None,
        }

    @property
    def panoptic(self) -> Product | None:
        """The panoptic product, if there is one."""
        return next((product for product in self.products if product.kind == "panoptic"), None)


def is_cityscapes(label_map: LabelMap) -> bool:
    """Return whether a map is numbered, and its files are named, as Cityscapes': it has a ``train`` level."""
    return "train" in label_map.levels


def published_level(label_map: LabelMap) -> str:
    """Return the level of the published instance and panoptic images: IDD's level3, Cityscapes' id."""
    return "level3" if "level3" in label_map.levels and not is_cityscapes(label_map) else ID


def all_levels(label_map: LabelMap) -> tuple[str, ...]:
    """Return the levels that are published as label images: every numbering but IDD's ``cs``."""
    return tuple(level for level in label_map.levels if not (level == "cs" and "cs_train" in label_map.levels))


def make_plan(
    label_map: LabelMap,
    levels: Sequence[str] = (),
    *,
    instances: bool = False,
    instance_levels: Sequence[str] = (),
    panoptic: bool = False,
    panoptic_level: str | None = None,
    color: bool = False,
    fill: str | None = None,
    unknown: str = "error",
    size: tuple[int, int] | None = None,
) -> Plan:
    """Make a plan of names as a user gives them.

    Parameters
    ----------
    levels
        Levels of the label images, ``all`` for every published one. Default: level3 for IDD, id and train for
        Cityscapes, id for other maps.
    instances, instance_levels
        Whether to write instance images, and of which levels. Default: the `levels` that are named; with
        ``all`` or none, the published one.
    panoptic, panoptic_level
        The same for the panoptic image, of which there is one: default the only level that is named, else the
        published one.
    color
        Write the colour image.
    fill, unknown, size
        See `Plan`.

    Raises
    ------
    LabelMapError, OptionError
        A level, fill rule or policy that does not exist.
    """
    named = [label_map.level(level) for level in levels if level != ALL]
    if fill is not None and fill not in FILLS:
        raise OptionError(f"no fill rule {fill!r}; known: {', '.join(FILLS)}")
    if unknown not in UNKNOWN:
        raise OptionError(f"no way {unknown!r} to treat unknown labels; known: {', '.join(UNKNOWN)}")
    wrong = None if size is None else check_size(*size)
    if wrong:
        raise OptionError(wrong)
    chosen = list(all_levels(label_map)) if ALL in levels else []
    chosen += named
    if not chosen:
        chosen = [ID, "train"] if is_cityscapes(label_map) else [published_level(label_map)]
    products = [Product("label", level, _suffix("label", label_map, level)) for level in chosen]
    if instances or instance_levels:
        levels_of_instances = [label_map.level(level) for level in instance_levels] or named
        levels_of_instances = levels_of_instances or [published_level(label_map)]
        products += [Product("instance", level, _suffix("instance", label_map, level)) for level in levels_of_instances]
    if color:
        products.append(Product("color", ID, _suffix("color", label_map, ID)))
    if panoptic or panoptic_level:
        only = named[0] if len(named) == 1 and ALL not in levels else published_level(label_map)
        level = label_map.level(panoptic_level) if panoptic_level else only
        products.append(Product("panoptic", level, _suffix("panoptic", label_map, level)))
    return Plan(label_map, tuple(dict.fromkeys(products)), fill, unknown, size)


def _suffix(kind: Kind, label_map: LabelMap, level: str) -> str:
    # IDD's tool spells a level as its numbering is called ('labelids', 'labelcsTrainIds'), Cityscapes' with capitals.
    words = level.split("_")
    if is_cityscapes(label_map):
        if kind == "color":
            return "_color.png"
        if kind == "panoptic" and level == ID:
            return "_panoptic.png"
        spelled = "" if level == ID else "".join(word.title() for word in words)
        return f"_{kind}{spelled}Ids.png"
    if kind == "color":
        return "_labelColors.png"
    return (
        f"_{kind}ids.png" if level == ID else f"_{kind}{words[0]}{''.join(word.title() for word in words[1:])}Ids.png"
    )


def stem(annotation: PurePath) -> str:
    """Return the start of the names of a frame's images: ``{frame}_gtFine``.

    Examples
    --------
    >>> stem(PurePosixPath("gtFine/val/119/0003438_gtFine_polygons.json"))
    '0003438_gtFine'
    >>> stem(PurePosixPath("Annotations/street/p1010739.xml"))
    'p1010739_gtFine'
    """
    name = annotation.name
    if name.endswith("_polygons.json"):
        return name.removesuffix("_polygons.json")
    return f"{name.rpartition('.')[0] or name}_gtFine"


def product_path(plan: Plan, product: Product, annotation: PurePosixPath, split: str, sequence: str) -> PurePosixPath:
    """Return where a frame's image lies, relative to the root: beside the polygons, or in the panoptic folder."""
    name = stem(annotation) + product.suffix
    if product.kind != "panoptic":
        return annotation.parent / name
    drive = sequence.replace("/", "_")
    prefixed = name if not drive or name.startswith(f"{drive}_") else f"{drive}_{name}"
    return panoptic_folder(plan, annotation, split) / prefixed


def panoptic_folder(plan: Plan, annotation: PurePosixPath, split: str) -> PurePosixPath:
    """Return the folder of a split's panoptic images.

    IDD: ``gtFine/{split}_panoptic``; Cityscapes: ``gtFine/cityscapes_panoptic_{split}``; without splits: ``panoptic``.
    """
    if not split:
        return PurePosixPath("panoptic")
    top = PurePosixPath(annotation.parts[0]) if annotation.parts[0].startswith("gt") else PurePosixPath()
    return top / (f"cityscapes_panoptic_{split}" if is_cityscapes(plan.label_map) else f"{split}_panoptic")


def panoptic_json(plan: Plan, folder: PurePosixPath) -> PurePosixPath:
    """Return the JSON file of a folder of panoptic images, beside it; a level other than the published one is named."""
    product = plan.panoptic
    assert product is not None
    published = product.level == published_level(plan.label_map)
    return folder.with_name(folder.name + ("" if published else f"_{product.level}") + ".json")
