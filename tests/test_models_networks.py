from __future__ import annotations

import subprocess
import sys

import pytest

from iddkit import models
from iddkit.errors import OptionError


def test_registry_loads_no_torch() -> None:
    code = "import sys, iddkit.models, iddkit.models.ledger, iddkit.cli.models; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_registry_has_the_networks_of_the_papers() -> None:
    variants = ("d", "dg2", "dg4", "dg8", "dg2s", "dg4s", "dg8s")
    essnets = [f"{family}-{variant}" for family in ("essneta", "essnetb", "essnet") for variant in variants]
    assert list(models.MODELS) == ["erfnet", "drn", "unet", *essnets]
    assert models.find("essneta-dg2s").title == "ESSNetA-DG2S"
    assert {name: model.groups for name, model in models.MODELS.items() if name.startswith("essnet-")} == {
        "essnet-d": 1,
        "essnet-dg2": 2,
        "essnet-dg4": 4,
        "essnet-dg8": 8,
        "essnet-dg2s": 2,
        "essnet-dg4s": 4,
        "essnet-dg8s": 8,
    }


def test_a_network_is_found_by_its_name_its_title_and_its_aliases() -> None:
    for model in models.MODELS.values():
        for name in (model.name, model.title, *model.aliases):
            assert models.find(name) is model
            assert models.find(name.upper()) is model


def test_an_unknown_network_names_the_nearest() -> None:
    with pytest.raises(OptionError, match="no network 'erfnt'; the nearest known one is erfnet"):
        models.find("erfnt")
    with pytest.raises(OptionError, match="the nearest known one is drn-d-22"):
        models.find("drn-d-21")


torch = pytest.importorskip("torch", reason="torch is not installed")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from iddkit.models.counting import layers  # noqa: E402
from iddkit.models.encoder_decoder import EncoderDecoder  # noqa: E402
from iddkit.models.essnet_blocks import DepthwiseBlock, LightUpsampler, Shuffle  # noqa: E402
from iddkit.models.sizes import crop, pad_to_least, pad_to_multiple  # noqa: E402

ARCHITECTURES = ("erfnet", "drn", "unet", "essneta-dg2", "essnetb-d", "essnet-dg4s")


@pytest.mark.parametrize("name", models.MODELS)
def test_every_network_gives_logits_of_the_size_of_the_image(name: str) -> None:
    network = models.build(name, 3).eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 17, 30)).shape == (2, 3, 17, 30)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_any_size_goes_in_and_comes_out(name: str) -> None:
    network = models.build(name, 7).eval()
    for height, width in ((227, 320), (1, 1), (7, 64), (8, 8), (9, 3), (15, 33)):
        with torch.no_grad():
            logits = network(torch.randn(1, 3, height, width))
        assert logits.shape == (1, 7, height, width)
        assert logits.isfinite().all()


@pytest.mark.parametrize("name", ["erfnet", "essnet-dg2"])
def test_padding_stands_at_the_bottom_and_right_and_is_zero(name: str) -> None:
    network = models.build(name, 3).eval()
    x = torch.randn(1, 3, 11, 18)
    padded = torch.zeros(1, 3, 16, 24)
    padded[:, :, :11, :18] = x
    with torch.no_grad():
        assert torch.equal(network(x), network(padded)[:, :, :11, :18])


def test_sizes_are_padded_no_more_than_needed() -> None:
    x = torch.randn(1, 3, 8, 5)
    assert pad_to_multiple(x, 8).shape == (1, 3, 8, 8)
    assert pad_to_least(x, 8).shape == (1, 3, 8, 8)
    assert pad_to_least(torch.zeros(1, 3, 9, 11), 8).shape == (1, 3, 9, 11)
    assert torch.equal(crop(pad_to_multiple(x, 8), x), x)


@pytest.mark.parametrize("name", [*ARCHITECTURES, "essnetb-dg8s"])
def test_steps_on_one_batch_bring_its_loss_down(name: str) -> None:
    torch.manual_seed(0)
    gradual = models.find(name).groups > 1
    network = models.build(name, 3, gradual=gradual).train()
    x = torch.randn(2, 3, 16, 24)
    truth = (x[:, 0] > 0).long()
    before = {path: parameter.detach().clone() for path, parameter in network.named_parameters()}
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(4):
        loss = functional.cross_entropy(network(x), truth)
        changing = [parameter for parameter in network.parameters() if parameter.requires_grad]
        for parameter, gradient in zip(changing, torch.autograd.grad(loss, changing), strict=True):
            parameter.grad = gradient
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    for path, parameter in network.named_parameters():
        # Batch normalisation subtracts what a bias before it adds: that may stand still, but for rounding.
        if parameter.dim() > 1:
            assert torch.equal(parameter, before[path]) != parameter.requires_grad, path


@pytest.mark.parametrize("name", ["erfnet", "essneta-d", "essnet-dg2s"])
def test_an_encoder_has_logits_of_its_own_at_an_eighth(name: str) -> None:
    network = models.build(name, 5, head=True).eval()
    assert isinstance(network, EncoderDecoder)
    with torch.no_grad():
        assert network.encode(torch.zeros(1, 3, 17, 32)).shape == (1, 5, 3, 4)
    assert models.find(name).two_phase
    network.head = None
    with pytest.raises(RuntimeError, match="without a head"):
        network.encode(torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize("name", ["drn", "drn-d-22", "unet"])
def test_networks_without_an_encoder_have_no_head_for_it(name: str) -> None:
    assert not models.find(name).two_phase
    with pytest.raises(OptionError, match="no encoder that can be trained alone"):
        models.build(name, 5, head=True)
    models.build(name, 5, head=False)


def test_essnets_differ_where_the_papers_say() -> None:
    def kinds(name: str) -> str:
        letters = {"NonBottleneck1D": "N", "DepthwiseBlock": "D", "Downsampler": "v", "Upsampler": "^"}
        return "".join(letters.get(type(module).__name__, "-") for _, module in layers(models.build(name, 2)))

    assert kinds("erfnet") == "vvNNNNNvNNNNNNNN^NN^NN-"
    assert kinds("essneta-dg2") == "vvNNNDDvNNNNDDDD^NN^NN-"
    assert kinds("essnetb-dg2") == "vvDDDDDvDDDDDDDD^NN^NN-"
    assert kinds("essnet-dg2") == "vvDDDDDvDDDDDDDD-DD-DD-"
    for name in ("essnetb-dg8s", "essnet-dg8s"):
        blocks = [module for _, module in layers(models.build(name, 2)) if isinstance(module, DepthwiseBlock)]
        assert [block.depthwise_2.dilation[0] for block in blocks[5:13]] == [2, 4, 8, 16, 2, 4, 8, 16]
        assert [block.pointwise_1.groups for block in blocks] == [8] * 13 + [1] * (len(blocks) - 13)
        assert [isinstance(block.shuffle, Shuffle) for block in blocks] == [True] * 13 + [False] * (len(blocks) - 13)


@pytest.mark.parametrize("memory", ["contiguous_format", "channels_last"])
def test_shuffle_deals_channels_out_and_keeps_the_memory_format(memory: str) -> None:
    memory_format = getattr(torch, memory)
    x = torch.arange(2 * 12 * 3 * 5, dtype=torch.float32).reshape(2, 12, 3, 5).contiguous(memory_format=memory_format)
    for groups in (2, 3, 4):
        shuffled = Shuffle(groups)(x)
        assert torch.equal(shuffled, nn.ChannelShuffle(groups)(x))
        assert shuffled.is_contiguous(memory_format=memory_format)


def test_a_block_is_its_input_plus_something() -> None:
    block = DepthwiseBlock(8, dropout=0.5, dilation=2, groups=4, shuffle=True).eval()
    nn.init.zeros_(block.norm_2.weight)
    x = torch.rand(1, 8, 6, 6)
    assert torch.equal(block(x), x)


def test_light_upsampling_is_the_same_with_the_convolution_last() -> None:
    torch.manual_seed(0)
    block = LightUpsampler(6, 4).double().eval()
    x = torch.randn(1, 6, 5, 7, dtype=torch.float64)
    larger = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    expected = functional.relu(block.norm(block.convolution(larger)))
    torch.testing.assert_close(block(x), expected, rtol=0, atol=1e-12)


def test_drn_enlarges_by_bilinear_weights_that_stay() -> None:
    network = models.build("drn", 3)
    x = torch.randn(1, 3, 5, 6)
    with torch.no_grad():
        found = network.get_submodule("enlarge")(x)
    expected = functional.interpolate(x, scale_factor=8, mode="bilinear", align_corners=False)
    inner = (..., slice(4, -4), slice(4, -4))  # at the edge the deconvolution fades out, interpolation repeats
    torch.testing.assert_close(found[inner], expected[inner])
    assert [p.requires_grad for p in network.get_submodule("enlarge").parameters()] == [False]


@pytest.mark.parametrize("name", ["drn", "unet"])
def test_weights_begin_as_he_normal_by_fan_out(name: str) -> None:
    torch.manual_seed(0)
    network = models.build(name, 3)
    head = network.get_submodule("head")
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module is not head and module.weight.numel() > 5000:
            fan_out = module.weight.numel() / module.in_channels
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_fresh_networks_begin_near_the_loss_of_a_guess(name: str) -> None:
    torch.manual_seed(0)
    network = models.build(name, 7).train()
    with torch.no_grad():
        loss = functional.cross_entropy(network(torch.randn(2, 3, 32, 32)), torch.randint(0, 7, (2, 32, 32)))
    assert 1.5 < loss.item() < 3  # ln 7 is 1.95


def test_same_seed_gives_the_same_weights() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(models.build("essnet-dg2s", 3).state_dict())
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
