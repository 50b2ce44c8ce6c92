from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch import nn  # noqa: E402

from iddkit import models  # noqa: E402
from iddkit.models.counting import count_layers, count_macs, count_parameters, layers  # noqa: E402

CLASSES = (7, 8, 19, 20, 26)

# Parameters of the built networks for these numbers of classes: without, then with the encoder's own head.
PARAMETERS = {
    "erfnet": (
        (2063411, 2063476, 2064191, 2064256, 2064646),
        (2064314, 2064508, 2066642, 2066836, 2068000),
    ),
    "essnetb-d": ((572083, 572148, 572863, 572928, 573318), (572986, 573180, 575314, 575508, 576672)),
    "essnetb-dg2": ((420531, 420596, 421311, 421376, 421766), (421434, 421628, 423762, 423956, 425120)),
    "essnetb-dg4": ((344755, 344820, 345535, 345600, 345990), (345658, 345852, 347986, 348180, 349344)),
    "essnetb-dg8": ((306867, 306932, 307647, 307712, 308102), (307770, 307964, 310098, 310292, 311456)),
    "essneta-d": (
        (1337651, 1337716, 1338431, 1338496, 1338886),
        (1338554, 1338748, 1340882, 1341076, 1342240),
    ),
    "essneta-dg2": (
        (1263923, 1263988, 1264703, 1264768, 1265158),
        (1264826, 1265020, 1267154, 1267348, 1268512),
    ),
    "essneta-dg4": (
        (1227059, 1227124, 1227839, 1227904, 1228294),
        (1227962, 1228156, 1230290, 1230484, 1231648),
    ),
    "essneta-dg8": (
        (1208627, 1208692, 1209407, 1209472, 1209862),
        (1209530, 1209724, 1211858, 1212052, 1213216),
    ),
    "essnet-d": ((414195, 414260, 414975, 415040, 415430), (415098, 415292, 417426, 417620, 418784)),
    "essnet-dg2": ((262643, 262708, 263423, 263488, 263878), (263546, 263740, 265874, 266068, 267232)),
    "essnet-dg4": ((186867, 186932, 187647, 187712, 188102), (187770, 187964, 190098, 190292, 191456)),
}

# Multiply-adds in units of 1e9: width 1024, height 512 with 20 classes; 256 x 128 and 320 x 224 with 7.
GMACS = {
    "erfnet": (26.612728, 1.656480, 3.623549),
    "essnetb-d": (9.504162, 0.587194, 1.284488),
    "essnetb-dg2": (7.759331, 0.478142, 1.045937),
    "essnetb-dg4": (6.886916, 0.423617, 0.926661),
    "essnetb-dg8": (6.450708, 0.396354, 0.867023),
    "essneta-d": (18.710659, 1.162600, 2.543188),
    "essneta-dg2": (17.905353, 1.112269, 2.433088),
    "essneta-dg4": (17.502700, 1.087103, 2.378038),
    "essneta-dg8": (17.301373, 1.074520, 2.350513),
    "essnet-d": (5.494407, 0.336585, 0.736279),
    "essnet-dg2": (3.749577, 0.227533, 0.497728),
    "essnet-dg4": (2.877161, 0.173007, 0.378452),
}


def without_memory(name: str, classes: int, *, head: bool = False) -> nn.Module:
    with torch.device("meta"):
        return models.build(name, classes, head=head)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_of_the_described_network(name: str) -> None:
    for head in (False, True):
        found = tuple(count_parameters(without_memory(name, classes, head=head)) for classes in CLASSES)
        assert found == PARAMETERS[name][head]


@pytest.mark.parametrize("name", GMACS)
def test_multiply_adds_are_those_of_the_described_network(name: str) -> None:
    seven = without_memory(name, 7)
    found = (
        count_macs(without_memory(name, 20), (1024, 512)),
        count_macs(seven, (256, 128)),
        count_macs(seven, (320, 224)),
    )
    assert [macs / 1e9 for macs in found] == pytest.approx(GMACS[name], abs=1e-6)


def test_shuffling_channels_costs_nothing() -> None:
    for name in ("essneta-dg2", "essnetb-dg4", "essnet-dg8"):
        shuffled, plain = without_memory(f"{name}s", 7), without_memory(name, 7)
        assert count_parameters(shuffled) == count_parameters(plain)
        assert count_macs(shuffled, (64, 32)) == count_macs(plain, (64, 32))


@pytest.mark.parametrize("family", ["essnet", "essnetb"])
def test_groups_divide_the_weights_of_the_encoders_1x1_convolutions(family: str) -> None:
    dense = count_parameters(without_memory(f"{family}-d", 7))
    for groups in (2, 4, 8):
        grouped = count_parameters(without_memory(f"{family}-dg{groups}", 7))
        assert dense - grouped == 303104 - 303104 // groups


def test_drn_has_the_published_parameters_some_of_them_fixed() -> None:
    found = {classes: without_memory("drn", classes) for classes in CLASSES}
    assert [count_parameters(n) for n in found.values()] == [15886135, 15886904, 15895363, 15896132, 15900746]
    assert [count_parameters(n, trainable=True) for n in found.values()] == [
        15884343,
        15884856,
        15890499,
        15891012,
        15894090,
    ]
    macs = [count_macs(found[7], size) / 1e9 for size in ((256, 128), (320, 224), (1024, 512))]
    assert macs == pytest.approx([8.5146, 18.6256, 136.2331], abs=5e-5)
    assert count_macs(found[7], (256, 128)) == 8514568192


def test_unet_has_the_published_parameters_and_its_own_multiply_adds() -> None:
    assert [count_parameters(without_memory("unet", classes)) for classes in (7, 8)] == [7786119, 7786184]
    macs = [count_macs(without_memory("unet", 7), size) / 1e9 for size in ((256, 128), (320, 227))]
    assert macs == pytest.approx([21.2106, 46.7070], abs=5e-5)
    assert count_macs(without_memory("unet", 7), (256, 128)) == 21210595328


def test_transposed_convolutions_can_be_counted_at_their_output() -> None:
    network = without_memory("erfnet", 20)
    assert count_macs(network, (1024, 512), transposed="output") / 1e9 == pytest.approx(29.833953, abs=1e-6)
    # Three in four of those multiply-adds are not done: 73728 and 9216 weights of upsamplers, 1280 of the last layer.
    more = 3 * (73728 * 8192 + 9216 * 32768 + 1280 * 131072)
    assert count_macs(network, (1024, 512), transposed="output") - count_macs(network, (1024, 512)) == more


def test_padding_that_a_network_adds_is_counted() -> None:
    network = without_memory("erfnet", 7)
    assert count_macs(network, (320, 227)) == count_macs(network, (320, 232)) > count_macs(network, (320, 224))


def test_counting_leaves_a_network_as_it_is() -> None:
    torch.manual_seed(1)
    network = models.build("essnet-dg4", 7).train()
    state = {key: value.clone() for key, value in network.state_dict().items()}
    count_layers(network, (32, 16))
    assert network.training
    assert all(value.device.type == "cpu" for value in network.state_dict().values())
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize("name", ["erfnet", "essneta-dg2", "essnet-dg4s", "drn", "unet"])
def test_layers_add_up_to_the_network(name: str) -> None:
    network = without_memory(name, 7)
    found = count_layers(network, (52, 36))
    assert sum(layer.macs for layer in found) == count_macs(network, (52, 36))
    assert sum(layer.parameters for layer in found) == count_parameters(network)
    assert [layer.name for layer in found] == [name for name, _ in layers(network)]
    modules = dict(network.named_modules())
    assert all(modules[name] is module for name, module in layers(network))


@pytest.mark.parametrize("name", ["erfnet", "essnet-dg4s", "drn", "unet"])
def test_layers_run_once_each_in_their_order(name: str) -> None:
    network = models.build(name, 3).eval()
    ran: list[str] = []
    for layer, module in layers(network):
        module.register_forward_hook(lambda *_, layer=layer: ran.append(layer))
    with torch.no_grad():
        network(torch.zeros(1, 3, 17, 9))
    assert ran == [layer for layer, _ in layers(network)]


def test_layers_of_erfnet_are_the_23_of_its_table() -> None:
    found = count_layers(without_memory("erfnet", 7), (256, 128))
    assert len(found) == 23
    assert (found[0].name, found[0].kind, found[0].shape) == ("encoder.0", "Downsampler", (16, 64, 128))
    assert (found[15].kind, found[15].shape, found[15].parameters) == ("NonBottleneck1D", (128, 16, 32), 197632)
    last = found[-1]
    assert (last.name, last.kind, last.shape) == ("decoder.6", "ConvTranspose2d", (7, 128, 256))
    assert (last.parameters, last.macs) == (4 * 16 * 7 + 7, 4 * 16 * 7 * 64 * 128)


def test_an_encoders_own_head_is_no_layer() -> None:
    with_head, without = (count_layers(without_memory("erfnet", 7, head=head), (64, 32)) for head in (True, False))
    assert with_head == without
