"""Inside: every number against an independent sum in numpy, every network of the catalogue, hostile questions."""

import base64
import copy
import gc
import io
import json
import math
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from imgen.catalog import CARDS, CATALOG, FAILURES, find_card
from imgen.controls import UserError
from imgen.device import resident
from imgen.image import Picture
from imgen.inspection import Inspection, inspect
from imgen.inspection.feeding import Feed, feeder, sized
from imgen.inspection.look import recorded
from imgen.texts.errors import ERRORS

rng = np.random.default_rng(7)
NETS = [card for card in [*CARDS, *FAILURES] if card.net is not None and card.ready]
NETS += [card.judged_by for card in NETS if card.judged_by]
named = pytest.mark.parametrize("card", NETS, ids=lambda card: card.name)


def photo(height=60, width=72):
    y, x = np.mgrid[:height, :width]
    waves = [128 + 100 * np.sin(x / 5 + c) * np.cos(y / (4 + c)) for c in range(3)]
    return Picture((np.stack(waves, 2) + rng.normal(0, 8, (height, width, 3))).clip(0, 255).astype(np.uint8))


def opened(work, x, net=None):
    """Any module, or a function beside one, run on x."""
    net = net if net is not None else work if isinstance(work, nn.Module) else nn.Module()
    feed = Feed(net.eval().requires_grad_(False), {"picture": x}, lambda picture: work(picture), True)
    return Inspection(feed, recorded(feed))


def kinds(seen):
    return [layer["kind"] for layer in seen.strip()["layers"]]


def at(seen, layer):
    return seen.layers[layer].out.double().numpy()


def places(seen, layer, count=12):
    size = seen.strip()["layers"][layer]["out"]
    return [tuple(int(rng.integers(side)) for side in size) for _ in range(count)]


def near(one, other):
    assert one == pytest.approx(other, rel=1e-5, abs=1e-5)


# --- the sum behind a number, kind by kind ---

CONVS = [
    dict(kernel_size=3), dict(kernel_size=3, stride=2, padding=1), dict(kernel_size=5, padding=4, dilation=2),
    dict(kernel_size=(3, 2), stride=(2, 1), padding=(0, 1), groups=2, bias=False), dict(kernel_size=3, padding="same", groups=6),
]


@pytest.mark.parametrize("how", CONVS, ids=str)
def test_a_convolution(how):
    conv, x = nn.Conv2d(6, 12, **how), torch.randn(1, 6, 11, 13)
    seen = opened(conv, x)
    weight, data = conv.weight.double().numpy(), x[0].double().numpy()
    (sy, sx), (dy, dx) = conv.stride, conv.dilation
    py, px = (dy * (weight.shape[2] - 1) // 2, dx * (weight.shape[3] - 1) // 2) if conv.padding == "same" else conv.padding
    for o, y, x_ in places(seen, 1):
        each, total = 6 // conv.groups, 0.0 if conv.bias is None else float(conv.bias[o])
        first = o // (12 // conv.groups) * each
        for c in range(each):
            for i in range(weight.shape[2]):
                for j in range(weight.shape[3]):
                    v, u = y * sy - py + i * dy, x_ * sx - px + j * dx
                    if 0 <= v < 11 and 0 <= u < 13:
                        total += data[first + c, v, u] * weight[o, c, i, j]
        said = seen.value(1, o, y, x_)
        near(said["value"], total)
        near((said["bias"] or 0) + sum(w["sum"] for w in said["windows"]) + said["rest"], total)
        near(said["total"], total)
        for window in said["windows"]:
            near(np.nansum(np.array(window["input"], float) * np.array(window["weight"])), window["sum"])
            assert (window["top"], window["left"]) == (y * sy - py, x_ * sx - px)
            for i, row in enumerate(window["input"]):
                for j, v in enumerate(row):
                    a, b = window["top"] + i * dy, window["left"] + j * dx
                    assert (v is not None) == (0 <= a < 11 and 0 <= b < 13)
                    assert v is None or v == data[window["channel"], a, b]
        sizes = [abs(w["sum"]) for w in said["windows"]]
        assert sizes == sorted(sizes, reverse=True) and len(sizes) <= 8


TRANSPOSED = [dict(stride=2, padding=1), dict(stride=2), dict(stride=3, dilation=2, output_padding=1), dict(groups=2, bias=False)]


@pytest.mark.parametrize("how", TRANSPOSED, ids=str)
def test_a_transposed_convolution(how):
    conv, x = nn.ConvTranspose2d(4, 6, 4, **how), torch.randn(1, 4, 5, 6)
    seen = opened(conv, x)
    weight, data = conv.weight.double().numpy(), x[0].double().numpy()
    _, height, width = seen.strip()["layers"][1]["out"]
    groups, (s, _), (p, _), (d, _) = conv.groups, conv.stride, conv.padding, conv.dilation
    full = np.zeros((6, height + 40, width + 40)) + (0 if conv.bias is None else conv.bias.double().numpy()[:, None, None])
    for c in range(4):  # each input throws its kernel
        g = c // (4 // groups)
        for o in range(6 // groups):
            for y in range(5):
                for x_ in range(6):
                    for i in range(4):
                        for j in range(4):
                            v, u = y * s + i * d + 20 - p, x_ * s + j * d + 20 - p
                            full[g * (6 // groups) + o, v, u] += data[c, y, x_] * weight[c, o, i, j]
    for o, y, x_ in places(seen, 1):
        said = seen.value(1, o, y, x_)
        near(said["value"], full[o, y + 20, x_ + 20])
        near(said["total"], full[o, y + 20, x_ + 20])
        near((said["bias"] or 0) + sum(w["sum"] for w in said["windows"]) + said["rest"], full[o, y + 20, x_ + 20])
        for window in said["windows"]:
            for row, i in zip(window["input"], said["taps"][0], strict=True):
                v = (y + p - i * d) // s
                assert (y + p - i * d) % s == 0
                for number, j in zip(row, said["taps"][1], strict=True):
                    assert number == data[window["channel"], v, (x_ + p - j * d) // s]
    numbers = seen.kernel(1, 5, 0)["numbers"]
    np.testing.assert_allclose(numbers, weight[2 if groups == 2 else 0, 2 if groups == 2 else 5], rtol=1e-6)


def test_pools():
    x = torch.randn(1, 3, 9, 10)
    seen, data = opened(nn.MaxPool2d(3, 2, 1), x), x[0].double().numpy()
    for c, y, x_ in places(seen, 1):
        rows, columns = range(max(0, 2 * y - 1), min(9, 2 * y + 2)), range(max(0, 2 * x_ - 1), min(10, 2 * x_ + 2))
        best = max((data[c, v, u], v, u) for v in rows for u in columns)
        said = seen.value(1, c, y, x_)
        assert said["value"] == best[0] and tuple(said["winner"]) == best[1:]
    for net, part in ((nn.AvgPool2d(2), lambda y, x_: (slice(2 * y, 2 * y + 2), slice(2 * x_, 2 * x_ + 2))),
                      (nn.AdaptiveAvgPool2d((3, 5)), lambda y, x_: (slice(3 * y, 3 * y + 3), slice(2 * x_, 2 * x_ + 2)))):
        seen = opened(net, x)
        for c, y, x_ in places(seen, 1):
            mean = data[c][part(y, x_)].mean()
            said = seen.value(1, c, y, x_)
            near(said["value"], mean)
            near(said["windows"][0]["sum"], mean)
            assert said["winner"] == "mean" and said["windows"][0]["top"] == part(y, x_)[0].start
    seen = opened(lambda x: x.mean((2, 3)), x)
    near(seen.value(1, 2, 0, 0)["value"], data[2].mean())
    near(seen.value(1, 2, 0, 0)["total"], data[2].mean())


CURVES = {
    "relu": (lambda x: F.relu(x), lambda u: max(u, 0)), "relu_": (lambda x: F.relu_(x * 1), lambda u: max(u, 0)),
    "leaky": (nn.LeakyReLU(0.2, inplace=True), lambda u: u if u > 0 else 0.2 * u),
    "sigmoid": (torch.sigmoid, lambda u: 1 / (1 + math.exp(-u))), "tanh": (torch.tanh, math.tanh),
    "silu": (nn.SiLU(), lambda u: u / (1 + math.exp(-u))),
    "gelu": (nn.GELU(), lambda u: u * (1 + math.erf(u / math.sqrt(2))) / 2), "exp": (lambda x: x.exp(), math.exp),
    "clamp": (lambda x: x.clamp(-0.5, 0.5), lambda u: min(max(u, -0.5), 0.5)),
    "prelu": (nn.PReLU(3, 0.3), lambda u: u if u > 0 else 0.3 * u), "square": (lambda x: x**2, lambda u: u * u),
}


@pytest.mark.parametrize("name", CURVES)
def test_an_activation(name):
    work, curve = CURVES[name]
    x = torch.randn(1, 3, 5, 6)
    data = x[0].double().numpy().copy()
    net = nn.Sequential(nn.Identity(), work) if isinstance(work, nn.Module) else work
    seen = opened((lambda x: net(x * 1)) if isinstance(net, nn.Module) else net, x, net if isinstance(net, nn.Module) else None)
    last = len(seen.layers) - 1
    assert kinds(seen)[last] == "activation"
    for c, y, x_ in places(seen, last):
        said = seen.value(last, c, y, x_)
        near(said["before"], data[c, y, x_])  # of an in-place one, too: what was there before
        near(said["value"], curve(data[c, y, x_]))
        near(said["total"], curve(data[c, y, x_]))
        for u, v in said["curve"]:
            near(v, curve(u))
        assert said["curve"][0][0] < said["before"] < said["curve"][-1][0]


def test_a_gated_unit():
    x = torch.randn(1, 6, 4, 5)
    seen, data = opened(lambda x: F.glu(x, 1), x), x[0].double().numpy()
    for c, y, x_ in places(seen, 1):
        wanted = data[c, y, x_] / (1 + math.exp(-data[c + 3, y, x_]))
        near(seen.value(1, c, y, x_)["value"], wanted)
        near(seen.value(1, c, y, x_)["total"], wanted)


def test_norms():
    x = 5 + 3 * torch.randn(1, 6, 7, 8)
    data = x[0].double().numpy()
    batch = nn.BatchNorm2d(6)
    for p in (batch.running_mean, batch.running_var, batch.weight, batch.bias):
        p.data.uniform_(0.5, 2)
    group, layer = nn.GroupNorm(3, 6), nn.LayerNorm(8)
    for p in [*group.parameters(), *layer.parameters()]:
        p.data.normal_()
    mean, var, w, b = (p.detach().double().numpy() for p in (batch.running_mean, batch.running_var, batch.weight, batch.bias))

    def of(part, value, w=1.0, b=0.0):
        return (value - part.mean()) / math.sqrt(part.var() + 1e-5) * w + b

    gw, gb, lw, lb = (p.detach().double().numpy() for p in (group.weight, group.bias, layer.weight, layer.bias))
    cases = [
        (batch, lambda c, y, x: (data[c, y, x] - mean[c]) / math.sqrt(var[c] + 1e-5) * w[c] + b[c]),
        (group, lambda c, y, x: of(data[c // 2 * 2 : c // 2 * 2 + 2], data[c, y, x], gw[c], gb[c])),
        (nn.InstanceNorm2d(6), lambda c, y, x: of(data[c], data[c, y, x])),
        (layer, lambda c, y, x: of(data[c, y], data[c, y, x], lw[x], lb[x])),
        (lambda x: torch.native_group_norm(x, None, None, 1, 6, 56, 6, 1e-5)[0], lambda c, y, x: of(data[c], data[c, y, x])),
        (lambda x: F.normalize(x, dim=1), lambda c, y, x: data[c, y, x] / math.sqrt((data[:, y, x] ** 2).sum())),
    ]
    for net, wanted in cases:
        seen = opened(net, x)
        assert kinds(seen) == ["input", "norm"]
        for place in places(seen, 1):
            said = seen.value(1, *place)
            near(said["value"], wanted(*place))
            near(said["total"], wanted(*place))
            near(said["before"], data[place])


def test_group_norm_of_a_channel_far_from_zero():
    """In float32 torch's own is wrong in the fourth digit there."""
    x = (40 + 0.3 * torch.randn(1, 4, 60, 60)).contiguous(memory_format=torch.channels_last)
    seen, data = opened(lambda x: F.group_norm(x, 4), x), x[0].double().numpy()
    for c, y, x_ in places(seen, 1):
        near(seen.value(1, c, y, x_)["value"], (data[c, y, x_] - data[c].mean()) / math.sqrt(data[c].var() + 1e-5))


def test_shuffles_say_which_channel_went_where():
    x = torch.randn(1, 8, 4, 6)
    seen, data = opened(nn.PixelShuffle(2), x), x[0].double().numpy()
    for c, y, x_ in places(seen, 1):
        said = seen.value(1, c, y, x_)
        assert (said["channel"], said["place"]) == (4 * c + 2 * (y % 2) + x_ % 2, [y // 2, x_ // 2])
        assert said["value"] == data[(said["channel"], *said["place"])]
    seen = opened(nn.PixelUnshuffle(2), x)
    for c, y, x_ in places(seen, 1):
        said = seen.value(1, c, y, x_)
        assert (said["channel"], said["place"]) == (c // 4, [2 * y + c % 4 // 2, 2 * x_ + c % 2])
        assert said["value"] == data[(said["channel"], *said["place"])]


def test_a_dense_layer_and_products_of_maps():
    linear, x = nn.Linear(30, 7), torch.randn(1, 30)
    seen = opened(linear, x)
    weight, bias, data = (one.detach().double().numpy() for one in (linear.weight, linear.bias, x[0]))
    for o, _, _ in places(seen, 1):
        said, wanted = seen.value(1, o, 0, 0), weight[o] @ data + bias[o]
        near(said["value"], wanted)
        near(sum(term[3] for term in said["terms"]) + said["rest"] + said["bias"], wanted)
        assert len(said["terms"]) == 12 and said["terms"][0][3] == pytest.approx(max(weight[o] * data, key=abs))
        assert all(t[1] == data[t[0]] and t[2] == weight[o, t[0]] for t in said["terms"])
    assert seen.kernels(1)["shape"] == [7, 30, 1, 1]
    x = torch.randn(1, 2, 5, 6)
    a = x[0].double().numpy()
    seen = opened(lambda x: x @ x.mT, x)
    last = len(seen.layers) - 1
    for c, y, x_ in places(seen, last):
        near(seen.value(last, c, y, x_)["value"], a[c, y] @ a[c, x_])
        near(seen.value(last, c, y, x_)["total"], a[c, y] @ a[c, x_])
    mix = torch.randn(1, 4, 2)
    seen, m = opened(lambda x: torch.einsum("nrc,nchw->nrhw", mix, x), x), mix[0].double().numpy()
    for r, y, x_ in places(seen, 1):
        near(seen.value(1, r, y, x_)["value"], m[r] @ a[:, y, x_])
        near(seen.value(1, r, y, x_)["total"], m[r] @ a[:, y, x_])
    three, z = torch.randn(5, 4, 3), torch.randn(1, 5)
    seen = opened(lambda x: torch.einsum("nc,cij,nj->ni", z, three, x), torch.randn(1, 3))
    wanted = np.einsum("c,cij,j->i", z[0].double().numpy(), three.double().numpy(), at(seen, 0)[0])
    for i in range(4):
        near(seen.value(1, i, 0, 0)["total"], wanted[i])
        near(seen.value(1, i, 0, 0)["value"], wanted[i])


def test_softmax():
    x = 4 * torch.randn(1, 20)
    seen, logits = opened(lambda x: x.softmax(1), x), x[0].double().numpy()
    shares = np.exp(logits) / np.exp(logits).sum()
    for n in range(20):
        said = seen.value(1, n, 0, 0)
        near(said["value"], shares[n])
        near(said["total"], shares[n])
        assert said["before"] == logits[n]
        for index, logit, power, share in said["terms"]:
            near(power / said["sum"], shares[index])
            assert logit == logits[index] and share == pytest.approx(shares[index])
        near(said["rest"] + sum(term[3] for term in said["terms"]), 1)


@pytest.mark.parametrize("masked", [False, True])
def test_attention(masked):
    conv = nn.Conv2d(3, 3 * 8, 1)
    mask = torch.rand(1, 1, 1, 20) > 0.3 if masked else None

    def attend(x):
        q, k, v = (part.flatten(2).transpose(1, 2)[:, None] for part in conv(x).chunk(3, 1))
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=2.0)

    seen = opened(attend, torch.randn(1, 3, 4, 5), conv)
    last = len(seen.layers) - 1
    q, k, v = at(seen, 1)[0].reshape(3, 8, 20).swapaxes(1, 2)
    logits = 2.0 * q @ k.T
    if masked:
        logits[:, ~mask.numpy().ravel()] = -np.inf
    weights = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    for _, place, channel in places(seen, last):
        said = seen.value(last, 0, place, channel)
        near(said["value"], weights[place] @ v[:, channel])
        near(said["total"], weights[place] @ v[:, channel])
        assert said["kind"] == "attention" and said["place"] == [place // 5, place % 5]
        np.testing.assert_allclose(said["row"], weights[place].reshape(4, 5), atol=1e-6)


def test_sums_products_and_joints():
    share = nn.Parameter(torch.randn(1, 3, 1, 1))
    net = nn.Module()
    net.share = share
    x = torch.randn(1, 3, 4, 5)
    data, s = x[0].double().numpy(), share.detach().double().numpy()[0, :, 0, 0]
    cases = [
        (lambda x: x + share, lambda c, y, x: data[c, y, x] + s[c], sum),
        (lambda x: 1 - x, lambda c, y, x: 1 - data[c, y, x], sum),
        (lambda x: x - share, lambda c, y, x: data[c, y, x] - s[c], sum),
        (lambda x: x.sub(1, alpha=2), lambda c, y, x: data[c, y, x] - 2, sum),
        (lambda x: share * x, lambda c, y, x: data[c, y, x] * s[c], math.prod),
        (lambda x: x / 7, lambda c, y, x: data[c, y, x] / 7, math.prod),
        (lambda x: 2 / x, lambda c, y, x: 2 / data[c, y, x], math.prod),
    ]
    for work, wanted, joined in cases:
        seen = opened(work, x, net)
        for place in places(seen, 1):
            said = seen.value(1, *place)
            near(said["value"], wanted(*place))
            near(joined(part[4] for part in said["parts"]), wanted(*place))
            assert {part[0] for part in said["parts"]} == {-1, 0}
    assert opened(lambda x: share * x, x, net).strip()["layers"][1]["parameters"] == 3
    seen = opened(lambda x: torch.cat([x, 2 * x], 1), x)
    for c, y, x_ in places(seen, 2):
        said = seen.value(2, c, y, x_)
        assert said["parts"][0][:4] == [int(c >= 3), c % 3, y, x_] and said["parts"][0][4] == said["value"]


def test_enlarging_and_framing():
    from imgen.functional.resample import enlarged

    x = torch.randn(1, 2, 6, 7)
    data = x[0].double().numpy()

    def lerp(row, at):
        at = min(max(at, 0), len(row) - 1)
        low = int(at)
        return row[low] + (at - low) * (row[min(low + 1, len(row) - 1)] - row[low])

    def bilinear(c, y, x):
        return lerp([lerp(row, (x + 0.5) / 2 - 0.5) for row in data[c]], (y + 0.5) / 2 - 0.5)

    def keys(t):
        t = abs(t)
        return 1.5 * t**3 - 2.5 * t**2 + 1 if t < 1 else -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0

    def bicubic(c, y, x):
        rows, columns = ([keys((o + 0.5) / 3 - 0.5 - n) for n in range(side)] for o, side in ((y, 6), (x, 7)))
        return np.dot(rows, data[c] @ columns) / sum(rows) / sum(columns)

    cases = [
        (lambda x: F.interpolate(x, scale_factor=2), lambda c, y, x: data[c, y // 2, x // 2]),
        (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), bilinear), (lambda x: enlarged(x, "bicubic", 3), bicubic),
    ]
    for work, wanted in cases:
        seen = opened(work, x)
        assert kinds(seen) == ["input", "upsample"]
        for place in places(seen, 1):
            said = seen.value(1, *place)
            near(said["value"], wanted(*place))
            near(said["total"], wanted(*place))
    for mode in ("constant", "reflect", "replicate"):
        seen = opened(lambda x, mode=mode: F.pad(x, (2, 1, 1, 2), mode=mode), x)
        padded = np.pad(data, ((0, 0), (1, 2), (2, 1)), {"replicate": "edge"}.get(mode, mode))
        for place in places(seen, 1, 40):
            said = seen.value(1, *place)
            assert said["value"] == pytest.approx(padded[place], abs=0) and said["parts"][0][4] == said["value"]


def test_what_is_written_in_place_is_seen_before_and_after():
    def work(x):
        y = x * 2
        y[:, 1:] = x[:, 1:] + 10
        row = y[:, :, 1]
        row += 100
        return y.flip(3) - 0

    x = torch.randn(1, 3, 4, 5)
    data = x[0].double().numpy()
    wanted = np.concatenate([2 * data[:1], data[1:] + 10])
    wanted[:, 1] += 100
    seen = opened(work, x)
    last = len(seen.layers) - 1
    np.testing.assert_allclose(at(seen, last)[0], wanted[..., ::-1], rtol=1e-6)
    np.testing.assert_allclose(at(seen, 1)[0], 2 * data, rtol=1e-6)  # as it was when it was made
    for layer in range(1, last + 1):
        for place in places(seen, layer):
            said = seen.value(layer, *place)
            near(said["value"], said["total"])
    renewed = next(layer for layer in seen.layers if layer.function == "written")
    changed, still = seen.value(renewed.id, 0, 1, 2), seen.value(renewed.id, 0, 2, 2)
    near(changed["value"], 2 * data[0, 1, 2] + 100)
    assert changed["parts"][0][0] != still["parts"][0][0]


# --- strip, field, maps ---

def test_the_receptive_field_grows_as_the_formula_says():
    last = nn.Conv2d(4, 4, 3, stride=2, padding=1)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, padding=2, dilation=2), last)
    seen = opened(net, torch.randn(1, 3, 64, 64))
    assert [one["field"] for one in seen.strip()["layers"]] == [1, 3, 4, 12, 16]
    seen = opened(lambda x: net[0](x) + F.conv2d(x, torch.ones(4, 3, 7, 7), padding=3), torch.randn(1, 3, 32, 32), net)
    assert seen.strip()["layers"][-1]["field"] == 7  # the larger of two branches


def test_a_border_that_is_joined_on_leaves_the_field_as_small_as_it_is():
    conv = nn.Conv2d(2, 3, 3)

    def framed(x):
        x = torch.cat([x[:, :, 1:2], x, x[:, :, -2:-1]], 2)
        return conv(torch.cat([x[..., 1:2], x, x[..., -2:-1]], 3))

    x = torch.randn(1, 2, 9, 12, requires_grad=True)
    seen = opened(framed, x.detach(), conv)
    last = len(seen.layers) - 1
    assert seen.strip()["layers"][last]["field"] == 3 and "whole" not in seen.strip()["layers"][last]
    y = framed(x)
    for place in [(0, 0, 0), (2, 4, 6), (1, 8, 11), (0, 8, 3)]:
        rows, columns = np.nonzero(torch.autograd.grad(y[(0, *place)], x, retain_graph=True)[0][0].abs().sum(0).numpy())
        assert seen.field(last, *place)["box"] == [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]


def test_the_box_holds_all_that_can_matter_and_no_more():
    """By trying: without activations that hide, each pixel in the box changes the number, no other does."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.PixelUnshuffle(2), nn.Conv2d(16, 4, 3, stride=2, padding=1),
                        nn.ConvTranspose2d(4, 4, 4, 2, 1), nn.PixelShuffle(2), nn.ReflectionPad2d(1), nn.Conv2d(1, 1, 3))
    x = torch.randn(1, 1, 24, 24, dtype=torch.float64, requires_grad=True)
    seen = opened(net, x.detach().float())
    y = copy.deepcopy(net).double()(x)
    for place in places(seen, len(seen.layers) - 1, 15):
        slope = torch.autograd.grad(y[(0, *place)], x, retain_graph=True)[0][0, 0].abs().numpy()
        rows, columns = np.nonzero(slope)
        assert seen.field(len(seen.layers) - 1, *place)["box"] == [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]


def test_the_heat_is_the_gradient():
    conv = nn.Conv2d(2, 3, 3, padding=1)
    seen = opened(lambda x: F.relu_(conv(x)), torch.randn(1, 2, 9, 9), conv)
    heat = np.asarray(Image.open(io.BytesIO(base64.b64decode(seen.field(1, 2, 4, 5)["heat"].split(",")[1]))))
    wanted = np.zeros((9, 9))
    wanted[3:6, 4:7] = conv.weight[2].detach().abs().sum(0).numpy()  # of the convolution itself, though a ReLU overwrote it
    np.testing.assert_array_equal(heat, np.rint(255 * np.sqrt(wanted / wanted.max())))


def test_maps_show_each_number_once():
    seen = opened(nn.Conv2d(3, 10, 3), torch.randn(1, 3, 12, 14))
    said = seen.maps(1, order="given", scale="layer")
    image = Image.open(io.BytesIO(base64.b64decode(said["png"].split(",")[1])))
    numbers, maps = np.asarray(image).astype(int), at(seen, 1)[0]
    assert said["channels"] == list(range(10)) and said["side"] == [10, 12] and said["count"] == 10
    for c in range(10):
        top, left = c // said["columns"] * 11, c % said["columns"] * 13
        shown = numbers[top : top + 10, left : left + 12]
        np.testing.assert_allclose((shown - 127) / 127 * np.abs(maps).max(), maps[c], atol=np.abs(maps).max() / 250)
    strongest = seen.maps(1, limit=4)["channels"]
    assert strongest == np.argsort(-np.abs(maps).mean((1, 2)))[:4].tolist()
    row, column = seen.maps(1)["peak"]
    assert abs(maps[strongest[0]][row, column]) == np.abs(maps[strongest[0]])[1:-1, 1:-1].max()
    said = seen.statistics(1)
    near(said["mean"], maps.mean())
    near(said["std"], maps.std())


def test_dead_channels_are_told():
    conv = nn.Conv2d(3, 4, 3)
    conv.bias.data[:] = torch.tensor([-100.0, 0, 0, -100])
    seen = opened(lambda x: F.relu(conv(x)), torch.randn(1, 3, 9, 9), conv)
    assert seen.statistics(2)["dead"] == [0, 3] and seen.statistics(2)["zeros"] > 0.5


# --- the catalogue ---

@named
def test_every_network_opens_and_every_number_is_its_sum(card):
    began = time.perf_counter()
    seen = inspect(card, photo())
    assert time.perf_counter() - began < 8  # 2 s on two idle cores
    strip = seen.strip()
    json.dumps(strip)
    assert strip["totals"]["macs"] == sum(one["macs"] for one in strip["layers"]) and seen.bytes < 160 << 20
    assert sum(one["share"] for one in strip["layers"]) == pytest.approx(1)
    draw = np.random.default_rng(len(card.name))
    for layer in strip["layers"]:
        place = [int(draw.integers(side)) for side in layer["out"]]
        said = seen.value(layer["id"], *place)
        json.dumps(said, allow_nan=False)
        true = float(seen.layers[layer["id"]].out.reshape(layer["out"])[tuple(place)])
        assert said["value"] == true, layer
        if said.get("total") is not None:
            assert said["value"] == pytest.approx(said["total"], rel=1e-5, abs=1e-5), layer
        else:
            assert layer["kind"] in ("input", "other", "activation"), layer


@named
def test_the_strip_counts_what_torch_counts_and_misses_no_weights(card):
    make = feeder(card, photo(), {})
    feed = make(40)
    seen = Inspection(feed, recorded(feed), card.idea == "interpolation")
    with FlopCounterMode(display=False) as counter, torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        feed.run(**{name: x.detach().clone().requires_grad_(name == "picture") for name, x in feed.inputs.items()})
    assert seen.strip()["totals"]["macs"] * 2 == counter.get_total_flops()
    used = {one for layer in seen.layers for one in layer.parameters}
    assert {name for name, p in feed.net.named_parameters() if id(p) not in used} == set()
    names = " ".join(layer.name for layer in seen.layers)
    for name, module in feed.net.named_modules():
        if any(True for _ in module.parameters(recurse=False)) and not any(True for _ in module.children()):
            assert name in names
    if card.facts.parameters:
        net = card.net.build()
        ends = sum(p.numel() for p in net.faithful.parameters()) if hasattr(net, "faithful") else 0  # one of two is run
        assert seen.strip()["totals"]["parameters"] == card.facts.parameters - ends


def test_a_recorded_pass_gives_what_the_network_gives():
    for name in ("espcn_x4", "transfer_paintings", "attention_inpaint", "light_restore", "srgan_x4", "resgan_flowers64"):
        feed = feeder(CATALOG[name], photo(), {})(40)
        seen = recorded(feed)
        with torch.no_grad():
            torch.testing.assert_close(seen.layers[-1].out.reshape(-1), feed.run(**feed.inputs).reshape(-1), atol=1e-4, rtol=1e-3)


def test_the_seed_and_the_knobs_are_heeded():
    card = CATALOG["dcgan_fashion28"]
    one, same, other = (inspect(card, None, {"seed": seed}) for seed in (1, 1, 2))
    assert torch.equal(one.layers[-1].out, same.layers[-1].out) and not torch.equal(one.layers[-1].out, other.layers[-1].out)
    drawn = card(seed=1, count=1, label=card.facts.classes[0]).pictures[0].pixels[..., 0]
    assert np.abs(drawn - 255.0 * one.layers[-1].out.numpy().reshape(28, 28)).max() < 3
    with pytest.raises(UserError, match="knob_unknown"):
        inspect(card, None, {"colour": 1})


@pytest.mark.parametrize("name", ["transfer_paintings", "attention_inpaint", "resgan_flowers64"])
def test_all_that_is_kept_is_counted(name):
    feed, kept = feeder(CATALOG[name], photo(), {})(60), {}

    def noted(x):
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(noted, lambda x: x):
        seen = recorded(feed)
    kept |= {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in feed.net.parameters()}
    kept |= {layer.out.untyped_storage().data_ptr(): layer.out.untyped_storage().nbytes() for layer in seen.layers}
    assert Inspection(feed, seen).bytes == pytest.approx(sum(kept.values()), rel=0.15)


@pytest.mark.parametrize("name", ["cnn_fashion28", "cnn_shapes32"])
def test_a_classifier_is_given_what_its_tab_gives_it(name):
    pixels = np.full((90, 140, 3), 240, np.uint8)
    pixels[50:80, 20:60] = 30, 60, 150  # small, dark on light, and not in the middle
    card = CATALOG[name]
    for knobs in ({}, {"turn": 45, "right": 3, "down": -2, "grain": 40}):
        last = inspect(card, Picture(pixels), knobs).layers[-1].out.float()
        scores = card(Picture(pixels), **knobs).facts["scores"]
        np.testing.assert_allclose(last.softmax(1)[0].numpy(), list(scores.values()), atol=2e-3)


def test_a_card_that_takes_a_painting_alone_opens_with_one():
    assert inspect(CATALOG["texture"]).picture()


def test_two_visitors_share_nothing():
    card = CATALOG["espcn_x4"]
    one, other = inspect(card, photo()), inspect(card, photo())
    held = {layer.out.untyped_storage().data_ptr() for layer in one.layers}
    assert not held & {layer.out.untyped_storage().data_ptr() for layer in other.layers}
    assert not [module for module in card.load().modules() if module._forward_hooks or module._forward_pre_hooks]


# --- hostile and odd ---

SIZES = {  # of numbers, and their type
    "one pixel": (1, 1, 3, np.uint8), "a line of 12,000": (2, 12000, 3, np.uint8), "12,000 high": (12000, 900, 3, np.uint8),
    "grey": (40, 50, 1, np.uint8), "alpha": (40, 50, 4, np.uint8), "grey and alpha": (40, 50, 2, np.uint8),
    "16 bit": (40, 50, 3, np.uint16),
}
PICTURES = {name: Picture(rng.integers(0, np.iinfo(of).max, shape).astype(of)) for name, (*shape, of) in SIZES.items()}
PICTURES["black"] = Picture(np.zeros((32, 32, 3), np.uint8))
ODD = ("espcn_x4", "light_restore", "attention_inpaint", "transfer_paintings", "conv_ae_fashion28", "tiny_gan_x7")


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("name", ODD)
def test_odd_pictures_open(name, kind):
    seen = inspect(CATALOG[name], PICTURES[kind])
    strip = seen.strip()
    assert max(strip["input"][1:]) <= 256
    last = strip["layers"][-1]
    said = seen.value(last["id"], 0, 0, 0)
    assert said["value"] is not None and seen.picture().startswith("data:image/png")
    json.dumps([seen.maps(last["id"]), seen.statistics(last["id"]), seen.field(last["id"], 0, 0, 0)], allow_nan=False)


@pytest.mark.parametrize("bad", [-2, 10**6, 1.5, float("nan"), "0", None, True, [0]])
def test_places_that_are_not_there(bad):
    seen = inspect(CATALOG["srcnn_x2"], photo())
    asked = [lambda: seen.value(bad, 0, 0, 0), lambda: seen.value(1, bad, 0, 0), lambda: seen.value(1, 0, bad, 0),
             lambda: seen.field(1, 0, 0, bad), lambda: seen.maps(bad), lambda: seen.statistics(bad), lambda: seen.kernels(bad)]
    for ask in asked:
        with pytest.raises(UserError, match="inside_place"):
            ask()
    for ask in (lambda: seen.maps(1, order="best"), lambda: seen.maps(1, scale="all")):
        with pytest.raises(UserError, match="call_unreadable"):
            ask()


def test_a_sentence_for_what_cannot_be_opened():
    cases = [("draw_voronoi", None, "inside_no_network"), ("median_filter", photo(), "inside_no_network")]
    cases += [("espcn_x4", None, "picture_first")]
    cases += [(card.name, photo(), "inside_not_here") for card in CARDS if card.source and not card.ready]
    for name, picture, key in cases:
        with pytest.raises(UserError) as raised:
            inspect(find_card(name), picture)
        assert raised.value.key == key and all(ERRORS[key])
    seen = inspect(CATALOG["mlp_gan_fashion28"])
    with pytest.raises(UserError, match="inside_no_picture"):
        seen.field(1, 0, 0, 0)
    with pytest.raises(UserError, match="inside_no_kernel"):
        seen.kernels(0)


def test_a_number_that_is_none_is_said_as_none():
    seen = opened(lambda x: (x - x).log() * 0, torch.randn(1, 1, 4, 4))
    for layer in range(1, len(seen.layers)):
        json.dumps([seen.value(layer, 0, 1, 1), seen.maps(layer), seen.statistics(layer)], allow_nan=False)


def test_a_network_that_is_not_in_the_catalogue_yet_opens_by_what_it_says_of_itself():
    """A classifier: the middle square at its own side."""
    class Small(nn.Module):
        channels, side, classes = 3, 32, 4

        def __init__(self):
            super().__init__()
            self.look, self.score = nn.Conv2d(3, 5, 5), nn.Linear(5 * 14 * 14, 4)

        def forward(self, x):
            return self.score(F.max_pool2d(F.relu(self.look(x)), 2).flatten(1))

    feed = sized(Small().eval(), photo(), {})(256)
    seen = Inspection(feed, recorded(feed))
    assert kinds(seen) == ["input", "conv2d", "activation", "max_pool2d", "reshape", "linear"]
    assert seen.strip()["input"] == [3, 32, 32]


@pytest.mark.slow
def test_many_looks_leave_memory_where_it_was():
    card, picture = CATALOG["espcn_x4"], photo(48, 48)

    def look(times):
        for _ in range(times):
            seen = inspect(card, picture)
            last = len(seen.layers) - 1
            seen.value(last, 0, 5, 5), seen.maps(1), seen.field(3, 0, 2, 2), seen.statistics(2)
        gc.collect()
        return resident()

    begin = look(20)
    assert look(100) - begin < 30 << 20 and look(100) - begin < 30 << 20  # each that stayed would hold 4 MB


def test_a_number_is_quick():
    seen = inspect(CATALOG["light_x4"], photo(200, 200))
    began, count = time.perf_counter(), 0
    for layer in seen.strip()["layers"]:
        seen.value(layer["id"], 0, 0, 0)
        count += 1
    assert (time.perf_counter() - began) / count < 0.1
