"""A card's network as a file for other programs, held against the card itself: what people get on the page."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from imgen import exporting
from imgen.catalog import CARDS, find_card
from imgen.controls import UserError
from imgen.loader import loader

pytestmark = pytest.mark.slow  # torch's exporter takes seconds to begin


def net_of(name: str) -> torch.nn.Module:
    return loader.private_copy(find_card(name).loadable, dtype=torch.float32).cpu()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("files")


def run(file: Path, *given: torch.Tensor) -> torch.Tensor:
    """By what reads such files: torch alone, or onnxruntime."""
    if file.suffix == ".pt2":
        return torch.export.load(file).module()(*given)
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    return torch.from_numpy(session.run(None, {name: x.numpy() for name, x in zip(names, given, strict=True)})[0])


@pytest.fixture(scope="module", params=["pt2", "onnx"])
def exported(request, files):
    """Writes a card in one of both formats."""
    if request.param == "onnx":
        for package in ("onnx", "onnxscript", "onnxruntime"):
            pytest.importorskip(package, reason="pip install onnx onnxscript onnxruntime")

    def write(name: str) -> Path:
        file = files / f"{name}.{request.param}"
        if not file.exists():
            assert exporting.export(find_card(name), file, request.param) <= exporting.NEAR
        return file

    return write


@pytest.mark.filterwarnings("ignore")  # the readers' own
class TestFiles:
    def test_an_upscaler_takes_pictures_of_any_size(self, exported):
        from imgen.functional.metrics import from_luma_and_colour, luma
        from imgen.functional.resample import enlarged

        file, net = exported("espcn_x2"), net_of("espcn_x2")
        for height, width in ((16, 16), (23, 61), (40, 17)):
            x = torch.rand(1, 3, height, width)
            with torch.inference_mode():
                wanted = from_luma_and_colour(net(luma(x)), enlarged(x, "bicubic", 2))
            torch.testing.assert_close(run(file, x), wanted, atol=1e-4, rtol=0)

    def test_a_generator_takes_any_number_of_codes(self, exported):
        file, net = exported("dcgan_fashion28"), net_of("dcgan_fashion28")
        for count in (1, 5):
            z, label = torch.randn(count, 64), torch.arange(count)
            with torch.inference_mode():
                wanted = net(z, label)
            torch.testing.assert_close(run(file, z, torch.eye(10)[label]), wanted, atol=1e-4, rtol=0)

    def test_a_file_says_what_it_is(self, exported):
        file, card = exported("dcgan_fashion28"), find_card("dcgan_fashion28")
        if file.suffix == ".pt2":
            told = {"imgen.json": ""}
            torch.export.load(file, extra_files=told)
            known = json.loads(told["imgen.json"])
        else:
            import onnx

            known = {one.key: one.value for one in onnx.load(file).metadata_props}
        assert (known["card"], known["sha256"], known["license"]) == (card.name, card.facts.sha256, "MIT")
        assert json.loads(known["classes"]) == list(card.facts.classes) and known["version"] and known["z"]


def test_what_has_no_network_of_one_pass_says_so(tmp_path):
    for card in CARDS:
        if card.net is None or card.abilities.optimises:
            with pytest.raises(UserError, match="^export_(rule|optimises)"):
                exporting.export(card, tmp_path / "x.pt2", "pt2")
    assert not list(tmp_path.iterdir())


def test_every_other_card_has_a_plan_that_is_its_networks_own_answer():
    """Without torch's exporter: what would be exported runs, at two sizes."""
    for card in CARDS:
        if card.net is not None and not card.abilities.optimises and card.ready:
            planned = exporting.plan(card)
            for given in (planned.given, exporting.elsewhere(planned)):
                with torch.inference_mode():
                    assert torch.isfinite(planned.module(*given.values())).all(), card.name
            assert {*planned.free} <= {*planned.given} and planned.about, card.name


def test_padding_in_the_words_of_an_exporter_is_the_padding_of_the_networks():
    from imgen.functional.resample import filled_up

    for height, width in ((16, 16), (17, 30), (23, 41)):
        x = torch.rand(1, 3, height, width)
        assert torch.equal(exporting.padded(x, 8), filled_up(x, 8))


def test_a_file_that_differs_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "write_pt2", lambda planned, told, out: out.write_bytes(b"x"))
    monkeypatch.setattr(exporting, "differs", lambda *_: 2e-4)
    with pytest.raises(UserError, match="export_differs"):
        exporting.export(find_card("espcn_x2"), tmp_path / "x.pt2", "pt2")
    assert not list(tmp_path.iterdir())


def test_the_command_says_what_is_missing_and_replaces_nothing(here, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    code, _, said = here("export", "espcn_x2", "-o", tmp_path / "x.onnx")
    assert code == 2 and "pip install onnx" in said
    for card, name in (("espcn_x2", "x.png"), ("gatys", "x.pt2")):
        assert here("export", card, "-o", tmp_path / name)[0] == 2
    monkeypatch.setattr(exporting, "export", lambda card, out, kind: out.write_bytes(b"new") * 0.0)
    (tmp_path / "card.pt2").write_bytes(b"old")
    code, out, _ = here("export", "espcn_x2", "-o", tmp_path / "card.pt2")
    assert code == 0 and out.strip().endswith("card-2.pt2") and (tmp_path / "card.pt2").read_bytes() == b"old"
    assert (tmp_path / "card-2.pt2").read_bytes() == b"new" and np.size([*tmp_path.iterdir()]) == 2


def test_no_link_that_somebody_has_put_there_is_written_through(here, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "export", lambda card, out, kind: out.write_bytes(b"new") * 0.0)
    theirs, folder = tmp_path / "theirs", tmp_path / "for all"
    theirs.write_bytes(b"theirs")
    folder.mkdir()
    (folder / f".imgen-{os.getpid()}.pt2").symlink_to(theirs)
    assert here("export", "espcn_x2", "-o", folder / "card.pt2")[0] == 0
    assert theirs.read_bytes() == b"theirs" and (folder / "card.pt2").read_bytes() == b"new"
