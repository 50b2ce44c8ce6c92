"""Label images of photographs by a trained network, in the layout that ``iddkit evaluate`` and the leaderboard take.

Same checkpoint, images, settings and machine: same bytes. Batches are always made of the same images and of one length
(the last is filled up with black), also where a run goes on that was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from iddkit import __version__, files
from iddkit.errors import AnnotationError, CheckpointError, FrameError, UserError
from iddkit.frames import Frame, Index
from iddkit.metrics.truth import errors_of
from iddkit.training.checkpoint import Checkpoint
from iddkit.training.device import advice_on_memory, choose_device, describe_device, exact
from iddkit.training.prediction_folder import PredictionFolder
from iddkit.training.predictions import (
    Photo,
    Settings,
    Work,
    choose_frames,
    compare_labels,
    label_suffix,
    refuse_place,
)
from iddkit.training.transforms import to_tensor

#: A checkpoint is read twice: as weights, and for its hash.
_MAX_BYTES: Final = 4 * 2**30


@dataclass(frozen=True, slots=True)
class PredictionReport:
    """What became of the images.

    Attributes
    ----------
    done, skipped
        Images that were predicted, and whose predictions were there already.
    failures
        One line for each that could not be.
    notes
        What a user should know.
    size, device
        Width and height that the network saw, and what computed.
    """

    done: int
    skipped: int
    failures: tuple[str, ...]
    notes: tuple[str, ...]
    size: tuple[int, int]
    device: str


def predict_batch(
    network: nn.Module, batch: NDArray[np.uint8], resolution: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Return the class of each pixel of some images.

    Parameters
    ----------
    network
        In evaluation mode, on any device.
    batch
        uint8 (N, H, W, 3) RGB, at the size that the network is to see.
    resolution
        Width and height of the result, to which the logits are interpolated (bilinear, by pixel centres) before the
        largest is taken; None for those of the images.

    Returns
    -------
    numpy.ndarray
        uint8 (N, h, w): places among the network's classes.
    """
    logits = _compute(network, batch)
    return np.concatenate([_decide(logits[i : i + 1], resolution) for i in range(len(batch))])


def _compute(network: nn.Module, batch: NDArray[np.uint8]) -> Tensor:
    device = next(network.parameters()).device
    with torch.inference_mode(), exact():
        logits: Tensor = network(to_tensor(batch).to(device))
        return logits


def _decide(logits: Tensor, resolution: tuple[int, int] | None) -> NDArray[np.uint8]:
    # Called for one image after the other: the logits of 26 classes at 1920x1080 are 216 MB.
    with torch.inference_mode():
        if resolution is not None and resolution != (logits.shape[3], logits.shape[2]):
            logits = functional.interpolate(logits, size=resolution[::-1], mode="bilinear", align_corners=False)
        found: NDArray[np.uint8] = logits.argmax(dim=1).to(torch.uint8).cpu().numpy()
        return found


def predict(
    checkpoint: str | Path,
    index: Index,
    out: Path,
    settings: Settings | None = None,
    *,
    splits: Sequence[str] = (),
    device: str = "auto",
    threads: int = 1,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> PredictionReport:
    """Predict images, and write label images with the numbers of the network's level.

    They lie in ``sequence/name_label.png`` below `out`, where AutoNUE's evaluation of IDD-lite looks for them, and in a
    folder of the split above that where several are predicted. Those of a dataset in the layout of IDD or Cityscapes
    are called as its own label images: ``name_gtFine_labellevel3Ids.png``.

    ``predictions.json`` records what was written, and how. A run that was stopped goes on with the same call, which
    does only what is missing.

    Parameters
    ----------
    checkpoint
        A file, or the folder of a training.
    index
        Of the images (`iddkit.training.predictions.open_images`).
    out
        Folder to write.
    settings
        How; None for the defaults.
    splits
        Of the index; none for all.
    device
        ``auto``, ``cuda``, ``mps`` or ``cpu``.
    threads
        That read images and write predictions.
    overwrite
        Begin anew: what earlier runs wrote there is removed, and files of others are replaced.
    progress
        Called with how many images are done, and how many there are.

    Raises
    ------
    CheckpointError
        The checkpoint cannot be used, or its labels are not those of the dataset.
    FrameError
        There is no such split, or no image.
    OptionError
        There is no such device.
    OutputError
        `out` cannot be written, lies in the dataset, or holds predictions of other weights, images, splits or
        settings.
    TrainingError
        There is too little memory.
    """
    settings = settings or Settings()
    found, digest = _load(Path(checkpoint))
    try:
        notes = list(compare_labels(found.classes, index))
        network = found.network()
    except CheckpointError as error:
        raise error.located(checkpoint) from error
    wanted, bare = choose_frames(index, splits)
    names = sorted({frame.split for frame in wanted})
    notes += [f"{bare} frames have no image"] if bare else []
    work = Work(
        Path(index.root),
        out,
        settings,
        settings.size or found.size,
        found.classes,
        label_suffix(index, found.classes),
        with_split=len(names) > 1,
    )
    chosen = choose_device(device)
    refuse_place(out, index, (path for frame in wanted for path in work.paths(frame)))
    length = min(settings.batch, len(wanted))
    problems = [str(FrameError(one.problem, path=work.root / one.path)) for one in errors_of(index, splits)]
    failures = []
    with (
        PredictionFolder(out, _record(found, digest, work, names), overwrite=overwrite) as folder,
        ThreadPoolExecutor(threads) as pool,
        advice_on_memory(length, _advice(length)),
    ):
        there = list(pool.map(lambda frame: folder.holds(work.paths(frame)), wanted))
        starts = [start for start in range(0, len(wanted), length) if not all(there[start : start + length])]
        missing = [wanted[start : start + length] for start in starts]
        done = skipped = len(wanted) - sum(map(len, missing))
        for results in _predict_all(network.to(chosen), work, folder, missing, length, pool):
            failures += [str(error) for error in results if error is not None]
            done += len(results)
            if progress is not None:
                progress(done, len(wanted))
        folder.finish()
    predicted = len(wanted) - skipped - len(failures)
    return PredictionReport(
        predicted, skipped, (*problems, *failures), tuple(notes), work.size, describe_device(chosen)
    )


def _load(path: Path) -> tuple[Checkpoint, str]:
    found = Checkpoint.load(path)
    try:
        return found, files.sha256(files.read_bytes(path / "best.pt" if path.is_dir() else path, _MAX_BYTES))
    except AnnotationError as error:
        raise CheckpointError(error.problem, path=path) from error


def _record(checkpoint: Checkpoint, digest: str, work: Work, splits: Sequence[str]) -> dict[str, Any]:
    classes = checkpoint.classes
    return {
        "iddkit": __version__,
        "checkpoint_sha256": digest,
        "model": checkpoint.model,
        "label_map": classes.label_map,
        "level": classes.level,
        "classes": {str(number): name for number, name in zip(classes.numbers, classes.names, strict=True)},
        "size": list(work.size),
        "resolution": None if work.settings.resolution is None else list(work.settings.resolution),
        # A folder of each split or none, and of which dataset: the same names may be those of other files.
        "splits": list(splits),
        "source": files.relative_path(work.root, work.out),
    }


def _predict_all(
    network: nn.Module,
    work: Work,
    folder: PredictionFolder,
    batches: Sequence[Sequence[Frame]],
    length: int,
    pool: ThreadPoolExecutor,
) -> Iterator[list[UserError | None]]:
    """Yield what went wrong with each image of each batch; the next batch is read while one is predicted."""
    following = [pool.submit(work.read, frame) for frame in batches[0]] if batches else []
    for number, batch in enumerate(batches):
        photos = [future.result() for future in following]
        following = [pool.submit(work.read, frame) for batch in batches[number + 1 : number + 2] for frame in batch]
        seen = np.zeros((length, work.size[1], work.size[0], 3), dtype=np.uint8)
        for i, photo in enumerate(photos):
            if isinstance(photo, Photo):
                seen[i] = photo.seen
        logits = _compute(network, seen)
        results: list[UserError | Future[UserError | None] | None] = []
        for i, (frame, photo) in enumerate(zip(batch, photos, strict=True)):
            if isinstance(photo, UserError):
                results.append(photo)
                continue
            places = _decide(logits[i : i + 1], work.settings.resolution or photo.size)[0]
            results.append(pool.submit(_write, folder, work, frame, photo, places))
        yield [one.result() if isinstance(one, Future) else one for one in results]


def _write(
    folder: PredictionFolder, work: Work, frame: Frame, photo: Photo, places: NDArray[np.uint8]
) -> UserError | None:
    try:
        folder.write(work.encode(frame, photo, places))
    except UserError as error:
        return error
    return None


def _advice(length: int) -> str:
    smaller = "--batch-size makes them fewer, --size smaller" if length > 1 else "--size makes it smaller"
    return f"too little memory for {length} image{'s at once' if length > 1 else ''}: {smaller}"
