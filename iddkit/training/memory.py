"""How much memory there is, and how much of it a training held."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

import psutil
import torch

from iddkit.training.device import CUDA

#: Where Linux says what a container may take, and what a process held.
_GROUP: Final = Path("/sys/fs/cgroup")
_PROCESS: Final = Path("/proc/self")

#: Written to ``clear_refs``, this lets the peak of resident memory begin anew (proc(5)).
_RESET_PEAK: Final = "5"


def available_memory() -> int:
    """Return how many bytes of memory can be taken: of the machine, or of the control group (Linux) if that is less."""
    available = int(psutil.virtual_memory().available)
    try:
        limit, used = ((_GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return min(available, int(limit) - int(used))
    except (OSError, ValueError):  # no such group, or one without a limit: "max"
        return available


def reset_peak(device: str) -> None:
    """Let the peak that `peak_memory` returns begin now, where the system can do that."""
    if device == CUDA:
        torch.cuda.reset_peak_memory_stats()
    elif platform.system() == "Linux":
        try:
            (_PROCESS / "clear_refs").write_text(_RESET_PEAK)
        except OSError:  # not allowed here: the peak is that of the whole process
            return


def peak_memory(device: str) -> int | None:
    """Return the most bytes that were held since `reset_peak`: of the GPU's memory, else resident, of this process.

    None where the system cannot tell it of a part of a process's life (everywhere but on Linux and CUDA).
    """
    if device == CUDA:
        return int(torch.cuda.max_memory_allocated())
    try:
        for line in (_PROCESS / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    return None
