"""One loader: what makes a net what it is decides which one is had."""

import hashlib
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from imgen import cards, hub
from imgen.catalog import CARDS, ESPCN, find_card
from imgen.checkpoint import card_of
from imgen.controls import UserError
from imgen.image import Picture
from imgen.loader import Net, loader
from imgen.models import espcn
from imgen.pipelines.upscale import upscale

SMALL = Picture(torch.randint(0, 256, (8, 9, 3), dtype=torch.uint8).numpy())


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Weights in a folder of the test's own."""
    monkeypatch.setattr(cards, "WEIGHTS", tmp_path)
    monkeypatch.setattr(hub, "bundled", tmp_path)
    loader.forget()
    yield
    loader.forget()


def written(folder, name: str, seed: int) -> dict[str, torch.Tensor]:
    """An ESPCN's weights and json, as a training leaves them."""
    torch.manual_seed(seed)
    state = espcn.ESPCN(2).state_dict()
    save_file(state, folder / f"{name}.safetensors")
    data = (folder / f"{name}.safetensors").read_bytes()
    facts = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "scale": 2}
    (folder / f"{name}.json").write_text(json.dumps(facts))
    return state


def small(name: str, **more: object) -> cards.Card:
    return cards.Card(name, "upscale", Net("espcn:ESPCN", scale=2), upscale, ESPCN, "MIT", lesson="", float32_only=True, **more)


def same(net, state) -> bool:
    return all(torch.equal(value, state[name]) for name, value in net.state_dict().items())


def test_a_card_whose_json_is_missing_is_not_ready_and_says_so(tmp_path):
    state, card = written(tmp_path, "ours", 1), small("ours")
    assert card.ready and same(card.load(), state)
    (tmp_path / "ours.json").unlink()
    loader.forget()
    assert not card.ready
    for wanted in (card.load, card.private_copy, lambda: card(SMALL)):
        with pytest.raises(UserError) as caught:
            wanted()
        assert caught.value.key == "weights_missing"


def test_what_has_nothing_to_learn_is_always_ready():
    assert all(find_card(name).ready for name in ("bicubic", "trilinear", "edge_directed", "draw_lines"))
    assert find_card("bicubic")(SMALL, scale=2).pictures[0].width == 18


def test_after_a_training_the_new_net_is_had(tmp_path):
    old, card = written(tmp_path, "ours", 1), small("ours")
    assert same(card.load(), old)
    new = written(tmp_path, "ours", 2)
    assert same(card.load(), new) and not same(card.load(), old)


def test_two_checkpoints_of_one_name_are_two_nets(tmp_path, monkeypatch):
    """Without spandrel, which the tests do not need: a stand-in that reads them as ours."""
    def read(model):
        net = espcn.ESPCN(2).requires_grad_(False)
        net.load_state_dict(model)
        return net

    results = []
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        state = written(folder, "same", seed)
        card = checkpointed(folder / "same.safetensors", read, monkeypatch)
        assert card.name == "same.safetensors" and same(card.load(), state)
        results.append(card(SMALL, scale=2).pictures[0])
    assert results[0] != results[1]


def checkpointed(path, read, monkeypatch):
    import sys
    from types import SimpleNamespace

    class Described(SimpleNamespace):
        pass

    def load(_, state):
        return Described(architecture=SimpleNamespace(name="ESPCN"), input_channels=1, scale=2, model=read(state))

    stand_in = SimpleNamespace(
        MAIN_REGISTRY=None, ImageModelDescriptor=Described, UnsupportedModelError=KeyError,
        ModelLoader=lambda registry: SimpleNamespace(load_from_state_dict=lambda state: load(None, state)),
    )
    monkeypatch.setitem(sys.modules, "spandrel", stand_in)
    monkeypatch.setattr("imgen.checkpoint.wrapped", lambda model: model.model)
    return card_of(path)


def test_cards_that_share_a_file_share_a_net(monkeypatch):
    monkeypatch.undo()
    sharing = [card for card in CARDS if card.file == "vgg_small"]
    assert len(sharing) == 3 and len({id(card.load()) for card in sharing}) == 1


def test_a_net_is_another_in_another_precision_or_built_otherwise(tmp_path, monkeypatch):
    written(tmp_path, "ours", 1)
    card = small("ours")
    other = replace(card, net=Net("espcn:ESPCN", scale=3))
    card.load()
    with pytest.raises(UserError) as caught:  # not the one that is there
        other.load()
    assert caught.value.key == "weights_do_not_fit"
    monkeypatch.setattr("imgen.device.fast_dtype", lambda device: torch.bfloat16)
    rough = replace(card, float32_only=False).load()
    assert next(rough.parameters()).dtype == torch.bfloat16 and next(card.load().parameters()).dtype == torch.float32


def test_a_private_copy_is_nobody_elses(tmp_path):
    state, card = written(tmp_path, "ours", 1), small("ours")
    mine = card.private_copy(torch.float64)
    next(mine.parameters()).zero_()
    assert next(mine.parameters()).dtype == torch.float64 and same(card.load(), state)
    assert card.private_copy() is not card.load() and len(loader) == 1


def test_what_is_loaded_needs_its_file_no_more_and_a_given_file_is_known_from_then_on(tmp_path):
    state, card = written(tmp_path, "ours", 1), small("ours")
    elsewhere = (tmp_path / "ours.safetensors").rename(tmp_path / "elsewhere.safetensors")
    with pytest.raises(UserError):
        card.load()
    assert same(card.load(elsewhere), state) and same(card.private_copy(), state)
    elsewhere.unlink()
    assert card.ready and same(card.load(), state)
