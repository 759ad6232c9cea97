"""Recorded trainings: which recipe, which data, how long.  `python -m imgen train NAME` repeats one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from imgen.cards import WEIGHTS
from imgen.catalog import find_card
from imgen.controls import UserError
from imgen.facts import write_facts
from imgen.functional.together import first_goes_before
from imgen.image import Frame
from imgen.loader import read_weights
from imgen.models.dncnn import DnCNN
from imgen.models.enhancenet import EnhanceNet
from imgen.models.espcn import ESPCN
from imgen.models.light import Light
from imgen.models.nafnet import NAFNet
from imgen.models.srcnn import SRCNN
from imgen.models.srdensenet import SRDenseNet
from imgen.models.srresnet import SRResNet
from imgen.models.vdsr import VDSR
from imgen.training import weights
from imgen.training.data import MORE_SHRINKS
from imgen.training.degrade import noisy, noisy_or_jpeg, phones_and_screens
from imgen.training.expand import put
from imgen.training.flow import FlowMatching
from imgen.training.judge import can_judge, write_judge
from imgen.training.loop import Recipe, history_of, train
from imgen.training.makers import (
    Make,
    any_painting,
    classes_flow,
    collapsing,
    convolutional,
    dcgan,
    dense,
    distilled_squeezenet,
    fashion,
    fashion_ae,
    fashion_cnn,
    fashion_flow,
    fashion_gan,
    fashion_vae,
    few_pictures,
    flowers_vae,
    imitating,
    inpainting,
    mended,
    paintings,
    patches_judged,
    photos,
    recurring,
    repaired,
    residual,
    shapes_cnn,
    sharper,
    small_gan,
    small_vgg,
    tiny_gan,
    usual_fashion_gan,
    usual_flowers,
    usual_vae,
    worded_flow,
    worded_gan,
)
from imgen.training.regression import Upscale
from imgen.training.stylizing import Stylize


@dataclass(frozen=True)
class Run:
    """`make(data, teachers, device)` -> the recipe, and the facts that the card's pipeline needs (class names …)."""

    make: Make
    steps: int
    batch: int
    starts_from: str = ""  # another card whose matching tensors are a better start than noise
    teacher: str = ""  # a card whose pictures it learned from


LIGHTLY = {"side": 36, "expanded": True, "muon": True}

RUNS = {
    "dcgan_flowers64": Run(small_gan(dcgan), 12000, 32),
    "resgan_flowers64": Run(small_gan(residual), 12000, 32),
    "usual_dcgan_flowers64": Run(usual_flowers, 2600, 64),
    "word_gan_emoji64": Run(worded_gan, 12000, 32),
    "conv_vae_flowers64": Run(flowers_vae, 6000, 64),
    "flow_emoji64": Run(worded_flow, 30000, 32, starts_from="flow_emoji64"),
    "flow_flowers64": Run(classes_flow, 30000, 32, starts_from="flow_emoji64"),
    "flow_fashion28": Run(fashion(fashion_flow, 128), 8000, 128),
    # Fréchet distances at one bound: 809 with a falling rate, an average and β 1; 750 with β 0.7; 645 with a steady rate and no
    # average, as the usual recipe has it; 607 so.  An average draws more softly than what it is the average of.
    "mlp_vae_fashion28": Run(fashion_vae(16, beta=0.6, steady=True, decay=0.0), 12000, 256),
    "mlp_vae2d_fashion28": Run(fashion_vae(2), 12000, 256),
    "usual_mlp_vae_fashion28": Run(fashion(usual_vae, 128), 24000, 128),
    "conv_ae_fashion28": Run(fashion(fashion_ae, 256), 4000, 256),
    "mlp_gan_fashion28": Run(fashion_gan(dense), 9000, 64),
    "usual_mlp_gan_fashion28": Run(usual_fashion_gan(dense), 9000, 64),
    "dcgan_fashion28": Run(fashion_gan(convolutional), 10000, 64),
    "usual_dcgan_fashion28": Run(usual_fashion_gan(convolutional), 10000, 64),
    "undertrained_dcgan_fashion28": Run(usual_fashion_gan(convolutional), 120, 64),
    "collapsed_dcgan_fashion28": Run(fashion(collapsing, 64), 600, 64),
    "overfitted_dcgan_fashion28": Run(fashion(few_pictures, 64), 2500, 64),
    # With Adam, plain kernels and fewer sizes of the photographs both stood still a little lower.
    "espcn_x3": Run(
        photos(ESPCN, 3, MORE_SHRINKS, rate=3e-4, batch=32, expanded=True, muon=True), 12000, 32, starts_from="espcn_x3",
    ),
    "espcn_x4": Run(photos(ESPCN, 4), 45000, 16, starts_from="espcn_x3"),
    "espcn_x2": Run(
        photos(ESPCN, 2, MORE_SHRINKS, rate=3e-4, batch=32, expanded=True, muon=True), 12000, 32, starts_from="espcn_x2",
    ),
    # Without drawn figures they were 4.4 to 5.5 dB worse than a bicubic spline where edges have stairs, and speckled them.
    "light_x4": Run(photos(Light, 4, MORE_SHRINKS, drawn=0.06, rate=5e-4, **LIGHTLY), 3100, 16, starts_from="light_x4"),
    "light_x3": Run(photos(Light, 3, MORE_SHRINKS, drawn=0.06, rate=3e-4, **LIGHTLY), 800, 16, starts_from="light_x3"),
    "light_x2": Run(photos(Light, 2, MORE_SHRINKS, drawn=0.06, rate=3e-4, **LIGHTLY), 800, 16, starts_from="light_x2"),
    "light_real_x4": Run(
        photos(Light, 4, MORE_SHRINKS, drawn=0.06, spoil=phones_and_screens, rate=3e-4, **LIGHTLY), 1200, 16,
        starts_from="light_real_x4",
    ),
    "light_real_x2": Run(
        photos(Light, 2, MORE_SHRINKS, drawn=0.06, spoil=phones_and_screens, rate=3e-4, **LIGHTLY), 700, 16,
        starts_from="light_real_x2",
    ),
    "light_unet_x4": Run(
        imitating(
            40, 10, adversarial=0.05, likeness_from=0.0, share=4.0, rate=5e-4, batch=8, side=40, muon=True, longest=0.5,
        ), 5500, 8, starts_from="light_unet_x4", teacher="realesrgan_x4",
    ),
    "srcnn_x3": Run(
        photos(SRCNN, 3, MORE_SHRINKS, side=24, expanded=True, muon=True), 13000, 16, starts_from="srcnn_x3",
    ),
    "srcnn_x4": Run(photos(SRCNN, 4, side=24), 15000, 16, starts_from="srcnn_x3"),
    "srcnn_x2": Run(photos(SRCNN, 2, side=32), 15000, 16, starts_from="srcnn_x3"),
    "vdsr_x4": Run(photos(VDSR, 4, side=12, rate=1e-3, muon=True), 15000, 16),
    "srdensenet_x4": Run(photos(SRDenseNet, 4, side=32, rate=2e-3, muon=True), 20000, 16),
    "srresnet_x4": Run(photos(lambda _: SRResNet(), 4, side=24, rate=5e-4), 40000, 16),
    "enhancenet_x4": Run(photos(lambda _: EnhanceNet(), 4, side=24, rate=2e-3, muon=True), 9000, 16),
    "srgan_x4": Run(
        sharper(lambda _: SRResNet(), pixels=1.0, features=0.3, adversarial=0.01), 4000, 16, starts_from="srresnet_x4",
    ),
    "enhancenet_pat_x4": Run(
        sharper(lambda _: EnhanceNet(), pixels=0.5, features=0.5, textures=0.1, adversarial=0.02), 4000, 16,
        starts_from="enhancenet_x4",
    ),
    "espcn_gan_x4": Run(sharper(ESPCN, pixels=0.5, features=0.5, adversarial=0.02), 6000, 16, starts_from="espcn_x4"),
    "tiny_gan_x7": Run(tiny_gan, 8000, 64),
    "transfer_paintings": Run(paintings, 6000, 4),
    "transfer_gan": Run(patches_judged, 600, 4, starts_from="transfer_paintings"),
    "arbitrary_style": Run(any_painting, 7500, 4),
    "dncnn_color": Run(mended(DnCNN, noisy, batch=8, decibels=True), 12000, 8, starts_from="dncnn_color"),
    "light_restore": Run(
        mended(NAFNet, noisy_or_jpeg, side=64, batch=8, decibels=True), 12000, 8, starts_from="light_restore",
    ),
    "conv_ae_restore": Run(repaired, 6000, 8, starts_from="conv_ae_restore"),
    "recurrent_restore": Run(recurring, 6000, 8, starts_from="recurrent_restore"),
    "attention_inpaint": Run(inpainting, 14000, 4, starts_from="attention_inpaint"),
    "cnn_shapes32": Run(shapes_cnn, 8000, 128),
    "cnn_fashion28": Run(fashion_cnn, 16000, 128),
    "vgg_small": Run(small_vgg, 1000, 8),
    "distilled_squeezenet": Run(distilled_squeezenet, 1000, 128),
}


def start(
    name: str, folder: Path, teachers: Path | None, steps: int | None, seed: int, checkpoints: Path, device: str
) -> tuple[Recipe, dict[str, object], Iterator[Frame]]:
    """Build a run's recipe -> the recipe, the card's facts, and the training itself, which goes on from a checkpoint."""
    run = RUNS[name]
    torch.manual_seed(seed)
    with first_goes_before():
        recipe, facts = run.make(folder, teachers, device)
    older, earlier = WEIGHTS / f"{run.starts_from}.safetensors", 0
    if run.starts_from and older.exists():
        assert isinstance(recipe, Upscale | Stylize | FlowMatching), f"{name} has no net to begin with"
        borrow(recipe.net, read_weights(older))
        known = find_card(run.starts_from).facts.training
        earlier = known.steps + known.earlier_steps if known else 0
    return recipe, facts, train(recipe, steps or run.steps, checkpoints / f"{name}.pt", earlier=earlier)


def borrow(net: nn.Module, weights: dict[str, Tensor]) -> None:
    """Take those of another net's tensors that have a place of the same shape here; rows that a longer table has besides
    begin as the last.
    """
    for key, value in weights.items():
        place, _, name = key.rpartition(".")
        module = net.get_submodule(place)
        wanted = getattr(module, name).shape
        if name == "table" and wanted[1:] == value.shape[1:] and wanted[0] > len(value):
            value = torch.cat([value, value[-1:].expand(wanted[0] - len(value), *value.shape[1:])])
        if wanted == value.shape:
            put(module, name, value)


def finish(name: str, recipe: Recipe, facts: dict[str, object], folder: Path, seed: int, checkpoints: Path, out: Path) -> Path:
    """Write the weights that the recipe has reached.  UserError if it was stopped before its first step."""
    checkpoint = checkpoints / f"{name}.pt"
    if not checkpoint.exists():
        raise UserError("nothing_learned", run=name)
    history = history_of(torch.load(checkpoint, weights_only=True))
    training = {
        "run": name, "steps": history.done, "planned_steps": history.plans, "pictures_seen": history.done * RUNS[name].batch,
        "seed": seed, "data": folder.stem, "precision": history.precisions,
    }
    if RUNS[name].teacher:
        card = find_card(RUNS[name].teacher)
        source = card.weights.repository if card.weights else ""
        training |= {"teacher": card.name, "teacher_license": card.license, "teacher_source": source}
    if history.earlier:
        training |= {"starts_from": RUNS[name].starts_from, "earlier_steps": history.earlier}
    out.mkdir(parents=True, exist_ok=True)
    facts = {**facts, "curve": weights.curve(history)}
    if history.moments:
        facts["moments"] = [step for step, _ in history.moments]
        weights.write_replay(name, history, out)
    tensors = recipe.weights()
    if can_judge(recipe):
        facts["judge"] = write_judge(name, recipe, tensors, out)
    return weights.write(name, tensors, facts, training, out)


def keep_judge(name: str, folder: Path, checkpoints: Path, out: Path) -> Path:
    """Write the judge of a training that ended before judges were kept: from its checkpoint, beside its weights in `out`.

    folder: the data that it was trained on.  Raises UserError no_judge, no_checkpoint.
    """
    checkpoint, known = checkpoints / f"{name}.pt", out / f"{name}.json"
    if not checkpoint.exists() or not known.exists():
        raise UserError("no_checkpoint", run=name)
    recipe, _ = RUNS[name].make(folder, None, "cpu")
    if not can_judge(recipe):
        raise UserError("no_judge", run=name)
    judges = torch.load(checkpoint, weights_only=True)["state"]["judges"]  # the first sees pixels, a second may see features
    recipe.discriminator.load_state_dict({key[2:]: value for key, value in judges.items() if key.startswith("0.")})
    facts = write_judge(name, recipe, read_weights(out / f"{name}.safetensors"), out)
    write_facts(known, json.loads(known.read_text(encoding="utf-8")) | {"judge": facts})
    return out / f"{name}_judge.safetensors"
