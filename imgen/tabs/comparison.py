"""One picture through several upscalers: the same detail of each result, where the pointer is, with time, memory and errors."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

import gradio as gr
from gradio.components import Component

from imgen.cards import Card
from imgen.catalog import CARDS
from imgen.controls import UserError
from imgen.image import Frame, Picture, decode, resized
from imgen.pipelines.guess import guess
from imgen.ui import report
from imgen.ui.event_settings import AT_ONCE, PRIVATE, WORK
from imgen.ui.events import halt, stoppable
from imgen.ui.language import both, t
from imgen.ui.picture import save
from imgen.ui.plot import panels
from imgen.ui.work import Trouble

SCALE = 4  # of all of them, so that their results are of one size
SIDE = 512  # pixels of the longer side at most: what is to be enlarged, or the truth
LEAST = 32  # pixels a side of a truth: the window of SSIM, the cut border, and something to look at
TRUTHS = ("none", "bicubic", "phone")  # how the picture is made small first, so that there is a truth to compare with
AT_FIRST = ("bicubic", "espcn_x4", "light_x4", "light_real_x4", "srgan_x4")
SEED = 7  # of what a "phone" does to the picture

DOT = '<i aria-hidden="true"> · </i>'
FOLLOW = """
const see = (box, event) => {  // the place under the pointer, in every crop
  const frame = box.getBoundingClientRect();
  const share = (at, start, length) => 100 * Math.min(1, Math.max(0, (at - start) / length));
  element.style.setProperty('--x', share(event.clientX, frame.left, frame.width) + '%');
  element.style.setProperty('--y', share(event.clientY, frame.top, frame.height) + '%');
};
const pair = () => {  // after every result the pictures are drawn anew: what was set before is set again
  const crops = [...element.querySelectorAll('.crop[data-name]')];
  for (const role of ['a', 'b']) {
    const chosen = crops.find(crop => crop.dataset.name === element.dataset[role]) ?? crops.at(role === 'a' ? 0 : -1);
    const layer = element.querySelector('.layer.' + role), label = element.querySelector('.label.' + role);
    if (!chosen || !layer) continue;
    layer.style.cssText = layer.parentElement.style.cssText = chosen.style.cssText;
    if (label.dataset.of !== chosen.dataset.name) label.innerHTML = chosen.dataset.title;
    label.dataset.of = chosen.dataset.name;
    for (const crop of crops) crop.parentElement.querySelector('.pick.' + role).ariaPressed = crop === chosen;
  }
  for (const input of element.querySelectorAll('input[type=range]')) input.value = element.dataset[input.name] ?? input.value;
  for (const input of element.querySelectorAll('input[type=checkbox]')) input.checked = element.classList.contains('errors');
};
for (const kind of ['pointermove', 'pointerdown'])
  element.addEventListener(kind, event => {
    const box = event.target.closest('.crop');
    if (box) see(box, event);
  });
element.addEventListener('click', event => {
  const pick = event.target.closest('.pick');
  if (!pick) return;
  element.dataset[pick.classList.contains('a') ? 'a' : 'b'] = pick.dataset.name;
  pair();
});
element.addEventListener('input', event => {
  const {name, value, checked} = event.target;
  if (name === 'errors') element.classList.toggle('errors', checked);
  else element.style.setProperty('--' + name, element.dataset[name] = value);
});
new MutationObserver(pair).observe(element, {childList: true, subtree: true});
"""


def rivals() -> list[Card]:
    """All that enlarge a whole picture."""
    return [card for card in CARDS if card.task == "upscale" and card.pipeline is not guess]


class Crops:
    """A folded part of the tab: the upscalers to choose from, their results, a pair under a slider, and a plot of all of them."""

    def __init__(self):
        with gr.Accordion(t("crops"), open=False, elem_classes="crops-fold"):
            gr.HTML(f"<p>{both('crops_hint')}</p>", elem_classes="hint")
            choices = report.choices(rivals())
            first = [card.name for card in rivals() if card.name in AT_FIRST]
            self.chosen = gr.CheckboxGroup(choices, value=first, label=t("upscalers"), elem_classes="knob", interactive=True)
            self.truth = gr.Radio(
                [(t(f"truth_{how}"), how) for how in TRUTHS], value="bicubic", label=t("truth"), elem_classes="knob",
                interactive=True,
            )
            with gr.Row(elem_classes="go"):
                self.run = gr.Button(t("compare_upscalers"), variant="primary", elem_classes="compare", scale=3)
                self.stop = gr.Button(t("stop"), elem_classes="halt", scale=1, min_width=80, interactive=False)
            self.status = gr.HTML(report.status(both("status_ready")), elem_classes="status-line")
            self.grid = gr.HTML("", js_on_load=FOLLOW, elem_classes="crops")
            chosen = [card for card in rivals() if card.knobs["scale"].default == SCALE]
            gr.HTML(panels(chosen, ("psnr",), ("lpips",), across="plot_across_upscale"), elem_classes="plots")

    def connect(self, source: Component) -> None:
        outputs = [self.grid, self.status, self.stop]
        run, stopped = stoppable(compare, halt, self.status, self.stop)
        running = self.run.click(run, [source, self.chosen, self.truth], outputs, **WORK, **PRIVATE)
        self.stop.click(stopped, None, [self.status, self.stop], cancels=[running], **AT_ONCE)


def compare(request: gr.Request, source: Path | None, chosen: list[str], truth: str) -> Iterator[tuple]:
    """A picture more each time, in the order of the catalog; one that cannot run says why in its place."""
    with Trouble(request):
        cards = [card for card in rivals() if card.name in chosen]
        if not cards:
            raise UserError("upscalers_needed")
        if not source:
            raise UserError("picture_first")
        given, true = prepared(decode(source), truth)
    shown = [figure("truth", both("crops_truth"), true, "")] if true else []
    for number, card in enumerate(cards):
        yield grid(shown), report.status(both("status_work", done=number, total=len(cards)), number / len(cards)), go(True)
        shown.append(entry(request, card, given, true))
    size = f"{given.width}×{given.height} → {given.width * SCALE}×{given.height * SCALE}"
    yield grid(shown), report.status(size, kind="done"), go(False)


def go(on: bool) -> dict:
    return gr.update(interactive=on)


def prepared(picture: Picture, truth: str) -> tuple[Picture, Picture | None]:
    """What is enlarged, and what it was before it was made small, if it was; RGB of 8 bit, of at most SIDE pixels."""
    from imgen.evaluation.upscaling import small

    if truth not in TRUTHS:
        raise UserError("knob_not_an_option", knob="truth", value=str(truth)[:40], options=", ".join(TRUTHS))
    picture = limited(picture)
    if truth == "none":
        return picture, None
    hr, lr = small(as_truth(picture).pixels, SCALE, SEED if truth == "phone" else None)
    return Picture(lr), Picture(hr)


def limited(picture: Picture) -> Picture:
    """In RGB of 8 bit, of at most SIDE pixels a side."""
    picture = picture.rgb()
    factor = min(1.0, SIDE / max(picture.width, picture.height))
    return resized(picture, max(1, round(picture.height * factor)), max(1, round(picture.width * factor)))


def as_truth(picture: Picture) -> Picture:
    """The picture itself.  UserError truth_too_small if nothing can be compared with it."""
    if min(picture.width, picture.height) < LEAST:
        raise UserError("truth_too_small", width=picture.width, height=picture.height, least=LEAST)
    return picture


def measures(picture: Picture, truth: Picture | None, border: int = 0) -> dict[str, float]:
    """psnr (dB, on Y), ssim and perceptual_distance, if there is a truth."""
    from imgen.evaluation.upscaling import resemblance

    if truth is None:
        return {}
    found = resemblance(picture.rgb(), truth, border)
    return {"psnr": found["psnr"], "ssim": found["ssim"], "perceptual_distance": found["distilled_lpips"]}


def near(picture: Picture, truth: Picture | None, border: int = 0) -> list[str]:
    """PSNR, SSIM and perceptual distance in words."""
    found = measures(picture, truth, border)
    if not found:
        return []
    near = both("perceptual_distance_is", distance=f"{found['perceptual_distance']:.3f}")
    return [f"<b>{found['psnr']:.2f} dB</b>", f"SSIM {found['ssim']:.3f}", near]


def enlarged_by(card: Card, given: Picture) -> Frame:
    card(Picture(given.pixels[:32, :32]), scale=SCALE)  # a net's first run prepares the processor
    return card(given, scale=SCALE)


def entry(request: gr.Request, card: Card, given: Picture, true: Picture | None) -> str:
    """The result of one of them, with what it cost, and how near the truth it is."""
    from imgen.evaluation.upscaling import error_map

    title = both(f"title_{card.name}")
    try:
        result = enlarged_by(card, given)
        sr = result.pictures[0]
        facts = [both("seconds", seconds=f"{result.seconds:.2f}")]
        if "memory_mib" in card.facts.bench:
            facts.append(f"{card.facts.bench['memory_mib']:.0f} MiB")
        wrong = error_map(sr, true) if true else None
        return figure(card.name, title, sr, DOT.join([*facts, *near(sr, true, SCALE)]), wrong)
    except Exception as error:
        return f'<figure><p class="title">{title}</p><p class="failed">{Trouble(request).sentence(error)}</p></figure>'


def figure(name: str, title: str, picture: Picture, facts: str, wrong: Picture | None = None) -> str:
    """A crop of the picture, which the page moves; two buttons put it under the slider."""
    style = f"--picture:url('{address(picture, name)}');aspect-ratio:{picture.width}/{picture.height}"
    style += f";--error:url('{address(wrong, f'{name}-error')}')" if wrong else ""
    box = f'<div class="crop" data-name="{name}" data-title="{escape(title)}" style="{style}"></div>'
    pick = f'data-name="{name}" aria-pressed="false"'
    picks = "".join(f'<button type="button" class="pick {role}" {pick}>{role.upper()}</button>' for role in "ab")
    return f'<figure>{box}<p class="title">{picks}{title}</p><p class="facts">{facts}</p></figure>'


def address(picture: Picture, name: str) -> str:
    """Where the browser finds it, whatever the page's own address is."""
    return f"gradio_api/file={save(picture, name)}"


def grid(figures: list[str]) -> str:
    if not figures:
        return ""
    slider = (
        '<div class="pair"><div class="crop layers"><div class="layer a"></div><div class="layer b"></div></div>'
        '<p class="ends"><span class="label a"></span><span class="label b"></span></p>'
        '<input type="range" name="cut" min="0" max="1" step="0.005" value="0.5" aria-label="A | B"></div>'
    )
    zoom = '<input type="range" name="zoom" min="1" max="12" step="0.5" value="4">'
    tools = (
        f'<p class="tools"><label>{both("crops_zoom")} {zoom}</label>'
        f'<label><input type="checkbox" name="errors"> {both("crops_errors")}</label></p>'
    )
    return f'{tools}<div class="grid">{"".join(figures)}</div>{slider}'
