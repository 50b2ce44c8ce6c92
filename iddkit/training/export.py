"""A trained network as an ONNX file that says itself how it is used, checked against PyTorch.

The file takes ``image``, float32 (N, 3, H, W): RGB of 0 to 1, less a mean and divided by a standard deviation, at a
height and width that are fixed. It gives ``logits``, float32 (N, C, H, W), the largest of which is the class; N is
free. Mean, deviation, classes with their numbers and colours are in its metadata (`read_metadata`).

It is written by PyTorch's TorchScript exporter: it needs no package but ``onnx``, where the newer one wants
``onnxscript`` as well, and what it cannot follow, Python's own decisions, depends here on the image's size alone.
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from iddkit import __version__, files
from iddkit.annotation import MAX_SIDE
from iddkit.errors import AnnotationError, CheckpointError, OptionError, OutputError
from iddkit.frames import Index
from iddkit.training.checkpoint import Checkpoint
from iddkit.training.comparison import Check, compare, draw_photos, read_photos
from iddkit.training.onnx_format import INPUT, OPSET, OPSETS, OUTPUT
from iddkit.training.transforms import MEAN, STD

_MAX_BYTES: Final = 2**31


@dataclass(frozen=True, slots=True)
class Export:
    """What was exported.

    Attributes
    ----------
    path, bytes
        The file.
    opset, size
        Version of the operators; width and height of the images that it takes.
    check
        Beside PyTorch.
    failures
        A line for each image of the check that cannot be read.
    """

    path: Path
    bytes: int
    opset: int
    size: tuple[int, int]
    check: Check
    failures: tuple[str, ...]


def export(
    checkpoint: str | Path,
    out: Path,
    *,
    size: tuple[int, int] | None = None,
    opset: int = OPSET,
    index: Index | None = None,
    overwrite: bool = False,
) -> Export:
    """Write a network as an ONNX file, and compare it with PyTorch. Equal networks give equal bytes.

    Parameters
    ----------
    checkpoint
        A file, or the folder of a training.
    out
        The file to write.
    size
        Width and height of the images that it takes; None for those of the checkpoint.
    opset
        Version of the operators, of `OPSETS`.
    index
        Images to compare with; None for synthetic ones.
    overwrite
        Replace another file.

    Raises
    ------
    CheckpointError
        The checkpoint cannot be used.
    FrameError
        The index has no image.
    OptionError
        No such version of the operators, or no image that can be compared.
    OutputError
        The file is there already, cannot be written, or does not compute what the network does.
    """
    if not OPSETS[0] <= opset <= OPSETS[1]:
        raise OptionError(f"opset {opset}: {OPSETS[0]} to {OPSETS[1]} can be written")
    found = Checkpoint.load(checkpoint)
    try:
        network = found.network()
    except CheckpointError as error:
        raise error.located(checkpoint) from error
    size = size or found.size
    if max(size) > MAX_SIDE:
        raise OptionError(f"a side of {max(size)} pixels: {MAX_SIDE} at most")
    photos, failures = (draw_photos(size), ()) if index is None else read_photos(index, size)
    content = encode(network, size, metadata(found, size), opset=opset)
    check = compare(network, content, photos, are_synthetic=index is None)
    if not check.ok:
        raise OutputError(f"not written: its logits differ from PyTorch's by up to {check.difference:.2g}", path=out)
    files.write_new(out, content, overwrite)
    return Export(out, len(content), opset, size, check, failures)


def metadata(checkpoint: Checkpoint, size: tuple[int, int]) -> dict[str, str]:
    """Return what an ONNX file says of itself: texts, structured ones as JSON."""
    classes = checkpoint.classes
    rows = zip(classes.numbers, classes.names, classes.colors, strict=True)
    width, height = size
    return {
        "iddkit_version": __version__,
        "model": checkpoint.model,
        "label_map": classes.label_map,
        "level": classes.level,
        "classes": json.dumps([{"number": n, "name": name, "color": list(color)} for n, name, color in rows]),
        "mean": json.dumps(MEAN),
        "std": json.dumps(STD),
        "height": str(height),
        "width": str(width),
        "preprocess": f"RGB, resized to height {height} and width {width}, divided by 255, less mean, divided by std, "
        "as float32 (N, 3, height, width)",
        "postprocess": "the channel with the largest logit is the place of a pixel's class in 'classes'",
    }


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata of an exported file, JSON texts as their values.

    Raises
    ------
    OutputError
        It cannot be read, or is no ONNX file.
    """
    import onnx

    try:
        model = onnx.load_model_from_string(files.read_bytes(path, _MAX_BYTES))
    except AnnotationError as error:
        raise OutputError(error.problem, path=path) from error
    except Exception as error:  # protobuf's own, which differ from version to version
        raise OutputError("not an ONNX file, or a damaged one", path=path) from error
    structured = ("classes", "mean", "std")
    return {one.key: json.loads(one.value) if one.key in structured else one.value for one in model.metadata_props}


def encode(network: nn.Module, size: tuple[int, int], texts: dict[str, str], *, opset: int = OPSET) -> bytes:
    """Return the ONNX file of a network in evaluation mode, on the CPU.

    Parameters
    ----------
    network
        (N, 3, H, W) to (N, C, H, W).
    size
        Width and height.
    texts
        Its metadata.
    opset
        Version of the operators.
    """
    import onnx

    buffer = io.BytesIO()
    with _quiet():
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, size[1], size[0]),),
            buffer,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=opset,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "N"}, OUTPUT: {0: "N"}},
        )
    model = onnx.load_model_from_string(buffer.getvalue())
    model.producer_name, model.producer_version = "iddkit", __version__
    for node in model.graph.node:
        node.doc_string = ""  # where in the source files it came from
    onnx.helper.set_model_props(model, texts)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back that the exporter is the older one, and that what depends on an image's size is fixed."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
