"""Which processor trains, in which precision, and what to do when its memory is too small."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import cv2
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from lightning_fabric.strategies.ddp import DDPStrategy

from iddkit.errors import OptionError, TrainingError
from iddkit.training.recipe import AUTO, BFLOAT16, FLOAT32

# In the words of PyTorch on Linux and Windows, of its GPUs, of cuDNN and cuBLAS, and of OpenCV.
_OUT_OF_MEMORY: Final = (
    "allocate memory",
    "not enough memory",
    "out of memory",
    "STATUS_ALLOC_FAILED",
    "Insufficient memory",
)

#: So long processes that train together wait for each other.
_PATIENCE: Final = timedelta(hours=6)

CPU, CUDA, MPS = DEVICES = ("cpu", "cuda", "mps")


def start(device: str = "auto", devices: int = 1, precision: str = AUTO) -> Fabric:
    """Return the devices that train, at work.

    Parameters
    ----------
    device
        ``auto``, ``cuda``, ``mps`` or ``cpu``.
    devices
        How many; with more than one, the command that runs is started again for each of the others.
    precision
        As in a recipe.

    Raises
    ------
    OptionError
        There are no such devices.
    """
    chosen = choose_device(device)
    if chosen == MPS and devices > 1:
        raise OptionError(f"{devices} Apple GPUs: PyTorch knows one")
    if chosen == CUDA and devices > torch.cuda.device_count():
        raise OptionError(f"{devices} GPUs: there are {torch.cuda.device_count()}")
    is_short = choose_precision(precision, chosen) == BFLOAT16
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it says what was asked for
    fabric = Fabric(
        accelerator=chosen,
        devices=devices,
        # The first process looks through the dataset and scores networks while the others wait.
        strategy=DDPStrategy(timeout=_PATIENCE) if devices > 1 else "auto",
        precision="bf16-mixed" if is_short else "32-true",
    )
    fabric.launch()
    if chosen == CUDA:
        torch.backends.cudnn.benchmark = True  # every batch has the same size
    return fabric


def precision_of(fabric: Fabric) -> str:
    """Return ``float32`` or ``bfloat16``, whichever was started with."""
    return BFLOAT16 if isinstance(fabric.strategy.precision, MixedPrecision) else FLOAT32


def choose_device(name: str = "auto") -> str:
    """Return the device of a name; ``auto`` is the first at hand of cuda, mps, cpu.

    Raises
    ------
    OptionError
        There is no such device here.
    """
    at_hand = [CPU]
    if torch.backends.mps.is_available():
        at_hand.insert(0, MPS)
    if torch.cuda.is_available():
        at_hand.insert(0, CUDA)
    if name == "auto":
        return at_hand[0]
    if name not in at_hand:
        raise OptionError(f"no device {name} here; there is {', '.join(at_hand)}")
    return name


def choose_precision(name: str, device: str) -> str:
    """Return ``float32`` or ``bfloat16``; ``auto`` is bfloat16 where the device computes in it, not through float32."""
    if name != AUTO:
        return name
    return BFLOAT16 if _computes_bfloat16(device) else FLOAT32


def _computes_bfloat16(device: str) -> bool:
    if device == CUDA:
        return torch.cuda.get_device_capability() >= (8, 0)  # Ampere
    if device == CPU:
        # Absent from older releases, which then train in float32.
        capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def describe_device(device: str) -> str:
    """Return the name of the processor or GPU, and how many threads PyTorch uses on a processor."""
    if device == CUDA:
        return torch.cuda.get_device_name()
    if device == MPS:
        return f"Apple GPU ({platform.processor() or platform.machine()})"
    return f"{_processor()}, {torch.get_num_threads()} threads"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown processor"


@contextmanager
def exact() -> Iterator[None]:
    """Compute float32 as float32, the same each time.

    On a GPU without TF32, whose products have 10 bits of mantissa, and with kernels of cuDNN that always add up in the
    same order.
    """
    products = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(products)


@contextmanager
def advice_on_memory(batch_size: int, advice: str | None = None) -> Iterator[None]:
    """Turn running out of memory into advice.

    Parameters
    ----------
    batch_size
        Of what ran.
    advice
        What to say; None for that of a training.

    Raises
    ------
    TrainingError
        Memory ran out.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(advice or _advice(batch_size)) from error
    except MemoryError as error:
        raise TrainingError(advice or _advice(batch_size)) from error
    except (RuntimeError, cv2.error) as error:
        if not any(words in str(error) for words in _OUT_OF_MEMORY):
            raise
        raise TrainingError(advice or _advice(batch_size)) from error


def _advice(batch_size: int) -> str:
    smaller = (
        f"--batch-size {batch_size // 2} halves what a step needs" if batch_size > 1 else "--size makes it smaller"
    )
    return f"too little memory for batches of {batch_size}: {smaller}; with --overwrite it begins anew"
