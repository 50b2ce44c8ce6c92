from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning_fabric", reason="lightning-fabric is not installed")

import torch
from torch import nn

from iddkit import models
from iddkit.models.counting import count_macs, count_parameters, layers
from iddkit.training import profile
from iddkit.training.profile import WARM_UP, measure_speed, time_calls

SIZE = (45, 29)


def network(name: str = "essnet-dg8") -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return models.build(name, 7)


class Clock:
    """A clock that moves on by a second whenever it is asked."""

    def __init__(self) -> None:
        self.ticks: Iterator[int] = count()

    def __call__(self) -> float:
        return float(next(self.ticks))


@pytest.mark.parametrize("name", ["essnet-dg8", "drn", "unet"])
def test_every_layer_is_timed_in_running_order(name: str) -> None:
    tested = network(name)
    speed = measure_speed(tested, SIZE, "cpu", repeats=2)
    assert [layer.name for layer in speed.layers] == [name for name, _ in layers(tested)]
    assert sum(layer.parameters for layer in speed.layers) == count_parameters(tested)
    assert sum(layer.macs for layer in speed.layers) == count_macs(tested, SIZE)
    assert all(layer.milliseconds > 0 for layer in speed.layers)
    assert 0 < speed.fastest <= speed.milliseconds <= speed.slowest
    assert (speed.size, speed.precision, speed.threads) == (SIZE, "float32", torch.get_num_threads())
    assert "threads" not in speed.device


def test_layers_add_up_to_the_whole_by_one_clock() -> None:
    # The clock moves once between two questions, so a pass has a second and each layer one, too.
    speed = measure_speed(network(), SIZE, "cpu", repeats=2, clock=Clock())
    assert speed.milliseconds == speed.fastest == speed.slowest == 1000
    assert {layer.milliseconds for layer in speed.layers} == {1000}


def test_what_is_between_layers_is_in_none_of_them() -> None:
    now = [0.0]
    tested = network()

    def slow(*_: object) -> None:
        now[0] += 0.25

    # While each layer works a quarter of a second passes, and half a second before the network begins.
    inner = [next(child for child in layer.modules() if not [*child.children()]) for _, layer in layers(tested)]
    for child in inner:
        child.register_forward_hook(slow)
    tested.register_forward_pre_hook(lambda *_: now.__setitem__(0, now[0] + 0.5))
    speed = measure_speed(tested, SIZE, "cpu", repeats=2, clock=lambda: now[0])
    assert sum(layer.milliseconds for layer in speed.layers) == pytest.approx(250 * len(inner))
    assert speed.milliseconds == pytest.approx(250 * len(inner) + 500)


def test_measuring_leaves_no_hook_and_no_mode_behind() -> None:
    tested = network().train()
    before = {name: value.clone() for name, value in tested.state_dict().items()}
    measure_speed(tested, SIZE, "cpu", repeats=1)
    assert tested.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in tested.modules())
    assert all(torch.equal(value, before[name]) for name, value in tested.state_dict().items())


def test_precision_is_that_of_the_layers() -> None:
    tested = network()
    seen = set()
    convolution = next(module for module in tested.modules() if isinstance(module, nn.Conv2d))
    convolution.register_forward_hook(lambda *at: seen.add(at[2].dtype))
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        seen.clear()
        assert measure_speed(tested, SIZE, "cpu", precision, repeats=1).precision == precision
        assert dtype in seen


def test_memory_is_told_where_the_device_knows_it_and_not_made_up() -> None:
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        tested = network()
        speed = measure_speed(tested, SIZE, device, repeats=2)
        if device == "cpu":
            assert speed.peak_bytes is None
        else:
            assert speed.peak_bytes is not None
            assert speed.peak_bytes > 4 * count_parameters(tested)
            assert speed.threads == 1


def test_calls_are_timed_after_a_warm_up() -> None:
    called: list[int] = []
    assert time_calls(lambda: called.append(1), 7, clock=Clock()) == [1000.0] * 7
    assert len(called) == WARM_UP + 7


def test_slow_calls_are_timed_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(time_calls(lambda: None, 50, clock=Clock())) == 10  # of a second each
    monkeypatch.setattr(profile, "_ENOUGH_SECONDS", 1.0)
    assert len(time_calls(lambda: None, 50, clock=Clock())) == 5
