"""Many files through one card, and networks of other people's."""

import json
import sys
from typing import Annotated

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from imgen.batch import FileDone, batch, targets
from imgen.cards import Card
from imgen.catalog import KEYS, find_card
from imgen.checkpoint import card_of
from imgen.controls import Reference, Slider, UserError
from imgen.image import Frame, Picture, decode, record_of, to_tensor

NEAREST = find_card("nearest")


def photos(folder, count=3):
    folder.mkdir()
    for n in range(count):
        Image.new("RGB", (5 + n, 4), (40 * n, 90, 20)).save(folder / f"{n}.png")
    return sorted(folder.iterdir())


def files_done(frames):
    return [frame for frame in frames if isinstance(frame, FileDone)]


def test_every_file_is_enlarged_and_counted(tmp_path):
    paths = photos(tmp_path / "in")
    frames = list(batch(NEAREST, targets(paths, tmp_path / "out"), {"scale": 2}))
    assert [f.done for f in files_done(frames)] == [1, 2, 3] and {f.total for f in frames} == {3}
    assert [decode(tmp_path / "out" / f"{n}.png").width for n in range(3)] == [10, 12, 14]


def test_a_single_picture_tells_its_own_progress(tmp_path):
    """A large one takes minutes: its tiles are counted, not the one file."""
    path = tmp_path / "large.png"
    Image.new("RGB", (300, 130)).save(path)
    frames = list(batch(NEAREST, targets([path], tmp_path / "out"), {"tile": 128}))
    assert [(f.done, f.total) for f in frames if f.total > 1] == [(n, 6) for n in range(1, 6)]  # and then the result


def test_a_bad_file_is_reported_and_the_rest_goes_on(tmp_path):
    """Whatever is wrong with it."""
    paths = photos(tmp_path / "in")
    paths[1].write_text("no picture")
    done = files_done(batch(NEAREST, targets(paths, tmp_path / "out"), {}))
    assert [f.error and f.error.key for f in done] == [None, "picture_unreadable", None]
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_what_is_done_is_not_done_again(tmp_path):
    """After an interruption the same call goes on; other knobs, another card or another file begin anew."""
    paths = photos(tmp_path / "in")
    pairs = targets(paths, tmp_path / "out")
    first = batch(NEAREST, pairs, {"scale": 2})
    while not isinstance(next(first), FileDone):
        pass
    first.close()
    assert [f.kept for f in files_done(batch(NEAREST, pairs, {"scale": 2}))] == [True, False, False]
    assert [f.kept for f in files_done(batch(NEAREST, pairs, {"scale": 2}))] == [True] * 3
    Image.new("RGB", (9, 9)).save(paths[2])
    assert [f.kept for f in files_done(batch(NEAREST, pairs, {"scale": 2}))] == [True, True, False]
    assert [f.kept for f in files_done(batch(NEAREST, pairs, {"scale": 3}))] == [False] * 3
    assert [f.kept for f in files_done(batch(find_card("bicubic"), pairs, {"scale": 3}))] == [False] * 3


def test_wrong_knobs_stop_before_the_first_file(tmp_path):
    with pytest.raises(UserError, match="knob_out_of_range"):
        next(batch(NEAREST, targets(photos(tmp_path / "in"), tmp_path / "out"), {"scale": 99}))


def test_one_that_would_be_too_large_does_not_stop_the_others(tmp_path):
    paths = photos(tmp_path / "in")
    Image.new("1", (7000, 7000)).save(paths[0])
    done = files_done(batch(NEAREST, targets(paths, tmp_path / "out"), {"scale": 4}))
    assert done[0].error.key == "result_too_large" and done[1].error is None


def failing(net, picture, *, amount: Annotated[int, Slider(0, 9, 1)] = 0):
    """Stands in for a pipeline with a mistake in it, which shows over one width."""
    if picture.width == 6:
        raise ZeroDivisionError
    yield Frame(1, 1, [picture])


def test_a_mistake_of_ours_over_one_picture_does_not_stop_the_others(tmp_path):
    card = Card("test_failing", "restore", None, failing, KEYS, "MIT", lesson="")
    done = files_done(batch(card, targets(photos(tmp_path / "in"), tmp_path / "out"), {}))
    assert [f.error and f.error.key for f in done] == [None, "picture_failed", None]
    assert isinstance(done[1].error.__cause__, ZeroDivisionError)  # for the log of the page


def test_a_download_tells_its_own_progress(tmp_path):
    class Far(Card):
        def run(self, *pictures, **knobs):
            yield Frame(5, 67_000_000, stage="download")
            yield from super().run(*pictures, **knobs)

    card = Far("nearest", "upscale", NEAREST.net, NEAREST.pipeline, NEAREST.paper, "MIT", lesson="")
    first, *_ = batch(card, targets(photos(tmp_path / "in", 1), tmp_path / "out"), {})
    assert (first.done, first.total, first.stage) == (5, 67_000_000, "download")


def test_a_record_of_nothing_is_empty(tmp_path):
    (tmp_path / "rubbish.png").write_bytes(b"rubbish")
    Image.new("RGB", (3, 3)).save(tmp_path / "photo.png")
    assert record_of(tmp_path / "rubbish.png") == record_of(tmp_path / "photo.png") == record_of(tmp_path / "none.png") == {}


# -- networks of other people's: spandrel is not among our requirements, so a stand-in plays it ---------------------


class Triple(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 27, 1, bias=False)

    def forward(self, x):
        return torch.pixel_shuffle(self.conv(x), 3)


@pytest.fixture
def spandrel(monkeypatch):
    """The part of spandrel's interface that is used; it knows one architecture."""
    import types

    stand_in = types.ModuleType("spandrel")

    class Unsupported(Exception):
        pass

    class Descriptor:
        scale, input_channels = 3, 3
        architecture = types.SimpleNamespace(name="Triple")

        def __init__(self, state):
            self.model = Triple()
            self.model.load_state_dict(state)

        def __call__(self, x):
            return self.model(x).clamp(0, 1)

    class Loader:
        def __init__(self, registry):
            pass

        def load_from_state_dict(self, state):
            if set(state) != {"conv.weight"}:
                raise Unsupported
            return Descriptor(state)

    stand_in.ImageModelDescriptor, stand_in.ModelLoader = Descriptor, Loader
    stand_in.UnsupportedModelError, stand_in.MAIN_REGISTRY = Unsupported, None
    monkeypatch.setitem(sys.modules, "spandrel", stand_in)


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"params_ema": s}, lambda s: {"state_dict": s, "epoch": 3}])
def test_a_checkpoint_becomes_a_card(spandrel, tmp_path, wrap):
    torch.manual_seed(0)
    net = Triple()
    torch.save(wrap(net.state_dict()), tmp_path / "triple.pth")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (10, 12, 3), np.uint8)).save(tmp_path / "photo.png")
    picture = decode(tmp_path / "photo.png")
    card = card_of(tmp_path / "triple.pth")
    assert isinstance(card, Card) and card.knobs["scale"].default == 3
    with torch.no_grad():
        wanted = net(to_tensor(picture.pixels))[0].clamp(0, 1) * 255
    got = card(picture).pictures[0].pixels
    assert np.abs(got - wanted.permute(1, 2, 0).numpy()).max() <= 0.51


def test_another_network_in_a_file_of_the_same_name_begins_anew(spandrel, tmp_path):
    """As where somebody has trained his own once more."""
    paths, told = photos(tmp_path / "in", 1), []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        torch.save(Triple().state_dict(), tmp_path / "triple.pth")
        told += files_done(batch(card_of(tmp_path / "triple.pth"), targets(paths, tmp_path / "out"), {}))
    assert [(one.target.name, one.kept) for one in told] == [("0.png", False), ("0.png", True), ("0-2.png", False)]


class Bomb:
    def __reduce__(self):
        return (open, ("exploded", "w"))


def test_a_checkpoint_that_would_run_code_is_refused(spandrel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"conv.weight": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(UserError, match="checkpoint_refused"):
        card_of(tmp_path / "bomb.pth")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(("content", "key"), [
    (None, "checkpoint_missing"), (b"rubbish", "checkpoint_refused"), ({"other.weight": torch.zeros(2)}, "checkpoint_unknown"),
])
def test_other_files_are_one_clear_sentence(spandrel, tmp_path, content, key):
    path = tmp_path / "net.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        torch.save(content, path)
    with pytest.raises(UserError, match=key):
        card_of(path)


def test_without_spandrel_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(UserError, match="extra_missing"):
        card_of(tmp_path / "net.pth")


def test_results_of_a_batch_remember_their_source(tmp_path):
    paths = photos(tmp_path / "in", 1)
    list(batch(NEAREST, targets(paths, tmp_path / "out"), {}))
    record = record_of(tmp_path / "out" / "0.png")
    assert record["card"] == "nearest" and len(record["source"]) == 16 and str(tmp_path) not in json.dumps(record)


def tinted(net, picture, *, paintings: Annotated[tuple, Reference(2)] = ()):
    """Stands in for a pipeline that takes pictures as knobs."""
    yield Frame(1, 1, [Picture(np.full_like(picture.pixels, paintings[0].pixels[0, 0]))])


def test_what_was_made_with_the_same_pictures_is_kept_and_with_others_made_anew(tmp_path):
    card = Card("test_tinted", "stylize", None, tinted, KEYS, "MIT", lesson="")
    red, blue, again = (tmp_path / name for name in ("red.png", "blue.png", "again.png"))
    for path, colour in ((red, "red"), (blue, "blue"), (again, "red")):
        Image.new("RGB", (3, 3), colour).save(path)
    pairs = targets(photos(tmp_path / "in", 1), tmp_path / "out")
    done = [files_done(batch(card, pairs, {"paintings": [path]}))[0] for path in (red, again, blue)]
    assert [one.kept for one in done] == [False, True, False] and done[2].target.name == "0-2.png"
    result = decode(done[2].target)
    assert result.pixels[0, 0].tolist() == [0, 0, 255] and result.record["knobs"]["paintings"] == [decode(blue).digest]


def test_a_painting_that_is_no_picture_is_told_once(tmp_path):
    card = Card("test_tinted", "stylize", None, tinted, KEYS, "MIT", lesson="")
    (tmp_path / "notes.png").write_text("no picture")
    with pytest.raises(UserError) as error:
        list(batch(card, targets(photos(tmp_path / "in"), tmp_path / "out"), {"paintings": [tmp_path / "notes.png"]}))
    assert error.value.key == "picture_unreadable"
