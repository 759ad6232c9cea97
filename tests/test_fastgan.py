"""FastGAN: a third party's generator, and the pickle that it comes in."""

import hashlib
import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from stand_in_hub import COMMIT, StandInHub

from imgen import cards, device, hub
from imgen.catalog import find_card
from imgen.controls import UserError
from imgen.hub import WeightFile
from imgen.loader import loader
from imgen.models.fastgan import Generator, convert
from imgen.pipelines.explore import morph
from imgen.pipelines.generate import at_once, generate_large, noise

CARD = find_card("fastgan_butterflies512")
LATENT, WIDTHS = 16, (16, 12, 8, 8, 8)
ONE = torch.zeros(3, dtype=torch.int64)  # the only class there is


def saved(what: object) -> bytes:
    file = io.BytesIO()
    torch.save(what, file)
    return file.getvalue()


def published() -> dict[str, torch.Tensor]:
    """A small file as `model.pt` is inside: the names are its authors', the shapes follow from LATENT and WIDTHS."""
    shapes = {"initial_conv.0.weight": (16, 32, 4, 4), "initial_conv.0.bias": (32,), "out_conv.weight": (3, 8, 3, 3)}
    shapes |= {"out_conv.bias": (3,)}
    norms = {"initial_conv.1": 32}
    for n, (inside, outside) in enumerate(zip((LATENT, *WIDTHS), WIDTHS, strict=False)):
        shapes |= {f"layers.{n}.0.2.weight": (2 * outside, inside, 3, 3), f"layers.{n}.0.2.bias": (2 * outside,)}
        norms[f"layers.{n}.0.3"] = 2 * outside
    shapes |= {"layers.1.1.to_k.weight": (1, 12, 1, 1), "layers.1.1.to_k.bias": (1,), "layers.1.1.net.0.weight": (4, 12, 1, 1),
               "layers.1.1.net.0.bias": (4,), "layers.1.1.net.2.weight": (8, 4, 1, 1), "layers.1.1.net.2.bias": (8,)}  # fmt: skip
    shapes |= {"layers.3.2.norm.g": (1, 8, 1, 1), "layers.3.2.norm.b": (1, 8, 1, 1), "layers.3.2.fn.to_q.weight": (512, 8, 1, 1),
               "layers.3.2.fn.to_kv.net.0.weight": (8, 1, 3, 3), "layers.3.2.fn.to_kv.net.1.weight": (1024, 8, 1, 1),
               "layers.3.2.fn.to_out.weight": (8, 512, 1, 1), "layers.3.2.fn.to_out.bias": (8,)}  # fmt: skip
    for norm, channels in norms.items():
        shapes |= {f"{norm}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}
    random = torch.Generator().manual_seed(1)
    state = {name: 0.3 * torch.randn(shape, generator=random) for name, shape in shapes.items()}
    state |= {name: tensor.abs() + 0.5 for name, tensor in state.items() if name.endswith("running_var")}
    state |= {f"{norm}.weight": 1 + state[f"{norm}.weight"] for norm in norms}
    state["out_conv.bias"] += 0.5
    state |= {f"{norm}.num_batches_tracked": torch.tensor(7) for norm in norms}
    others = ("GE.out_conv.weight", "D.logits.0.weight", "D_aug.D.logits.0.weight", "G.layers.0.0.1.f")  # not the generator's
    return {f"G.{name}": tensor for name, tensor in state.items()} | dict.fromkeys(others, torch.rand(3))


def authors_picture(state: dict[str, torch.Tensor], z: torch.Tensor) -> torch.Tensor:
    """The lightweight GAN once more, spelled from its description with the published names."""
    g = {name.removeprefix("G."): tensor for name, tensor in state.items()}

    def normed(x, name):
        return F.batch_norm(x, *(g[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")))

    def conv(x, name, **how):
        return F.conv2d(x, g[f"{name}.weight"], g.get(f"{name}.bias"), **how)

    def half(x):
        a, b = x.chunk(2, 1)
        return a * torch.sigmoid(b)

    def attended(x, name):
        mean, variance = x.mean(1, keepdim=True), x.var(1, unbiased=False, keepdim=True)
        h = (x - mean) / (variance + 1e-5).sqrt() * g[f"{name}.norm.g"] + g[f"{name}.norm.b"]
        kv = conv(conv(h, f"{name}.fn.to_kv.net.0", padding=1, groups=h.shape[1]), f"{name}.fn.to_kv.net.1")
        q, k, v = (part.view(len(x), 8, 64, -1) for part in (conv(h, f"{name}.fn.to_q"), *kv.chunk(2, 1)))
        context = torch.einsum("bhdn,bhen->bhde", k.softmax(-1), v)
        out = torch.einsum("bhdn,bhde->bhen", q.softmax(-2) * 64**-0.5, context)
        return x + conv(F.gelu(out.reshape(len(x), 512, *x.shape[2:])), f"{name}.fn.to_out")

    def gate(x, name):
        where = conv(x, f"{name}.to_k").flatten(2).softmax(-1)
        seen = torch.einsum("bin,bcn->bci", where, x.flatten(2))[..., None]
        return torch.sigmoid(conv(F.leaky_relu(conv(seen, f"{name}.net.0"), 0.1), f"{name}.net.2"))

    x = F.conv_transpose2d(z[:, :, None, None], g["initial_conv.0.weight"], g["initial_conv.0.bias"])
    x = half(normed(x, "initial_conv.1"))
    x = x / x.norm(dim=1, keepdim=True)
    for n in range(len(WIDTHS)):
        x = attended(x, "layers.3.2") if n == 3 else x
        x = half(normed(conv(x.repeat_interleave(2, 2).repeat_interleave(2, 3), f"layers.{n}.0.2", padding=1), f"layers.{n}.0.3"))
        if n == 1:
            excited = gate(x, "layers.1.1")
        if n == 4:
            x = x * excited
    return conv(x, "out_conv", padding=1).clamp(0, 1)


@pytest.fixture(scope="module")
def server():
    with StandInHub() as stand_in:
        yield stand_in


@pytest.fixture
def card(server, tmp_path, monkeypatch):
    """A card of small nets on a stand-in Hub, with an empty cache, on the CPU: called with the file that the Hub has."""
    settings = {"bundled": tmp_path, "cache": tmp_path / "cache", "endpoint": server.url, "_downloads": {}, "_spares": []}
    for name, value in settings.items():
        monkeypatch.setattr(hub, name, value)
    loader.forget()
    monkeypatch.setattr(device, "best", lambda: "cpu")

    def of(content: bytes) -> cards.Card:
        server.reset(content)
        source = WeightFile("someone/models", "model.pt", COMMIT, hashlib.sha256(content).hexdigest(), len(content))
        return replace(CARD, net=cards.Net("fastgan:Generator", latent=LATENT, widths=WIDTHS), source=source)

    return of


def test_the_published_tensors_draw_the_pictures_that_their_authors_would():
    state = {name: tensor.double() for name, tensor in published().items()}  # random weights blow up the rounding of float32
    z, net = noise(3, 3, LATENT).double(), Generator(LATENT, WIDTHS).double().eval()
    net.load_state_dict(convert({f"GAN.{name}": tensor for name, tensor in state.items()}), strict=True)
    x = net(z, ONE)
    assert x.shape == (3, 3, 128, 128) and 0 < x.mean() < 1 and x.std() > 0.1
    torch.testing.assert_close(x, authors_picture(state, z).float(), atol=1e-6, rtol=0)


def test_the_full_net_has_the_published_parameters_but_for_biases_that_a_norm_takes_away():
    with torch.device("meta"):
        ours = sum(p.numel() for p in Generator().parameters())
    assert ours == CARD.facts.parameters == 12_872_712 - 512 - 2 * (512 + 512 + 256 + 128 + 64 + 32 + 3)


def test_it_comes_from_the_hub_and_its_pictures_remember_how_they_were_made(card):
    small = card(saved({"GAN": published()}))
    stages = {frame.stage for frame in small.run(count=2, seed=4)}
    assert "download" in stages
    one, two = small(count=2, seed=4).pictures
    assert one != two and one.width == 128
    assert small(**one.record["knobs"]).pictures == [one, two]
    assert small(count=2, seed=4, truncation=0).pictures[0] == small(count=2, seed=9, truncation=0).pictures[1]


def test_a_film_goes_from_one_kept_picture_to_the_next(card):
    small = card(saved({"GAN": published()}))
    kept = small(count=2, seed=4).pictures
    *_, last = small.do(morph, *kept, steps=3)
    assert len(last.pictures) == 6
    for n, picture in enumerate(kept):
        assert abs(last.pictures[3 * n].pixels.astype(int) - picture.pixels).max() <= 1


class Burglar:
    """Whoever unpickles it the usual way makes a directory."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(card, tmp_path):
    trap = tmp_path / "trap"
    for content in (saved({"GAN": {"x": Burglar(trap)}}), saved(Burglar(trap))):
        with pytest.raises(UserError) as caught:
            card(content)()
        assert caught.value.key == "weights_altered" and caught.value.facts["file"] == "model.pt"
    assert not trap.exists()
    torch.load(io.BytesIO(content), weights_only=False)
    assert trap.exists()  # it was a trap


RUBBISH = {
    "nothing": b"", "a web page": b"<!DOCTYPE html><title>Log in</title>", "half a file": saved({"GAN": published()})[:5000],
    "no dictionary": saved([1, 2]), "a number": saved({"GAN": 5}), "numbers": saved({"GAN": {"x": 5}}),
    "tensors without a name": saved({"x": torch.rand(2)}),
}  # fmt: skip


@pytest.mark.parametrize("content", RUBBISH.values(), ids=RUBBISH)
def test_rubbish_is_told_in_one_sentence(card, content):
    with pytest.raises(UserError) as caught:
        card(content)()
    assert caught.value.key == "weights_altered"


@pytest.mark.parametrize("names", [["D.out_conv.weight"], ["G.initial_conv.0.bias"]])
def test_tensors_of_something_else_do_not_fit(card, names):
    with pytest.raises(UserError) as caught:
        card(saved({"GAN": {name: torch.rand(2) for name in names}}))()
    assert caught.value.key == "weights_do_not_fit"


def test_a_pickle_is_only_taken_if_its_sha256_is_known_beforehand():
    WeightFile("someone/models", "model.pt", COMMIT, 64 * "0", 1)
    for file, sha256 in (("model.pt", None), ("model.bin", 64 * "0"), ("model.pkl", 64 * "0")):
        with pytest.raises(AssertionError):
            WeightFile("someone/models", file, COMMIT, sha256, 1)


def test_large_pictures_come_one_by_one_and_small_ones_together():
    class Sized(torch.nn.Module):
        latent, classes = 2, 1

        def __init__(self, side):
            super().__init__()
            self.side = side

        def forward(self, z, label):
            return torch.zeros(len(z), 3, 8, 8)

    assert [at_once(Sized(side)) for side in (28, 64, 128, 256, 512)] == [16, 16, 4, 1, 1]
    assert [frame.done for frame in generate_large(Sized(512), count=3, seed=0, truncation=1.0)] == [1, 2, 3]
