"""`Run`: everything that one training and validation of a network told, as one value and one file, ``run.json``.

Tables, figures and pages are made from runs alone, so that they can be drawn again, beside each other, on a machine
that has neither torch nor the dataset.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from iddkit import files
from iddkit.errors import AnnotationError, OutputError, printable
from iddkit.metrics import Confusion
from iddkit.runs.soundness import find_faults

#: Of the file; a number higher than this is of a later iddkit.
VERSION: Final = 1
NAME: Final = "run.json"


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of the training's log.

    Attributes
    ----------
    number
        Epochs that were completed, from 1 on; the last one of a run that a budget ended may not be whole.
    phase
        ``encoder``, ``decoder`` (the encoder stands still), or ``whole``.
    images
        Training images seen since the beginning, over all epochs.
    seconds
        Of wall time since training began, validations included; over all sessions of a resumed run.
    learning_rate
        At its end.
    alpha
        What was left of the weights outside the groups (gradual grouping): 1 without it.
    loss
        Mean over its batches.
    mean_iou, pixel_accuracy
        On the validation split; None where it was not validated.
    """

    number: int
    phase: str
    images: int
    seconds: float
    learning_rate: float
    alpha: float
    loss: float
    mean_iou: float | None
    pixel_accuracy: float | None


@dataclass(frozen=True, slots=True)
class LayerTime:
    """One layer of the network in a forward pass of one image.

    Attributes
    ----------
    name, kind
        Its name in the network, and what it is: ``Downsampler``, ``NonBottleneck1D``, ``ConvTranspose2d``.
    shape
        C, H, W of its output.
    milliseconds
        Median.
    parameters, macs
        Of it.
    """

    name: str
    kind: str
    shape: tuple[int, int, int]
    milliseconds: float
    parameters: int
    macs: int


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a network is on a device, one image at a time.

    Attributes
    ----------
    device, threads, precision
        The processor's or GPU's name; threads that PyTorch used (1 on a GPU); ``float32`` or ``bfloat16``.
    size
        Width and height of the image.
    milliseconds
        Median of one forward pass, and the tenth and ninetieth percentile around it.
    fastest, slowest
        Those percentiles.
    peak_bytes
        Most memory that the forward pass held at once, on the device; None where the device cannot tell.
    layers
        In the order in which they run.
    """

    device: str
    threads: int
    precision: str
    size: tuple[int, int]
    milliseconds: float
    fastest: float
    slowest: float
    peak_bytes: int | None
    layers: tuple[LayerTime, ...]

    @property
    def fps(self) -> float:
        """Images a second at batch size 1."""
        return 1000 / self.milliseconds


@dataclass(frozen=True, slots=True)
class FrameScore:
    """How well one validation frame was predicted: mean over the classes that it shows or that were predicted on it."""

    key: str
    mean_iou: float
    pixel_accuracy: float


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """What a split held: frames with labels, sequences, and labelled pixels of each class (in the order of the run)."""

    name: str
    frames: int
    sequences: int
    pixels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two frames of different splits that look alike.

    Attributes
    ----------
    train, val
        Keys of the two frames.
    distance
        Mean absolute difference of their thumbnails, in grey levels of 0 to 255.
    """

    train: str
    val: str
    distance: float


@dataclass(frozen=True, slots=True)
class Leakage:
    """What of the validation split was seen in training.

    Attributes
    ----------
    sequences
        Names that sequences of both splits have, in the order of the validation split.
    frames
        Validation frames in sequences of these names.
    duplicates
        Validation frames with a near-duplicate in training, the most alike first.
    identical
        Validation frames whose image file is, byte for byte, one of training.
    sequence_frames
        Keys of the validation frames of each of `sequences`.
    """

    sequences: tuple[str, ...]
    frames: int
    duplicates: tuple[NearDuplicate, ...]
    identical: int
    sequence_frames: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One trained network and how it did.

    Attributes
    ----------
    name
        By which reports call it; the name of its folder.
    model
        Of the registry (`iddkit.models`): ``erfnet``, ``essnet-dg2``.
    parameters, gmacs
        Of the network as validated (groups converted), at `size`; multiply-adds in units of 1e9.
    peak_bytes
        Most memory that training held: of the GPU where there is one, else of the process; None if not known.
    dataset, label_map, level
        Names: of the dataset (its folder's, or its manifest's), of the label map and its level.
    labels, colors
        Names and RGB colours of the classes, in order.
    size
        Width and height at which images were validated.
    train, val
        The two splits.
    fingerprint
        Hash of the files of both, and of the classes: equal for equal data.
    recipe
        All settings of the training, as in ``pipelines/*.toml``, defaults included.
    seed, device, precision, devices
        Of the training; `devices` is how many of them worked together.
    epochs
        The log.
    best_epoch
        Number of the epoch whose weights are scored: the one with the highest mean IoU on the validation split.
    finished
        How it ended: ``complete``, ``budget``, ``early stop``, ``interrupted``.
    counts
        (C, C + 1), as `Confusion.counts`, of the validation split with those weights.
    frames
        Score of each validation frame, in the order of the split.
    speed
        On this device; None if it was not measured.
    prior
        IoU of each class that a picture which never changes reaches on the validation split: the most frequent label of
        the training split at each place. None if it was not made.
    leakage
        None if it was not looked for.
    conversion
        Largest absolute difference of logits that turning gradually grouped convolutions into grouped ones made; None
        without gradual grouping.
    versions
        Of iddkit, torch, Python and so on; ``git`` if it ran in a checkout.
    command
        The command line, for who wants to repeat it.
    """

    name: str
    model: str
    parameters: int
    gmacs: float
    peak_bytes: int | None
    dataset: str
    label_map: str
    level: str
    labels: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    size: tuple[int, int]
    train: SplitFacts
    val: SplitFacts
    fingerprint: str
    recipe: Mapping[str, Any]
    seed: int
    device: str
    precision: str
    devices: int
    epochs: tuple[Epoch, ...]
    best_epoch: int
    finished: str
    counts: tuple[tuple[int, ...], ...]
    frames: tuple[FrameScore, ...]
    speed: Speed | None
    prior: tuple[float | None, ...] | None
    leakage: Leakage | None
    conversion: float | None
    versions: Mapping[str, str]
    command: str

    @property
    def confusion(self) -> Confusion:
        """`counts` as a `Confusion`."""
        return Confusion(self.labels, np.array(self.counts, dtype=np.int64).reshape(len(self.labels), -1))

    @property
    def seconds(self) -> float:
        """Wall time of the training."""
        return self.epochs[-1].seconds if self.epochs else 0.0

    def save(self, folder: Path) -> Path:
        """Write ``run.json`` into `folder`, in place of an older one, and return its path.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        import msgspec

        content = msgspec.json.encode({"format": "iddkit run", "version": VERSION, "run": self})
        files.write_bytes(folder / NAME, msgspec.json.format(content, indent=1) + b"\n")
        return folder / NAME

    @classmethod
    def load(cls, path: str | Path) -> Run:
        """Read a run from its folder or its file.

        Raises
        ------
        OutputError
            There is none, or it is damaged, or of a later version.
        """
        import msgspec

        file = Path(path) / NAME if Path(path).is_dir() else Path(path)
        if Path(path).is_dir() and not file.exists():
            raise OutputError(_lacking(Path(path)), path=path)
        try:
            found = msgspec.json.decode(files.read_bytes(file))
            if not isinstance(found, dict) or found.get("format") != "iddkit run":
                raise OutputError("not a run that iddkit saved", path=file)
            if found.get("version") != VERSION:
                raise OutputError(f"a run of version {found.get('version')}, this iddkit reads {VERSION}", path=file)
            run = msgspec.convert(_with_nan(found["run"]), cls)
        except AnnotationError as error:
            raise OutputError(error.problem, path=file) from error
        except (msgspec.MsgspecError, KeyError, TypeError, RecursionError) as error:
            raise OutputError(f"a damaged run: {error}", path=file) from error
        for problem in find_faults(run):
            raise OutputError(f"a damaged run: {problem}", path=file)
        return run


def _lacking(folder: Path) -> str:
    """Return what to say of a folder that holds no run itself."""
    below = sorted(path.parent.name for path in folder.glob(f"*/{NAME}"))
    if not below:
        return f"no run: it has no {NAME}"
    more = f" and {len(below) - 8} more" if len(below) > 8 else ""
    return (
        f"no run, but a folder of runs; name one of them: {', '.join(printable(name, 60) for name in below[:8])}{more}"
    )


def _with_nan(run: dict[str, Any]) -> dict[str, Any]:
    """Put back what JSON has no number for: the score of a frame without a labelled pixel, a loss that is none."""
    for frame in run["frames"]:
        for name in ("mean_iou", "pixel_accuracy"):
            frame[name] = math.nan if frame[name] is None else frame[name]
    for epoch in run["epochs"]:
        epoch["loss"] = math.nan if epoch["loss"] is None else epoch["loss"]
    return run
