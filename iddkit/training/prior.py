"""What a picture that never changes scores: the most frequent label of the training split at each place.

Roads are below and the sky is above, whatever the image shows. A network has learned a label when it does better than
that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iddkit.frames import Frame
from iddkit.labels import VOID
from iddkit.metrics import Confusion
from iddkit.training.dataset import LabelledData
from iddkit.training.pictures import Pictures

#: Width and height at which labels are counted: of a finer picture, noise would be left.
_SIZE: Final = (64, 32)

#: So many training frames, evenly over the split, are enough: the picture is one of averages.
_MOST_FRAMES: Final = 500


def prior_scores(data: LabelledData) -> tuple[float | None, ...]:
    """Return the IoU of each class of such a picture on the validation split; None for a class that is not there.

    Raises
    ------
    UserError
        A frame cannot be read.
    """
    names = data.classes.names
    whole = Confusion.empty(names)
    picture = most_frequent(_labels(data, data.train, _MOST_FRAMES), len(names))
    for labels in _labels(data, data.val, len(data.val)):
        whole += Confusion.of(names, labels, picture)
    return tuple(None if np.isnan(score) else float(score) for score in whole.iou())


def most_frequent(images: list[NDArray[np.uint8]], classes: int) -> NDArray[np.uint8]:
    """Return the most frequent class at each place, the first of equals: uint8 (H, W); `VOID` where there is none.

    Parameters
    ----------
    images
        Labels of frames, uint8 (H, W), at least one.
    classes
        How many; greater numbers are void.

    Examples
    --------
    >>> one, other = np.array([[0, 1, 255]], dtype=np.uint8), np.array([[0, 0, 255]], dtype=np.uint8)
    >>> most_frequent([one, other, one], classes=2).tolist()
    [[0, 1, 255]]
    """
    counts = np.stack([(np.stack(images) == number).sum(axis=0) for number in range(classes)])
    picture: NDArray[np.uint8] = counts.argmax(axis=0).astype(np.uint8)
    picture[counts.max(axis=0) == 0] = VOID
    return picture


def _labels(data: LabelledData, frames: tuple[Frame, ...], most: int) -> list[NDArray[np.uint8]]:
    chosen = [frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, min(most, len(frames))).astype(int))]
    pictures = Pictures(Path(data.index.root), chosen, data.reader, data.classes.level, _SIZE, exact=True)
    return [pictures.labels(place) for place in range(len(pictures))]
