"""The networks of super-resolution, and how they are trained."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from imgen.catalog import find_card
from imgen.drawing import scenes
from imgen.functional.losses import gram, texture_loss
from imgen.functional.metrics import luma
from imgen.functional.resample import enlarged
from imgen.functional.tiles import tiled
from imgen.models import edge_directed, layers
from imgen.models.critic import PatchCritic
from imgen.models.enhancenet import EnhanceNet
from imgen.models.espcn import ESPCN
from imgen.models.features import VGG
from imgen.models.layers import ConvAfterShuffle
from imgen.models.light import Light, LightUNet
from imgen.models.srcnn import SRCNN
from imgen.models.srdensenet import SRDenseNet
from imgen.models.srresnet import SRResNet
from imgen.models.tiny_gan import consistent
from imgen.models.vdsr import VDSR
from imgen.training import muon
from imgen.training.degrade import as_from_a_phone, jpeg, phones
from imgen.training.drawn import figures
from imgen.training.expand import contracted, expand
from imgen.training.muon import Muon
from imgen.training.regression import Upscale
from imgen.training.runs import borrow
from imgen.training.sharpening import Sharpen
from imgen.training.steps import update

NETS = {
    "srcnn_x3": lambda: SRCNN(3), "vdsr_x4": lambda: VDSR(4, depth=6, width=8), "espcn_x2": lambda: ESPCN(2),
    "srdensenet_x4": lambda: SRDenseNet(4, blocks=2, layers=3, growth=4, width=8),
    "srresnet_x4": lambda: SRResNet(blocks=2, width=8), "enhancenet_x4": lambda: EnhanceNet(blocks=2, width=8),
    "light_x3": lambda: Light(3, blocks=2, width=8), "light_unet_x4": lambda: LightUNet(4, blocks=2, width=8),
}
EACH = pytest.mark.parametrize("make", NETS.values(), ids=NETS)


def livelier(net):
    """Every weight as strong as another: a net at its start hardly does anything, and would hide mistakes."""
    for parameter in net.parameters():
        if parameter.dim() == 4:
            nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    return net.requires_grad_(False).eval()


@EACH
def test_tiles_equal_the_whole(make):
    torch.manual_seed(0)
    net = livelier(make()).to(memory_format=torch.channels_last)
    x = torch.rand(1, net.channels, 90, 70)
    whole = net(x)
    together = torch.empty_like(whole)

    def store(rows, columns, y):
        together[..., rows, columns] = y

    list(tiled(net, x, store, tile=64, overlap=net.receptive_radius, scale=net.scale, grid=getattr(net, "grid", 1)))
    assert (together - whole).abs().max() <= 1e-6 * whole.abs().max()


@EACH
def test_a_result_depends_on_no_pixel_beyond_the_field(make):
    torch.manual_seed(0)
    net = livelier(make()).double()
    side = 2 * net.receptive_radius + 5
    x = torch.rand(1, net.channels, side, side, dtype=torch.float64, requires_grad=True)
    middle = (net.receptive_radius + 2) * net.scale
    net(x)[..., middle, middle].sum().backward()
    reached = x.grad.abs().sum((0, 1)).nonzero()
    assert (reached - (net.receptive_radius + 2)).abs().max() <= net.receptive_radius


BANDED = ("srcnn_x3", "vdsr_x4", "srresnet_x4", "enhancenet_x4")


@pytest.mark.parametrize("name", BANDED)
@pytest.mark.parametrize("rows", [1, 5, 16])
def test_bands_leave_no_seam_and_nothing_of_the_whole_size_comes_in_between(name, rows, monkeypatch):
    torch.manual_seed(0)
    net, x = livelier(NETS[name]()).double(), torch.rand(1, NETS[name]().channels, 33, 21, dtype=torch.float64)
    whole, sizes = net(x), []  # where gradients are wanted there are no bands
    for conv in (one for one in net.modules() if isinstance(one, nn.Conv2d)):
        conv.register_forward_hook(lambda _, given, made: sizes.append(made.shape[1] * made.shape[2] * made.shape[3]))
    net(x)
    largest = max(sizes)
    sizes.clear()
    monkeypatch.setattr(layers, "LEAST", 0)
    monkeypatch.setattr(layers, "BAND", rows * 21 * net.scale**2)
    with torch.inference_mode():
        torch.testing.assert_close(net(x), whole, rtol=0, atol=1e-9)
    assert max(sizes) <= largest * (rows + 2 * 8) / 33  # none looks further than 8 rows


@pytest.mark.parametrize("pixels", [1, 60, 200])
def test_edges_are_followed_in_bands_without_a_seam(pixels, monkeypatch):
    torch.manual_seed(0)
    x = F.avg_pool2d(torch.rand(1, 3, 26, 33, dtype=torch.float64), 3, stride=1)
    whole = edge_directed.EdgeDirected()(x)
    monkeypatch.setattr(edge_directed, "BAND", pixels)
    torch.testing.assert_close(edge_directed.EdgeDirected()(x), whole, rtol=0, atol=1e-6)


@EACH
def test_a_net_that_found_nothing_interpolates(make):
    """They all add detail to the same bicubic picture."""
    net = make().requires_grad_(False)
    for parameter in net.parameters():
        parameter.zero_()
    x = torch.rand(1, net.channels, 9, 11)
    torch.testing.assert_close(net(x), enlarged(x, "bicubic", net.scale))


@EACH
def test_in_bfloat16_the_picture_keeps_its_grey_levels(make):
    net = make().bfloat16().requires_grad_(False)
    y = net(torch.linspace(0, 1, 40 * 40).reshape(1, 1, 40, 40).expand(1, net.channels, 40, 40).contiguous())
    assert y.dtype == torch.float32 and len(y.unique()) > 1000


@pytest.mark.parametrize("size, factor", [(9, 2), (3, 2), (5, 3)])
def test_a_convolution_before_the_shuffle_equals_one_after(size, factor):
    torch.manual_seed(0)
    conv, x = ConvAfterShuffle(5, 3, size, factor).double(), torch.randn(2, 5 * factor**2, 7, 9).double()
    wanted = F.conv2d(F.pixel_shuffle(x, factor), conv.weight, conv.bias, padding=size // 2)
    torch.testing.assert_close(conv(x), wanted)


# -- training --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: Light(2, blocks=1, width=8), lambda: ESPCN(2)], ids=["3x3", "5x5 and 3x3"])
def test_expanded_convolutions_do_the_same_and_can_be_written_down_again(make):
    torch.manual_seed(0)
    net, plain = make(), make()
    x = torch.rand(1, net.channels, 8, 8)
    before = net(x)
    expand(net)
    torch.testing.assert_close(net(x), before)
    net(x).square().mean().backward()
    grown = [name for name, p in net.named_parameters() if "parametrizations" in name and p.grad.abs().sum() > 0]
    assert len(grown) == 5 * len([m for m in net.modules() if isinstance(m, nn.Conv2d) and m.kernel_size > (1, 1)])
    plain.load_state_dict(contracted(net), strict=True)
    torch.testing.assert_close(plain(x), before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_muon_keeps_the_directions_of_a_matrix_and_evens_out_their_lengths(dtype, monkeypatch):
    """Against the singular value decomposition: U·Vᵀ, but for singular values about 1."""
    monkeypatch.setattr(muon, "fast_dtype", lambda device: dtype)
    for shape in ((16, 40), (40, 16)):
        u, _, v = torch.linalg.svd(torch.randn(shape, generator=torch.Generator().manual_seed(0)), full_matrices=False)
        lengths = torch.linspace(1, 0.05, 16)
        found = muon.orthogonal(u * lengths @ v)
        inner = u.T @ found.float() @ v.T
        assert found.dtype == dtype and found.shape == shape
        assert inner.diagonal().min() > 0.65 and inner.diagonal().max() < 1.25
        assert (inner - inner.diagonal().diag()).abs().max() < (1e-5 if dtype == torch.float32 else 0.1)


def test_hidden_kernels_move_as_matrices_by_muon_and_the_rest_by_adam(monkeypatch):
    """Against PyTorch's own Muon, which takes matrices and multiplies them in bfloat16 on any machine, and its Adam."""
    monkeypatch.setattr(muon, "fast_dtype", lambda device: torch.bfloat16)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 32, 3), nn.Conv2d(32, 16, 1)).to(memory_format=torch.channels_last)
    twin = copy.deepcopy(net)
    matrices = [nn.Parameter(conv.weight.detach().clone().flatten(1)) for conv in twin[1:]]
    rest = [twin[0].weight, *(conv.bias for conv in twin)]
    ours = Muon(net)
    theirs = [
        torch.optim.Muon(matrices, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"), torch.optim.Adam(rest, betas=(0.9, 0.99)),
    ]
    for group in (group for optimizer in (ours, *theirs) for group in optimizer.param_groups):
        group["lr"] = 0.01
    for _ in range(3):
        update(ours, net(torch.rand(2, 3, 8, 8)).square().mean())
        for mine, other in zip(net.parameters(), twin.parameters(), strict=True):
            other.grad = mine.grad
        for matrix, conv in zip(matrices, net[1:], strict=True):
            matrix.grad = conv.weight.grad.flatten(1)
        for optimizer in theirs:
            optimizer.step()
    for matrix, conv, start in zip(matrices, net[1:], twin[1:], strict=True):
        moved, wanted = ((end - start.weight).detach().flatten() for end in (conv.weight, matrix.view(conv.weight.shape)))
        assert F.cosine_similarity(moved, wanted, dim=0) > 0.99  # rounded elsewhere
        assert moved.norm() / wanted.norm() == pytest.approx(1, abs=0.01)
    for mine, other in zip([net[0].weight, *(conv.bias for conv in net)], rest, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("prepare", [lambda net: net, expand])
def test_a_run_can_start_from_another_scale(prepare):
    torch.manual_seed(0)
    old, new = Light(3, blocks=1, width=8), prepare(Light(4, blocks=1, width=8))
    last = contracted(new)["up.0.weight"].clone()
    borrow(new, old.state_dict())
    state = contracted(new)
    for name in ("head.weight", "blocks.0.convs.1.weight", "fuse.weight", "fuse.bias"):
        torch.testing.assert_close(state[name], old.state_dict()[name])
    torch.testing.assert_close(state["up.0.weight"], last)


def test_lr_and_hr_are_cut_and_turned_alike():
    """Each LR pixel is a picture's own number, and so are the HR pixels above it."""
    lr = torch.arange(12 * 12, dtype=torch.uint8).reshape(1, 1, 12, 12).expand(6, 3, 12, 12)
    hr = lr.repeat_interleave(2, 2).repeat_interleave(2, 3)
    recipe = Upscale(Light(2, blocks=1, width=8), lr, hr, device="cpu", batch=2, side=5)
    seen = set()
    for _ in range(20):
        a, b = recipe.pair()
        assert a.shape == (2, 3, 5, 5) and torch.equal(a.repeat_interleave(2, 2).repeat_interleave(2, 3), b)
        seen.add((a[0, 0, 0, 0].item(), a[0, 0, 0, 1].item()))
    assert len(seen) > 10


def test_what_is_spoiled_still_lies_where_the_truth_does():
    """And JPEG's blocks begin anywhere: a mark on the first pixel of what is spoiled is seldom in the corner of a crop."""
    torch.manual_seed(1)
    lr = torch.arange(24 * 24).reshape(1, 1, 24, 24).expand(6, 3, 24, 24) % 251
    hr, marked = lr.byte().repeat_interleave(2, 2).repeat_interleave(2, 3), []

    def spoil(x, scale):
        small = x[..., ::scale, ::scale].clone()
        small[..., 0, 0] = 255
        return small

    recipe = Upscale(Light(2, blocks=1, width=8), lr.byte(), hr, device="cpu", batch=2, side=10, spoil=spoil)
    for _ in range(400):
        a, b = recipe.pair()
        where = a == 1
        marked.append(where.any().item())
        assert a.shape[3] == 10 and torch.equal(a.masked_fill(where, 0), b[..., ::2, ::2].masked_fill(where, 0))
    assert 0 < sum(marked) < 40


def test_luminance_nets_are_trained_on_luminance():
    lr = torch.randint(0, 255, (6, 3, 12, 12), dtype=torch.uint8)
    recipe = Upscale(SRCNN(2), lr, lr.repeat_interleave(2, 2).repeat_interleave(2, 3), device="cpu", batch=2, side=12)
    y = luma(lr.float() / 255)
    assert recipe.pair()[0].amax() <= y.amax() and recipe.pair()[0].shape == (2, 1, 12, 12)


def test_textures_are_compared_patch_by_patch():
    """Two halves changed places: the same textures in the whole picture, the wrong ones in each patch."""
    torch.manual_seed(0)
    x = torch.cat([torch.randn(1, 4, 8, 8), 3 + torch.randn(1, 4, 8, 8)], 3)
    swapped = torch.cat([x[..., 8:], x[..., :8]], 3)
    torch.testing.assert_close(gram(x), gram(swapped))
    assert texture_loss(x, x, 8) == 0 and texture_loss(swapped, x, 8) > 0.5


def test_textures_know_nothing_of_places_within_a_patch():
    torch.manual_seed(0)
    x = torch.randn(1, 4, 8, 8)
    assert texture_loss(x.roll((3, 2), (2, 3)), x, 8) < 1e-10


def test_what_a_phone_makes_of_a_picture_is_worse_than_shrinking_and_never_twice_the_same():
    clean = (np.indices((96, 96)).sum(0) // 12 % 2 * 200 + 20).astype(np.uint8)[..., None].repeat(3, 2)
    rng = np.random.default_rng(0)
    small = [as_from_a_phone(clean, 4, rng) for _ in range(40)]
    assert {one.shape for one in small} == {(24, 24, 3)} and len({one.tobytes() for one in small}) > 25
    torch.manual_seed(3)
    x = torch.from_numpy(clean).permute(2, 0, 1).expand(4, 3, 96, 96)
    a = phones(x, 4)
    torch.manual_seed(3)
    assert torch.equal(phones(x, 4), a) and a.shape == (4, 3, 24, 24) and a.dtype == torch.uint8


def test_jpeg_costs_more_at_lower_quality():
    x = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    error = [np.abs(jpeg(x, quality).astype(int) - x).mean() for quality in (95, 30)]
    assert error[0] < error[1]


def test_a_discriminator_looks_at_places():
    assert PatchCritic(width=4)(torch.rand(2, 3, 32, 48)).shape == (2, 4 * 6)


@pytest.mark.slow
def test_sharpening_moves_towards_features_and_textures():
    """Without the pixels' loss and the judge, features alone bring the picture nearer in features."""
    torch.manual_seed(0)
    city = torch.from_numpy(scenes.city(64, seed=1).pixels.copy()).permute(2, 0, 1)
    hr = torch.stack([city[:, y : y + 32, x : x + 32] for y in (0, 32) for x in (0, 32)])
    lr = F.avg_pool2d(hr.float(), 2).byte()
    shares = {"pixels": 0.0, "features": 1.0, "textures": 1.0, "adversarial": 0.0}
    features = VGG((4, 8, 8), "zeros").requires_grad_(False)
    recipe = Sharpen(
        ESPCN(2, channels=3), PatchCritic(width=4), features, lr, hr, weights=shares, device="cpu", batch=4, side=16, rate=3e-3
    )
    losses = [recipe.step(0.5) for _ in range(40)]
    for name in ("features", "textures"):
        first, last = (sum(one[name].item() for one in part) for part in (losses[:5], losses[-5:]))
        assert last < first


def test_a_consistent_picture_has_the_given_means_and_stays_a_picture():
    """Also where hardly anything is bright, which a mere shift with clamping does not reach."""
    torch.manual_seed(0)
    sparse = torch.zeros(5, 1, 28, 28)
    sparse[..., ::3, ::3] = 1
    lr = torch.rand(5, 1, 4, 4)
    for x, wanted in ((torch.rand(5, 1, 28, 28), lr), (sparse, lr * 0.05), (sparse, lr), (torch.zeros_like(sparse), lr)):
        y = consistent(x, wanted)
        assert y.min() >= 0 and y.max() <= 1
        torch.testing.assert_close(F.avg_pool2d(y, 7), wanted, atol=1e-5, rtol=0)


def test_a_block_that_is_right_stays_as_it_is():
    x = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(consistent(x, F.avg_pool2d(x, 7)), x)


@pytest.mark.parametrize("name", ["light_x4", "light_x3", "light_x2", "light_real_x4", "light_real_x2"])
def test_a_light_network_puts_no_sparks_beside_drawn_lines(name):
    """On figures with edges as hard as can be it is nearer to the truth than interpolation, and nowhere far from it."""
    net = find_card(name).load()
    torch.manual_seed(5)
    lr, hr = (x.float() / 255 for x in figures(24, 40, net.scale))
    with torch.inference_mode():
        sr = net(lr.to(next(net.parameters()).device)).float().cpu().clamp(0, 1)
    plain = enlarged(lr, "bicubic", net.scale).clamp(0, 1)
    mine, theirs = (-10 * torch.log10((x - hr).square().mean((1, 2, 3))).mean() for x in (sr, plain))
    assert mine > theirs + 0.5 and (sr - plain).abs().flatten().sort().values[-sr.numel() // 1000] < 0.4
