"""An ONNX file beside the PyTorch network that it was made of: the same result, and in what time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from iddkit import images
from iddkit.errors import OptionError, UserError
from iddkit.frames import Index
from iddkit.training.onnx_format import INPUT, OUTPUT
from iddkit.training.predictions import choose_frames
from iddkit.training.profile import time_calls
from iddkit.training.transforms import resize_image, to_tensor

if TYPE_CHECKING:
    import onnxruntime

#: Images that a check looks at, spread evenly over those that are given; synthetic ones if none are.
CHECKED: Final = 16
_SYNTHETIC: Final = 4

#: Largest absolute difference of logits (which are of the order of 10) up to which two computations are the same.
TOLERANCE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Check:
    """How an exported network compares with PyTorch's, both on the CPU.

    Attributes
    ----------
    images
        That both looked at.
    are_synthetic
        Whether these were drawn by `iddkit.synthetic`, as none were given.
    difference
        Largest absolute difference of two logits.
    equal
        Share of pixels with the same class.
    torch_milliseconds, onnx_milliseconds
        Median time of one image.
    threads
        That each used.
    """

    images: int
    are_synthetic: bool
    difference: float
    equal: float
    torch_milliseconds: float
    onnx_milliseconds: float
    threads: int

    @property
    def ok(self) -> bool:
        """Whether both compute the same."""
        return self.difference <= TOLERANCE


def compare(
    network: nn.Module, content: bytes, photos: NDArray[np.uint8], *, are_synthetic: bool = False, repeats: int = 20
) -> Check:
    """Return how an ONNX file compares with its network.

    Parameters
    ----------
    network
        In evaluation mode, on the CPU.
    content
        The file.
    photos
        uint8 (N, H, W, 3) RGB at its size.
    are_synthetic
        Said of the photos in the result.
    repeats
        Passes that are timed.
    """
    session = open_session(content, torch.get_num_threads())
    difference, equal = 0.0, 0
    with torch.inference_mode():
        # In pairs, as the number of images at once is free.
        for start in range(0, len(photos), 2):
            batch = to_tensor(photos[start : start + 2])
            mine, other = network(batch).numpy(), run_session(session, batch.numpy())
            # NumPy's maximum, unlike Python's, lets no NaN pass.
            difference = float(np.maximum(difference, np.abs(mine - other).max()))
            equal += int(np.count_nonzero(mine.argmax(axis=1) == other.argmax(axis=1)))
        one = to_tensor(photos[:1])
        same = np.ascontiguousarray(one.numpy())
        torch_times = time_calls(lambda: network(one), repeats)
        onnx_times = time_calls(lambda: run_session(session, same), repeats)
    pixels = photos.shape[0] * photos.shape[1] * photos.shape[2]
    return Check(
        len(photos),
        are_synthetic,
        difference,
        equal / pixels,
        float(np.median(torch_times)),
        float(np.median(onnx_times)),
        torch.get_num_threads(),
    )


def open_session(content: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Return an exported network, ready to run on the CPU."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(content, settings, providers=["CPUExecutionProvider"])


def run_session(session: onnxruntime.InferenceSession, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logits, float32 (N, C, H, W), of images float32 (N, 3, H, W), normalised."""
    logits: NDArray[np.float32] = session.run([OUTPUT], {INPUT: np.ascontiguousarray(batch)})[0]
    return logits


def draw_photos(size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return synthetic photographs, uint8 (4, H, W, 3), at a width and height."""
    from iddkit import synthetic

    scenes = synthetic.sequence(0, _SYNTHETIC, width=320, height=180)
    return np.stack([resize_image(synthetic.render(one), size) for one in scenes])


def read_photos(index: Index, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return some images of an index at a width and height, uint8 (N, H, W, 3), and a line for each unreadable one.

    Raises
    ------
    FrameError
        It has no image.
    OptionError
        None of them can be read.
    """
    frames, _ = choose_frames(index, ())
    step = max(1, len(frames) // CHECKED)
    found, failures = [], []
    for frame in frames[::step][:CHECKED]:
        assert frame.image is not None
        try:
            found.append(resize_image(images.read_rgb(Path(index.root) / frame.image), size))
        except UserError as error:
            failures.append(str(error))
    if not found:
        raise OptionError(f"no image to compare with; the first: {failures[0]}")
    return np.stack(found), tuple(failures)
