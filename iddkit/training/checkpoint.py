"""`Checkpoint`: a network's weights with everything that is needed to use them, and to go on training."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from iddkit import files, models
from iddkit.errors import AnnotationError, CheckpointError, OptionError, printable
from iddkit.labels import LabelMap
from iddkit.statistics.columns import classes

FORMAT: Final = "iddkit checkpoint"
#: Of the file; a number higher than this is of a later iddkit.
VERSION: Final = 1

_ZIP: Final = b"PK\x03\x04"

#: A file larger than this is no checkpoint of a small network.
_MAX_BYTES: Final = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Classes:
    """What a network's channels mean: the classes of one level of a label map, in the order of the channels.

    Attributes
    ----------
    label_map, sha256, level
        Name of the map, hash of its file, and the level.
    names, numbers, colors
        Of each class: its name, its number in label images, and its RGB colour.
    """

    label_map: str
    sha256: str
    level: str
    names: tuple[str, ...]
    numbers: tuple[int, ...]
    colors: tuple[tuple[int, int, int], ...]

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, label_map: LabelMap, level: str) -> Classes:
        """Return the classes of a level; void is none of them."""
        found = classes(label_map, level)
        return cls(
            label_map.name,
            label_map.sha256,
            level,
            tuple(category.name for category in found),
            tuple(category.number for category in found),
            tuple(category.color for category in found),
        )


@dataclass(frozen=True)
class Checkpoint:
    """Weights, and what they belong to.

    Attributes
    ----------
    model
        Name in the registry (`iddkit.models`).
    classes
        Of its channels.
    size
        Width and height in pixels at which it was validated, and sees images where nothing else is said.
    weights
        State of the network as `iddkit.models.build` makes it, without the encoder's head: float32 on the CPU. Where
        there is a `state`, that of the network in training.
    epoch, mean_iou
        How far training was, and how well the validation split was predicted then; None if it was not validated.
    recipe, versions
        All settings of the training, and what ran it.
    state
        What going on needs (optimizer, schedule, random numbers), as the loop keeps it; empty in ``best.pt``.
    """

    model: str
    classes: Classes
    size: tuple[int, int]
    weights: Mapping[str, Tensor]
    epoch: int
    mean_iou: float | None
    recipe: Mapping[str, Any]
    versions: Mapping[str, str]
    state: Mapping[str, Any]

    def save(self, path: Path) -> None:
        """Write the checkpoint, or leave the file as it was.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        content |= {"format": FORMAT, "version": VERSION, "classes": asdict(self.classes)}
        buffer = io.BytesIO()
        torch.save(
            {name: dict(value) if isinstance(value, Mapping) else value for name, value in content.items()}, buffer
        )
        files.write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> Checkpoint:
        """Read a checkpoint; no code that a file may hold is run (``weights_only=True``).

        Raises
        ------
        CheckpointError
            There is none, it is damaged, of a later version, or not one of iddkit.
        """
        path = Path(path)
        if path.is_dir():
            path = path / "best.pt"
        try:
            raw = files.read_bytes(path, _MAX_BYTES)
        except AnnotationError as error:
            raise CheckpointError(error.problem, path=path) from error
        try:
            if not raw.startswith(_ZIP):  # PyTorch would take it for a file of its first years, whatever follows
                raise zipfile.BadZipFile("it does not begin as one")
            with zipfile.ZipFile(io.BytesIO(raw)) as parts, warnings.catch_warnings(action="ignore"):
                if parts.testzip() is not None:  # PyTorch does not look at checksums
                    raise zipfile.BadZipFile("its checksum is wrong")
                content = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
        except Exception as error:  # there is none that a reader of damaged pickles does not raise
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CheckpointError(f"not a checkpoint, or a damaged one: {printable(reason, 120)}", path=path) from error
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise CheckpointError("not a checkpoint of iddkit", path=path)
        version = content.pop("version", None)
        if version != VERSION:
            raise CheckpointError(f"a checkpoint of version {version}, this iddkit reads {VERSION}", path=path)
        try:
            found = cls(**content)
            found = replace(found, classes=Classes(**content["classes"]))
        except (TypeError, KeyError) as error:
            raise CheckpointError(f"a damaged checkpoint: {printable(str(error))}", path=path) from error
        wrong = _find_wrong(found)
        if wrong:
            raise CheckpointError(f"a damaged checkpoint: {wrong}", path=path)
        return found

    def network(self) -> nn.Module:
        """Return the network with these weights, on the CPU, in evaluation mode.

        Raises
        ------
        CheckpointError
            The model is not known, or the weights are not those of it.
        """
        if self.state:
            raise CheckpointError("made to go on training (--resume); best.pt beside it is the network")
        try:
            network = models.build(self.model, len(self.classes))
            network.load_state_dict(self.weights)
        except OptionError as error:
            raise CheckpointError(error.problem) from error
        except RuntimeError as error:
            reason = printable(" ".join(str(error).split()), 200)
            raise CheckpointError(
                f"its weights are not those of {self.model} for {len(self.classes)} classes: {reason}"
            ) from error
        return network.eval()


def _find_wrong(found: Any) -> str:
    """Return what of a checkpoint cannot have been saved by iddkit, or "": a file may hold anything."""
    classes = found.classes
    texts = found.model, classes.label_map, classes.sha256, classes.level
    if not all(isinstance(text, str) for text in texts):
        return "a name is no text"
    if not all(isinstance(value, dict) for value in (found.weights, found.recipe, found.versions, found.state)):
        return "values of other types than were saved"
    if not all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in found.weights.items()):
        return "weights that are none"
    if not (_is_tuple(found.size, 2, 2**14) and min(found.size) > 0):
        return "its size is no width and height"
    if not isinstance(found.epoch, int) or not isinstance(found.mean_iou, float | int | None):
        return "its epoch or its score is no number"
    parts = classes.names, classes.numbers, classes.colors
    if not all(isinstance(part, tuple) for part in parts) or len({len(part) for part in parts}) > 1:
        return "its classes are not as many as their numbers and colours"
    names_are_texts = all(isinstance(name, str) for name in classes.names)
    if not (names_are_texts and len(classes) > 0 and _is_tuple(classes.numbers, len(classes), 255)):
        return "its classes are none that a label image could hold"
    if not all(_is_tuple(color, 3, 255) for color in classes.colors):
        return "a colour of its classes is none"
    return ""


def _is_tuple(value: Any, length: int, most: int) -> bool:
    """Return whether a value is a tuple of so many whole numbers from 0 to `most`."""
    is_tuple = isinstance(value, tuple) and len(value) == length
    return is_tuple and all(type(one) is int and 0 <= one <= most for one in value)
