from __future__ import annotations

import os
import signal
import threading

import cv2
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning_fabric", reason="Lightning Fabric is not installed")

from iddkit.errors import OptionError, TrainingError  # noqa: E402
from iddkit.training import device  # noqa: E402
from iddkit.training.device import (  # noqa: E402
    advice_on_memory,
    choose_device,
    choose_precision,
    describe_device,
    exact,
    precision_of,
    start,
)
from iddkit.training.interruption import stopped_by_signals  # noqa: E402


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_the_processor_is_chosen_and_a_gpu_that_is_asked_for_refused() -> None:
    assert choose_device() == choose_device("cpu") == "cpu"
    for name in ("cuda", "mps"):
        with pytest.raises(OptionError, match=f"no device {name} here; there is cpu"):
            start(name)


def test_the_first_of_cuda_mps_and_cpu_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device() == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (choose_device(), choose_device("mps"), choose_device("cpu")) == ("cuda", "mps", "cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(OptionError, match="2 GPUs: there are 1"):
        start("cuda", 2)


def test_auto_is_bfloat16_where_the_processor_computes_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for capabilities, expected in (({}, "float32"), ({"amx_bf16": True}, "bfloat16"), ({"avx512_bf16": 1}, "bfloat16")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        assert choose_precision("auto", "cpu") == expected
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    assert choose_precision("auto", "cuda") == "float32"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (8, 0))
    assert choose_precision("auto", "cuda") == "bfloat16"
    assert choose_precision("auto", "mps") == "float32"
    assert choose_precision("float32", "cuda") == "float32"


def test_devices_start_in_the_precision_asked_for() -> None:
    for precision in ("float32", "bfloat16"):
        fabric = start("cpu", precision=precision)
        assert (precision_of(fabric), fabric.device.type, fabric.world_size) == (precision, "cpu", 1)


def test_a_processor_has_a_name_and_this_process_some_memory() -> None:
    assert describe_device("cpu").endswith(f", {torch.get_num_threads()} threads")
    assert len(describe_device("cpu").partition(",")[0]) > 2


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate"
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        MemoryError(),
        cv2.error("OpenCV: (-4:Insufficient memory) Failed to allocate 8 bytes in function 'OutOfMemoryError'"),
    ],
)
def test_too_little_memory_is_advice(error: Exception) -> None:
    with pytest.raises(TrainingError) as caught, advice_on_memory(8):
        raise error
    assert "too little memory for batches of 8: --batch-size 4 halves" in str(caught.value)
    assert caught.value.__cause__ is error
    with pytest.raises(TrainingError, match="--size makes it smaller"), advice_on_memory(1):
        raise error


def test_memory_that_the_processor_does_not_have_is_advice() -> None:
    with pytest.raises(TrainingError, match="too little memory"), advice_on_memory(2):
        torch.empty(2**50)


def test_other_errors_stay_what_they_are() -> None:
    for error in (RuntimeError("shapes do not match"), ValueError("memory"), cv2.error("wrong shape")):
        with pytest.raises(type(error)) as caught, advice_on_memory(8):
            raise error
        assert caught.value is error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_event_and_a_second_one_breaks_off(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stopped_by_signals() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        assert stop.wait(5)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_signals_are_given_back_after_an_error_and_left_alone_in_other_threads() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyError), stopped_by_signals():
        raise KeyError
    assert signal.getsignal(signal.SIGINT) is before
    seen = []

    def look() -> None:
        with stopped_by_signals():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
    assert device.CPU == "cpu"


def test_what_is_computed_exactly_is_so_inside_alone() -> None:
    def settings() -> tuple[object, ...]:
        cudnn = torch.backends.cudnn
        return torch.get_float32_matmul_precision(), cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark

    before = settings()
    torch.set_float32_matmul_precision("high")
    try:
        changed = settings()
        with exact():
            assert settings() == ("highest", False, True, False)
        assert settings() == changed
    finally:
        torch.set_float32_matmul_precision("highest")
    assert settings() == before
