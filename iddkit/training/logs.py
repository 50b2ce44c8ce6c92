"""The log of a training: ``log.csv``, and TensorBoard's where it is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, Final

from iddkit import files
from iddkit.errors import OutputError
from iddkit.runs import Epoch

NAME: Final = "log.csv"
TENSORBOARD: Final = "tensorboard"


def write_log(epochs: Sequence[Epoch], folder: Path) -> None:
    """Write ``log.csv`` anew: a line an epoch, empty where there was no validation.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Epoch))
    writer.writerows(["" if value is None else value for value in astuple(epoch)] for epoch in epochs)
    files.write_bytes(folder / NAME, text.getvalue().encode())


class Board:
    """TensorBoard's log of a run, or nothing where TensorBoard is not installed.

    Raises
    ------
    OutputError
        It cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        try:
            self._writer = SummaryWriter(str(folder / TENSORBOARD))
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror or error}", path=folder) from error

    def show(self, epoch: Epoch) -> None:
        """Add an epoch, by its number."""
        if self._writer is None:
            return
        values = {
            "loss": epoch.loss,
            "learning rate": epoch.learning_rate,
            "alpha": epoch.alpha,
            "val/mIoU": epoch.mean_iou,
            "val/pixel accuracy": epoch.pixel_accuracy,
        }
        for name, value in values.items():
            if value is not None:
                self._writer.add_scalar(name, value, epoch.number)
        self._writer.flush()

    def close(self) -> None:
        """End the log."""
        if self._writer is not None:
            self._writer.close()
