"""What the page says about a model, about work under way and about a result: HTML in both languages."""

import shlex
from collections.abc import Iterable, Mapping
from html import escape

from imgen.cards import Card
from imgen.catalog import CATALOG, family_of
from imgen.exhibits.readme import NONE, figures
from imgen.image import Frame, Origin
from imgen.texts import LANGUAGES
from imgen.ui.kept import file_stem, is_own, titled
from imgen.ui.language import both, spans, t

MEGA = 1_000_000
MEANINGS = {  # words -> the measures that they explain
    "means_psnr": {"psnr", "reconstruction_psnr", "noise_25", "jpeg_10_gain", "fill_psnr"},
    "means_ssim": {"ssim"},
    "means_accuracy": {"accuracy"},
    "means_lpips": {"lpips", "photo_lpips", "fill_lpips", "repeated_lpips"},
    "means_frechet": {"frechet"},
    "means_precision": {"precision", "recall"},
    "means_nats": {"nats_per_picture"},
    "means_style_distance": {"style_distance"},
    "means_features": {"features"},
}


def choices(cards: Iterable[Card]) -> list[tuple[str, str]]:
    return [(t(f"title_{card.name}"), card.name) for card in cards]


def about(card: Card) -> str:
    """One sentence, and the facts a teacher asks for."""
    count = card.facts.parameters
    facts = [both("parameters", count=f"{count:,}") if count else "" if card.weights else both("no_parameters")]
    if card.weights:
        facts.append(both("license", license=card.license))
    paper = both("paper", authors=card.paper.authors, year=card.paper.year)
    link = f'href="{escape(card.paper.url)}" target="_blank" rel="noopener"'
    facts.append(f'<a {link} title="{escape(card.paper.title)}">{paper}</a>' if card.paper.url
                 else f'<span title="{escape(card.paper.title)}">{paper}</span>')
    if card.weights and not card.ready:
        facts.append(f'<b>{both("downloads", size=round(card.weights.size / MEGA))}</b>')
    line = '<i aria-hidden="true"> · </i>'.join(fact for fact in facts if fact)
    words = both("kept_about") if is_own(card.name) else both(f"card_{card.name}")
    sentence = f'<p class="sentence">{words}</p>'
    return f'{sentence}{sizes(card)}<p class="facts">{line}</p>{measured(card.facts.scores)}'


def sizes(card: Card) -> str:
    """Of a family that has a net for each size: a button for each."""
    buttons = "".join(
        f'<button type="button" data-preset="card={one.name}" aria-pressed="{"true" if one is card else "false"}">'
        f'×{one.settings["scale"]}</button>'
        for one in family_of(card)
    )
    return f'<p class="sizes" role="group"><span>{both("sizes")}</span>{buttons}</p>' if buttons else ""


def measured(scores: Mapping[str, object]) -> str:
    """The main figures, folded, and what each measure means."""
    words = {language: escape(figures(scores, language, brief=True)) for language in LANGUAGES}
    if words["en"] == NONE:
        return ""
    found = {measure for one in scores.values() if isinstance(one, dict) for measure in one}
    meanings = "".join(f"<p>{both(key)}</p>" for key, measures in MEANINGS.items() if found & measures)
    return f'<details class="measured"><summary>{both("measured")}</summary><p>{spans(**words)}</p>{meanings}</details>'


def status(words: str, share: float | None = None, kind: str = "", facts: str = "") -> str:
    """The status line; `share` in [0, 1] draws the bar.  facts: attributes, for link.js."""
    bar = f'<i style="width:{100 * share:.1f}%"></i>' if share is not None else ""
    return f'<div class="status {kind}"{facts}><div class="bar">{bar}</div><p>{words}</p></div>'


def progress(frame: Frame, left: str = "") -> str:
    """left: how long it still takes, in words."""
    share = frame.done / max(1, frame.total)
    if frame.stage == "download":
        done, total = (f"{n / MEGA:.1f}" for n in (frame.done, frame.total))
        return status(both("status_download", done=done, total=total), share)
    if frame.stage == "load":
        return status(both("status_load"), share)
    work = both("status_work", done=frame.done, total=frame.total)
    return status(f"{work} · {left}" if left else work, share)


def finished(
    origin: Origin | None, before: str | None, sizes: list[str], asked: str = "", own: bool = False,
    said: Iterable[tuple[str, Mapping[str, object]]] = (),
) -> str:
    """How a result came about: 0.21 s · CPU bfloat16 · seed 7 · 256×256 → 1024×1024; and what a pipeline has to say of it.

    asked: its address; own: whether that lacks a picture of the visitor's.
    """
    if origin is None:
        facts = [both("status_opening")]
    else:
        spent = both("seconds", seconds=f"{origin.seconds:.2f}" if origin.seconds < 10 else f"{origin.seconds:.0f}")
        facts = [
            titled(origin.card), spent if origin.device else both("status_opening"),
            escape(f"{origin.device} {origin.precision}".strip()), both("fallback") if origin.fallback else "",
            understood(origin), both("seed", seed=origin.knobs["seed"]) if "seed" in origin.knobs else "",
        ]
    size = sizes[0] if sizes else ""
    facts.append(f"{before} → {size}" if before else both("pictures", count=len(sizes), size=size) if len(sizes) > 1 else size)
    ran = " data-ran" if origin and origin.device else ""
    told = f' data-query="{escape(asked)}"{ran}{" data-own" if own else ""}' if asked else ""
    words = "".join(f'</p><p class="said">{both(key, **gaps)}' for key, gaps in said)
    return status(" · ".join(fact for fact in facts if fact) + words, kind="done", facts=told)


def understood(origin: Origin) -> str:
    """The words that counted; nothing if it was asked for none."""
    card = CATALOG.get(origin.card)
    if card is None or "words" not in card.knobs or "words" not in origin.knobs:
        return ""
    knob, words = card.knobs["words"], str(origin.knobs["words"]).split()
    chinese = dict(zip(knob.options, knob.spelled, strict=True))
    return spans(en=escape(f"“{' '.join(words)}”"), zh=escape(f"“{' '.join(chinese.get(word) or word for word in words)}”"))


def code(card: Card, knobs: Mapping[str, object]) -> str:
    """The Python and the command line that make the same again, folded."""
    picture = ['decode("picture.png")'] if card.pictures else []
    knobs = {name: value for name, value in knobs.items() if value != []}  # no picture was given
    settings = ", ".join([*picture, *(f"{name}={_plain(name, value)}" for name, value in knobs.items())])
    given = bool(picture) or any(isinstance(value, list) for value in knobs.values())
    own = f"{file_stem(card.name)}.safetensors" if is_own(card.name) else ""  # the file that the tab Train offers
    find, made = ("encode", f'card_of(Path("{own}"))') if own else ("encode, find_card", f'find_card("{card.name}")')
    python = (
        f"from pathlib import Path\n\nfrom imgen import {'decode, ' if given else ''}{find}\n"
        f"{'from imgen.lab.kept import card_of' + chr(10) if own else ''}\n"
        f'result = {made}({settings})\n'
        "for n, picture in enumerate(result.pictures):\n"
        '    Path(f"result-{n}.png").write_bytes(encode(picture))'
    )
    files = "picture.png -o result.png" if picture else "-o results/"
    command = [f"python -m imgen run {own or card.name} {files}"]
    for name, value in knobs.items():
        each = _files(name, value) if isinstance(value, list) else [str(value)]
        command += [f"--{name.replace('_', '-')} {shlex.quote(one)}" for one in each]
    parts = [(both("code_python"), python), (both("code_command"), " \\\n    ".join(command))]
    body = "".join(f'<h4>{title}</h4><pre tabindex="0"><code>{escape(text)}</code></pre>' for title, text in parts)
    return f'<details class="code"><summary>{both("show_code")}</summary><p>{both("code_hint")}</p>{body}</details>'


def _plain(name: str, value: object) -> str:
    """As it is written in Python.  An Option is a str with more in it, which its repr should not say."""
    if isinstance(value, list):
        return "[" + ", ".join(f'decode("{file}")' for file in _files(name, value)) + "]"
    return repr(str(value) if isinstance(value, str) else value)


def _files(name: str, value: list[str]) -> list[str]:
    """Names for pictures that were knobs."""
    return [f"{name}-{number}.png" for number, _ in enumerate(value, 1)]
