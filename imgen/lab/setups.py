"""What can be asked of the lab: a method, its data and knobs, checked; good beginnings, and failures that can be relied on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from imgen.controls import Choice, Knob, Seed, Slider, UserError, checked, knobs_of
from imgen.lab.methods import METHODS
from imgen.loader import Net

CLOTHES = Net("dcgan:Generator", classes=10, latent=64, side=28, channels=1)  # the card dcgan_fashion28
DATA = ("shapes", "digits", "characters", "fashion", "mnist", "own")
PIECES = ("pictures", "shapes", "digits", "characters", "own")  # for what enlarges and mends
MENDING = ("espcn", "denoiser")


def _common(
    *, data: Annotated[str, Choice("data")] = "", seed: Annotated[int, Seed()] = 0,
    seconds: Annotated[int, Slider(5, 120, 5, "s")] = 20, steps: Annotated[int, Slider(0, 1_000_000, 1, more=True)] = 0,
) -> None:
    """Knobs of every method.  steps: after which it ends, however long that takes; 0: `seconds` decide."""


def knobs(method: str) -> dict[str, Knob]:
    """All that can be chosen for a method: what it learns from, how long, and its own knobs.  UserError lab_method."""
    if method not in METHODS:
        raise UserError("lab_method", method=str(method)[:40], methods=", ".join(METHODS))
    data = PIECES if method in MENDING else DATA
    return {**knobs_of(_common, {"data": data}), **knobs_of(METHODS[method], {})}


@dataclass(frozen=True)
class Setup:
    """A training as it can be written down: `Setup.read({"method": "gan", "seed": 3, "rate": 1e-3})`."""

    method: str
    data: str
    seed: int
    seconds: int
    steps: int
    knobs: Mapping[str, Any] = field(default_factory=dict)  # the method's own, all of them

    @classmethod
    def read(cls, wanted: Mapping[str, Any]) -> "Setup":
        """Every value checked, defaults filled in.  Raises UserError: lab_method, knob_…"""
        method = str(wanted.get("method", ""))
        values = checked(knobs(method), {str(name): value for name, value in wanted.items() if name != "method"})
        common = {name: values.pop(name) for name in ("data", "seed", "seconds", "steps")}
        return cls(method, str(common.pop("data")), **common, knobs={k: plain(v) for k, v in values.items()})

    def written(self) -> dict[str, Any]:
        """As `read` takes it, and JSON."""
        return {"method": self.method, "data": self.data, "seed": self.seed, "seconds": self.seconds, "steps": self.steps,
                **self.knobs}

    def but(self, **changes: object) -> "Setup":
        """The same with some values changed."""
        return Setup.read({**self.written(), **changes})

    def again(self, seed: int) -> "Setup":
        """A new start."""
        return replace(self, seed=seed)


def plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


STEERED = ("rate", "rate_d", "loss", "d_steps", "g_steps", "beta")  # what takes effect at the next step
LONGEST_STEP = 2.0  # seconds, in slow motion


def ordered(setup: Setup, orders: Mapping[str, Any]) -> dict[str, Any]:
    """What a running training may be told, checked: knobs of STEERED that its method has, "pause", "step", "slow".  UserError."""
    own = knobs(setup.method)
    offered = {name: own[name] for name in STEERED if name in own}
    found: dict[str, Any] = {}
    for name, value in orders.items():
        match name:
            case "pause":
                found[name] = bool(value)
            case "step":
                found[name] = STEP.check(value)
            case "slow":
                found[name] = SLOW.check(value)
            case _ if name in offered:
                found[name] = plain(offered[name].check(value))
            case _:
                raise UserError("knob_unknown", knob=str(name)[:40], knobs=", ".join((*offered, "pause", "step", "slow")))
    return found


STEP = Knob("step", Slider(1, 100, 1), 1)
SLOW = Knob("slow", Slider(0.0, LONGEST_STEP, 0.05, "s"), 0.0)


@dataclass(frozen=True)
class Preset:
    """A failure that can be relied on, and what mends it.  Its words: lab_preset_<name>, …_see, …_why, …_mend."""

    setup: Setup
    remedy: Mapping[str, Any]  # knobs that mend it
    steps: int  # after which the symptom shows, at the latest

    @property
    def mended(self) -> Setup:
        return self.setup.but(**self.remedy)


def _preset(method: str, steps: int, remedy: Mapping[str, Any], **values: Any) -> Preset:
    return Preset(Setup.read({"method": method, **values}), remedy, steps)


STARTS: dict[str, Setup] = {method: Setup.read({"method": method}) for method in METHODS}  # good ones
PRESETS: dict[str, Preset] = {
    "mode_collapse": _preset("gan", 60, {"g_steps": 1, "batch_norm": "on"}, g_steps=5, batch_norm="off"),
    "judge_too_strong": _preset("gan", 40, {"rate": 1e-3, "rate_d": 1e-3, "d_steps": 1}, rate=1e-4, d_steps=5, rate_d=2e-3),
    "judge_too_weak": _preset("gan", 220, {"units_d": 256}, units_d=2),
    "saturating": _preset("gan", 120, {"loss": "non_saturating"}, loss="saturating", optimizer="sgd", rate=0.05, rate_d=0.05),
    "rate_too_high": _preset("gan", 60, {"rate": 1e-3, "rate_d": 1e-3}, rate=0.1, rate_d=0.1),
    "kl_vanishing": _preset("vae", 60, {"beta": 1.0}, beta=50.0),
    "overfitting": _preset("cnn", 200, {"few": 0, "shuffled": 0.0}, few=16, shuffled=0.5),
    "dead_relus": _preset("cnn", 100, {"rate": 2e-3}, rate=0.3),
    "chequerboard": _preset("autoencoder", 60, {"kernel": 4}, kernel=3),
}
