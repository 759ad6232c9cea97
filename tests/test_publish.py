"""What goes to the Hub and what comes back: model cards, a whole repository, a Space and what it is built with."""

import hashlib
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import huggingface_hub
import pytest
import torch
import yaml
from conftest import noise_picture
from huggingface_hub import ModelCard
from safetensors.torch import save_file
from stand_in_hub import COMMIT, StandInHub

from imgen import cards, hub
from imgen.catalog import CARDS, find_card, foreign_weights
from imgen.controls import UserError
from imgen.exhibits import readme
from imgen.exhibits.model_cards import index, model_card
from imgen.facts import read_facts
from imgen.loader import Net
from imgen.terminal.showing import summary

ROOT = Path(__file__).parent.parent
OURS = [card for card in CARDS if card.weights and not card.source]
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")


@pytest.fixture(scope="module")
def server():
    with StandInHub() as one:
        yield one


def front_of(text: str) -> dict:
    return yaml.safe_load(text.split("---\n")[1])


# -- model cards --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("card", OURS, ids=lambda card: card.name)
def test_the_hub_reads_a_model_card_as_the_facts_say_it(card):
    stored = json.loads((ROOT / "weights" / f"{card.stem}.json").read_text())
    read = ModelCard(model_card(summary(card), card.weights.file, "someone/weights"))
    assert read.data.license == card.license.lower() and read.data.model_name == card.name and card.task in read.data.tags
    for result in read.data.eval_results or []:
        data = "fashion_mnist" if result.dataset_type == "zalando-datasets/fashion_mnist" else result.dataset_type
        assert stored["scores"][data][result.metric_type] == result.metric_value
    measured = [scores for scores in stored["scores"].values() if isinstance(scores, dict)]
    assert bool(read.data.eval_results) == bool(measured)
    assert stored["sha256"] in read.text and f"{stored['parameters']:,}" in read.text and card.paper.title in read.text
    for key, value in stored["training"].items():
        assert f"- {key}: {value}" in read.text or value in ("", 0, [])
    assert f"python -m imgen train {stored['training']['run']}" in read.text and f"`{card.stem}.safetensors`" in read.text


def test_no_figure_of_a_model_card_is_typed():
    """Other facts, other figures: none stays."""
    row = summary(find_card("espcn_x4"))
    other = {**row, "scores": {"Set5": {"psnr": 11.25, "ssim": 0.125}}, "parameters": 77, "bytes": 99, "sha256": "none"}
    text = model_card({**other, "training": {}}, "espcn_x4.safetensors", "someone/weights")
    table = text[text.index("## "):]
    assert set(NUMBER.findall(table.replace("espcn_x4", "").replace("Set5", ""))) == {"11.25", "0.125"}
    assert [one.metric_value for one in ModelCard(text).data.eval_results] == [11.25, 0.125]


def test_the_list_of_all_models_holds_their_figures():
    text = index([summary(card) for card in OURS], "someone/weights")
    front = front_of(text)
    assert {one["name"] for one in front["model-index"]} == {card.name for card in OURS if card.facts.measured()}
    assert ModelCard(text).data.license == "mit"
    assert all(f"(cards/{card.name}.md)" in text for card in OURS)


# -- weights of others ----------------------------------------------------------------------------------------------------


def test_weights_of_others_are_pinned():
    """Each by its sha256, which holds whatever a branch becomes."""
    assert len(foreign_weights()) >= 3
    for w in foreign_weights():
        assert re.fullmatch(r"[0-9a-f]{64}", w.sha256) and (w.revision == "main" or re.fullmatch(r"[0-9a-f]{40}", w.revision))


def test_a_space_is_built_with_the_weights_of_others():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.front_matter(text, foreign_weights()) == text, "python -m imgen readme"
    front, wanted = front_of(text), {(w.repository, w.file, w.revision) for w in foreign_weights()}
    brought = set()
    for line in front["preload_from_hub"]:
        repository, files, *commit = line.split()
        brought |= {(repository, file, *(commit or ["main"])) for file in files.split(",")}
    assert brought == wanted and set(front["models"]) == {repository for repository, *_ in wanted}
    assert front["sdk"] == "gradio" and front["tags"]


@pytest.mark.parametrize("name", ["realesrgan_x4", "realesrnet_x4"])
def test_a_card_of_others_runs_with_a_file_in_the_published_layout(name, server, tmp_path, monkeypatch):
    """Made up here, as small as the net allows; held to its sha256, as the real one is."""
    server.reset(b"")
    small = Net("rrdbnet:RRDBNet", blocks=1, width=8, growth=4)
    torch.manual_seed(1)
    state = small.build().state_dict()
    save_file({f"params_ema.{key}" if name == "realesrnet_x4" else key: value for key, value in state.items()}, tmp_path / "made")
    content, published = (tmp_path / "made").read_bytes(), find_card(name)
    assert published.source.repository == "kornia/real_esrgan" and published.license == "BSD-3-Clause"
    server.files = {published.source.file: content}
    settings = {"endpoint": server.url, "mirror": None, "cache": tmp_path / "cache", "patience": 2.0, "_downloads": {}}
    for key, value in {**settings, "bundled": tmp_path}.items():
        monkeypatch.setattr(hub, key, value)
    picture = noise_picture(12, 10)
    with pytest.raises(UserError, match="weights_altered"):
        cards.replace(published, net=small)(picture)
    source = cards.replace(published.source, sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    result = cards.replace(published, net=small, source=source, float32_only=True)(picture, width=0).pictures[0]
    net = small.build().eval()
    net.load_state_dict(state)
    with torch.inference_mode():
        expected = net(torch.from_numpy(picture.pixels.copy()).permute(2, 0, 1)[None] / 255).clamp(0, 1)[0].permute(1, 2, 0)
    assert (result.height, result.width) == (48, 40)
    assert abs(torch.from_numpy(result.pixels.copy()) / 255 - expected).max() < 1.01 / 255
    huggingface_hub.close_session()


# -- the whole repository, there and back -------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(server, tmp_path, monkeypatch):
    """A Hub to which some of our weights were published, and a program whose own folder of weights is empty."""
    server.reset(b"")
    given, empty = tmp_path / "given", tmp_path / "weights"
    given.mkdir()
    empty.mkdir()
    for name in ("espcn_x4.safetensors", "espcn_x4.json", "light_x4.json", "mlp_vae_fashion28.webp"):
        (given / name).write_bytes((ROOT / "weights" / name).read_bytes())
    settings = {"endpoint": server.url, "mirror": None, "cache": tmp_path / "cache", "patience": 2.0, "_downloads": {}}
    settings |= {"bundled": empty, "snapshot": None, "project_revision": "main", "project_repository": "someone/models"}
    for name, value in settings.items():
        monkeypatch.setattr(hub, name, value)
    monkeypatch.setattr(cards, "WEIGHTS", empty)
    rows = [summary(find_card("espcn_x4"))]
    made = {"espcn_x4": model_card(rows[0], "espcn_x4.safetensors", "someone/models")}
    with warnings.catch_warnings(action="ignore"):  # of huggingface_hub's own upload
        hub.publish("someone/models", given, made, index(rows, "someone/models"), token="hf_mine")
    server.files = dict(server.committed)
    yield server
    server.mode = "normal"
    huggingface_hub.close_session()


def test_a_published_repository_serves_facts_figures_and_weights(elsewhere):
    card = find_card("espcn_x4")
    assert card.facts.sha256 == "" and card.weights is None
    hub.take_snapshot(read_facts)
    assert card.facts == read_facts(ROOT / "weights" / "espcn_x4.json")
    assert cards.stored("mlp_vae_fashion28.webp").read_bytes() == (ROOT / "weights" / "mlp_vae_fashion28.webp").read_bytes()
    asked = [path for _, path, _ in elsewhere.requests if path.endswith(".safetensors")]
    assert not asked and card.weights.revision == COMMIT and hub.find(card.weights) is None
    fetching = hub.fetch(card.weights)
    with pytest.raises(StopIteration) as end:
        while True:
            next(fetching)
    assert end.value.value.read_bytes() == (ROOT / "weights" / "espcn_x4.safetensors").read_bytes()
    assert ModelCard(elsewhere.committed["README.md"].decode()).data.license == "mit"


def test_the_snapshot_of_the_last_time_does_without_the_hub(elsewhere, monkeypatch):
    hub.take_snapshot(read_facts)
    elsewhere.mode = "503"
    monkeypatch.setattr(hub, "snapshot", None)
    hub.take_snapshot(read_facts)
    assert find_card("light_x4").facts.scale == 4


def test_half_a_snapshot_is_none(elsewhere, monkeypatch):
    hub.take_snapshot(read_facts)
    (hub.snapshot / hub.WHOLE).unlink()
    elsewhere.mode = "503"
    with pytest.raises(UserError) as caught:
        hub.take_snapshot(read_facts)
    assert caught.value.key == "weights_server" and caught.value.facts["repository"] == "someone/models"


@pytest.mark.parametrize("rubbish", [b"{", b'{"no_such_fact": 1}', b"[]"])
def test_facts_that_are_none_of_ours_are_refused(elsewhere, rubbish):
    elsewhere.files["light_x4.json"] = rubbish
    with pytest.raises(UserError) as caught:
        hub.take_snapshot(read_facts)
    assert caught.value.key == "weights_altered" and caught.value.facts["file"] == "light_x4.json" and hub.snapshot is None


def test_a_repository_without_facts_says_so(elsewhere):
    elsewhere.files = {"README.md": b"", "deeper/light_x4.json": b"{}"}
    with pytest.raises(UserError) as caught:
        hub.take_snapshot(read_facts)
    assert caught.value.key == "weights_not_found"


# -- the workflow ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def tools(tmp_path):
    """`pip`, `python` and `hf` that only write down what they are told."""
    for name in ("pip", "python", "hf"):
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/said\n')
        path.chmod(0o755)

    def run(**settings):
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), **settings}
        done = subprocess.run(["bash", ".github/publish"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        said = tmp_path / "said"
        return done.returncode, said.read_text().splitlines() if said.exists() else []

    return run


def test_the_workflow_hands_its_secrets_on_and_runs_what_is_there():
    flow = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text())
    job = flow["jobs"]["publish"]
    assert job["env"] == {
        "HF_TOKEN": "${{ secrets.HF_TOKEN }}", "SPACE": "${{ vars.SPACE }}", "WEIGHTS_REPO": "${{ vars.WEIGHTS_REPO }}",
    }
    assert flow[True]["push"]["branches"] == ["main"] and flow["permissions"] == {"contents": "read"}  # YAML's "on"
    (command,) = [step["run"] for step in job["steps"] if "run" in step]
    assert command == "bash .github/publish" and (ROOT / ".github" / "publish").exists()


@pytest.mark.parametrize("settings", [{}, {"SPACE": "me/imgen", "WEIGHTS_REPO": "me/weights"}, {"HF_TOKEN": "hf_mine"},
                                      {"HF_TOKEN": "", "SPACE": "me/imgen"}], ids=str)
def test_without_secrets_nothing_is_done(tools, settings):
    assert tools(**settings) == (0, [])


def test_with_them_both_are_pushed(tools):
    code, said = tools(HF_TOKEN="hf_mine", SPACE="me/imgen", WEIGHTS_REPO="me/weights")
    assert code == 0 and "python -m imgen publish me/weights" in said
    assert [line.startswith("hf upload me/imgen . . --repo-type space") for line in said if line.startswith("hf")] == [True]
    assert "hf_mine" not in "".join(said)
    assert not any(line.startswith("hf") for line in tools(HF_TOKEN="hf_mine", WEIGHTS_REPO="me/weights")[1][len(said):])


@pytest.mark.slow
def test_the_commands_that_it_names_exist():
    for command in ([sys.executable, "-m", "imgen", "publish", "--help"], ["hf", "upload", "--help"]):
        tool = Path(sys.executable).parent / command[0] if command[0] == "hf" else command[0]
        done = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0
    script = (ROOT / ".github" / "publish").read_text()
    options = set(re.findall(r"(--[a-z-]+)", script[script.index("hf upload"):]))
    assert options <= set(re.findall(r"(--[a-z-]+)", done.stdout)) | {"--format"} and "--delete" in options
