"""How fast a network is on a device, one image at a time, in all and layer by layer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from iddkit.models.counting import count_layers, layers
from iddkit.runs import LayerTime, Speed
from iddkit.training.device import CPU, CUDA, MPS, describe_device, exact
from iddkit.training.recipe import BFLOAT16, FLOAT32

#: Passes before the first that counts: memory is allocated and kernels are chosen in them.
WARM_UP: Final = 3

#: A slow network is measured for about so many seconds, but so many times at least.
_ENOUGH_SECONDS: Final = 10.0
_LEAST: Final = 5


def measure_speed(
    network: nn.Module,
    size: tuple[int, int],
    device: str,
    precision: str = FLOAT32,
    repeats: int = 50,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Speed:
    """Measure forward passes of one image.

    All passes are timed whole, without anything that could slow them down; then as many are timed layer by layer. What
    the network does between its layers (padding, joining, cropping) is in none of them, so that they add up to a
    little less than the whole. On a GPU that is faster than the program that feeds it, each layer takes as long as the
    GPU worked on it, and the sum is less.

    It is computed as a prediction is (`iddkit.training.device.exact`). Memory is known on a GPU by CUDA alone: the most
    that PyTorch held there during a pass, weights among it. What a processor needs beside the weights cannot be told
    apart from all else that the program holds: None.

    Parameters
    ----------
    network
        Of the registry; it is moved to the device, and left there in the mode that it was in.
    size
        Width and height of the image.
    device
        ``cpu``, ``cuda``, ``mps``.
    precision
        ``float32`` or ``bfloat16`` (by autocast).
    repeats
        Passes, or less for a slow network.
    clock
        Seconds, for the time of passes.
    """
    network = network.to(device)
    was_training = network.training
    network.eval()
    noise = torch.randn(1, 3, size[1], size[0], generator=torch.Generator().manual_seed(0))
    image = noise.to(device).contiguous(memory_format=torch.channels_last)
    try:
        # Not every device knows autocast, so it is not asked for what is not wanted.
        short = torch.autocast(device, torch.bfloat16) if precision == BFLOAT16 else nullcontext()
        with torch.inference_mode(), exact(), short:

            def forward() -> None:
                network(image)
                _wait_for(device)

            whole = time_calls(forward, repeats, clock=clock)
            by_layer = _time_layers(network, forward, device, len(whole), clock)
            peak = _peak_bytes(forward) if device == CUDA else None
    finally:
        network.train(was_training)
    fastest, median, slowest = (float(value) for value in np.percentile(whole, (10, 50, 90)))
    threads = torch.get_num_threads() if device == CPU else 1
    return Speed(
        device=describe_device(device).removesuffix(f", {threads} threads"),
        threads=threads,
        precision=precision,
        size=size,
        milliseconds=median,
        fastest=fastest,
        slowest=slowest,
        peak_bytes=peak,
        layers=tuple(
            LayerTime(one.name, one.kind, one.shape, float(np.median(by_layer[one.name])), one.parameters, one.macs)
            for one in count_layers(network, size)
        ),
    )


def time_calls(
    call: Callable[[], object], repeats: int, *, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Return the milliseconds of each of some calls, after `WARM_UP` others.

    Of slow ones there are fewer: as many as take ten seconds, five at least.
    """
    for _ in range(WARM_UP):
        call()
    times: list[float] = []
    while len(times) < repeats and (len(times) < _LEAST or sum(times) < 1000 * _ENOUGH_SECONDS):
        begin = clock()
        call()
        times.append(1000 * (clock() - begin))
    return times


def _time_layers(
    network: nn.Module, forward: Callable[[], object], device: str, repeats: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Return the milliseconds of each layer in each of some passes, by its name."""
    found: dict[str, list[float]] = {name: [] for name, _ in layers(network)}
    with _marks(layers(network), device, clock) as marks:
        for _ in range(WARM_UP + repeats):
            marks.clear()
            forward()
            for name, (begin, end) in marks.items():
                elapsed = begin.elapsed_time(end) if device == CUDA else 1000 * (end - begin)
                found[name].append(elapsed)
    return {name: times[WARM_UP:] for name, times in found.items()}


@contextmanager
def _marks(
    stages: Sequence[tuple[str, nn.Module]], device: str, clock: Callable[[], float]
) -> Iterator[dict[str, tuple[Any, Any]]]:
    """Yield where the marks before and after each stage of a pass are found: times, or events of a GPU."""
    begun: dict[str, Any] = {}
    marks: dict[str, tuple[Any, Any]] = {}

    def mark() -> Any:
        if device == CUDA:
            # An event in the GPU's own queue, which does not hold it up.
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            return event
        _wait_for(device)
        return clock()

    def watch(name: str, stage: nn.Module) -> list[Any]:
        def before(*_: Any) -> None:
            begun[name] = mark()

        def after(*_: Any) -> None:
            marks[name] = (begun.pop(name), mark())

        return [stage.register_forward_pre_hook(before), stage.register_forward_hook(after)]

    hooks = [hook for name, stage in stages for hook in watch(name, stage)]
    try:
        yield marks
    finally:
        for hook in hooks:
            hook.remove()


def _peak_bytes(forward: Callable[[], object]) -> int:
    torch.cuda.reset_peak_memory_stats()
    forward()
    return int(torch.cuda.max_memory_allocated())


def _wait_for(device: str) -> None:
    if device == CUDA:
        torch.cuda.synchronize()
    elif device == MPS:
        torch.mps.synchronize()
