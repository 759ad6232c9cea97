"""Several processes of torchrun train as one does: the same batches, the same noise, the same weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import noise_picture
from PIL import Image
from safetensors.torch import load_file

from imgen.controls import UserError
from imgen.functional import together
from imgen.training.runs import RUNS

SCRIPT = Path(__file__).with_name("together.py")
ROOT = SCRIPT.parent.parent
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
HERE = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
QUICK = ["espcn", "usual_gan", "conv_vae"]
REST = [  # each idea once; those left out differ by their nets alone
    "gan", "flow", "classify", "light", "sharp", "imitated", "inpaint", "recur", "thin", "distilled", "style", "patch_judged",
]


def processes(*commands: list[str]) -> list[str]:
    """Run them at the same time -> what each printed."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    runs = [subprocess.Popen(command, env=HERE, cwd=ROOT, **pipes) for command in commands]
    printed = []
    for run in runs:
        out, said = run.communicate(timeout=300)
        assert run.returncode == 0, said[-3000:]
        printed.append(out)
    return printed


def compared(folder: Path, steps: int, names: list[str], within: float) -> None:
    """Train each of the recipes alone and in two processes: nets, averages, losses and random numbers."""
    alone, two = folder / "alone", folder / "two"
    for out in (alone, two):
        out.mkdir()
    asked = [str(SCRIPT), str(steps)]
    processes([sys.executable, *asked, str(alone), *names], [*TORCHRUN, *asked, str(two), *names])
    for name in names:
        one = torch.load(alone / f"{name}.result")
        for number in ("", "-second"):
            both = torch.load(two / f"{name}{number}.result")
            for part, state in one["state"].items():
                for key, value in state.items():
                    off = (both["state"][part][key].double() - value.double()).abs().max().item() if value.numel() else 0
                    assert off <= within, (name, part, key, off)
            assert torch.equal(both["random"], one["random"]), name
            for told, wanted in zip(both["losses"], one["losses"], strict=True):
                assert told == pytest.approx({**wanted, "seconds_left": told["seconds_left"]}, rel=1e-6), name
        assert (two / f"{name}.pt").exists() and not (two / f"{name}-second.pt").exists()


def test_two_processes_reach_the_weights_of_one(tmp_path):
    """After 20 steps: a regression, a GAN with batch norm in both nets, a VAE whose variance is that of the whole batch."""
    compared(tmp_path, 20, QUICK, 1e-9)


@pytest.mark.slow
def test_so_does_every_other_recipe(tmp_path):
    compared(tmp_path, 4, REST, 1e-9)


@pytest.mark.slow
def test_the_command_trains_under_torchrun_and_goes_on_alone(tmp_path):
    """One process writes and tells; what it wrote is what one alone would have written, and either may go on from it."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for n in range(2):
        Image.fromarray(noise_picture(160, 160, seed=n).pixels).resize((320, 320)).save(photos / f"{n}.png")

    def command(name: str, steps: int) -> list[str]:
        out, kept = str(tmp_path / name), str(tmp_path / f"{name}-runs")
        return ["imgen", "train", "espcn_x3", "--data", str(photos), "--steps", str(steps), "--out", out, "--checkpoints", kept]

    printed = processes([sys.executable, "-m", *command("alone", 6)], [*TORCHRUN, "-m", *command("two", 6)])
    assert [out.split() for out in printed] == [[str(tmp_path / name / "espcn_x3.safetensors")] for name in ("alone", "two")]
    weights = [load_file(tmp_path / name / "espcn_x3.safetensors") for name in ("alone", "two")]
    for key, value in weights[0].items():
        torch.testing.assert_close(weights[1][key].float(), value.float(), rtol=0, atol=1e-3)  # stored in half precision
    processes([sys.executable, "-m", *command("two", 8)])
    facts = json.loads((tmp_path / "two" / "espcn_x3.json").read_text())["training"]
    assert facts["steps"] == 8 and facts["planned_steps"] == [6, 8] and facts["pictures_seen"] == 8 * RUNS["espcn_x3"].batch


def test_a_process_that_is_alone_shares_nothing():
    x = torch.arange(6.0)
    with together.parted():
        assert together.ours(x) is x and together.mean(x) is x and together.most(x) is x and together.whole(6) == 6
        assert together.among_first(3) == (3, 1.0) and together.owned(2) == [True, True]


def test_a_batch_that_cannot_be_shared_evenly_is_refused(monkeypatch):
    monkeypatch.setattr(together, "_count", 4)
    with pytest.raises(UserError, match="batch_not_divisible"):
        together.ours(torch.zeros(6, 1))
    monkeypatch.setattr(together, "_number", 3)
    assert together.ours(torch.arange(8)).tolist() == [3, 7] and together.among_first(2) == (0, 0.0)
    assert together.owned(1) == [False, False, False, True]
