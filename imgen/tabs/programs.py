"""The rooms as programs call them: an endpoint each, over the same functions as the page's own buttons and under the same turns.

Their inputs are components of the page that nobody sees, a few for all of them: what may come in by them, `doors` has checked.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.context import LocalContext

from imgen.cards import Card
from imgen.catalog import CARDS
from imgen.controls import Knob, Reference, Seed, Slider, UserError, knobs_of
from imgen.functional.contact_sheet import sheet
from imgen.image import Frame, Picture, decode
from imgen.lab.methods import METHODS
from imgen.lab.own import MOST as MOST_OWN
from imgen.lab.own import own_pictures
from imgen.lab.setups import DATA, Setup
from imgen.pipelines.explore import chart, combine, morph, point
from imgen.pipelines.rebuild import rebuild
from imgen.pipelines.steer import DIRECTIONS, REACH
from imgen.tabs import comparison, side_by_side, spoil
from imgen.tabs.keep import MOST as MOST_KEPT
from imgen.tabs.keep import Kept, explored
from imgen.tabs.latent_map import mapped
from imgen.tabs.own_picture import ROLES
from imgen.tabs.steer import moved
from imgen.texts import text
from imgen.ui.classroom import BOXES, Desk, classroom
from imgen.ui.endpoint import publish_room, span
from imgen.ui.inspecting import inspected
from imgen.ui.kept import find_card
from imgen.ui.knobs import MaskKnob, SeedKnob, SeveralKnob, WordsKnob
from imgen.ui.picture import PictureInput, Pictures, paths_of, peek, save
from imgen.ui.stock import put
from imgen.ui.teaching import address_of
from imgen.ui.turns import once, wanted
from imgen.ui.work import Trouble

MOST_STEPS = 5000  # of one training that a program asks for
A_PICTURE, THE_CARD = "a picture file", "one of {}"
MADE = "a PNG that a generator of imgen has made"
Told = dict[str, Any]  # how a result came about, as JSON


class Values(gr.JSON):
    """Numbers in a list, or values by their names; what is in it the room checks."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return getattr(payload, "root", payload)


def publish_rooms(mask: Component) -> None:
    """mask: the component by which a painted mask comes in."""
    assert isinstance(mask, MaskKnob)
    with gr.Column(visible=False):
        button, picture, pictures = gr.Button(), PictureInput(type="filepath", format="png"), Pictures(format="png")
        word, number, cards, values = WordsKnob(), SeedKnob(), SeveralKnob(choices=[]), Values()
        gallery, image, film_strip = gr.Gallery(format="png"), gr.Image(type="filepath", format="png"), gr.Image(
            type="filepath", format="webp")
        file, made = gr.File(), gr.JSON()

    def room(work: Callable, about: str, outputs: dict[str, Component], **inputs: tuple[Component, str] | tuple) -> None:
        """inputs: by the parameter's name its component, what it may be, and whether it must be given."""
        told = [f"    {name}: {what[1]}" for name, what in inputs.items()]
        words = "\n".join([about, "", "Parameters:", *told, "What is left out, or null, is as on the page.",
                           "Returns:", "    " + ", ".join(outputs)])
        needed = tuple(name for name, what in inputs.items() if len(what) > 2)
        components = {name: what[0] for name, what in inputs.items()}
        lane = None if work is train else "long"
        publish_room(work.__name__.removesuffix("_room"), work, button, components, outputs, words, needed, lane)

    results: dict[str, Component] = {"result": gallery, "made": made}
    need = True
    room(compare, "One picture through several upscalers; with a truth, how near to it each of them came.", results,
         picture=(picture, A_PICTURE, need), cards=(cards, f"any of {names(comparison.rivals())}"),
         truth=(word, f"how it is made small first, so that there is a truth to compare with: {', '.join(comparison.TRUTHS)}"))
    room(compare_generators, "One seed through several generators.", results,
         cards=(cards, f"any of {names(side_by_side.rivals())}"), seed=(number, span(Knob("seed", Seed(), 0))))
    room(spoil_and_repair, text("spoil_hint", "en"), results, picture=(picture, A_PICTURE, need),
         damage=(word, f"one of {', '.join((*spoil.UNITS, spoil.BRUSH, spoil.NONE))}"),
         amount=(number, f"{text('knob_amount', 'en').lower()}: 1 to 100"), seed=(number, span(Knob("seed", Seed(), 0))),
         mask=(mask, "for brush: a mask as the page's editor sends it, its painted layer"),
         cards=(cards, f"any of {names(spoil.repairers())}"))
    room(film, "From picture to picture through a generator's latent space, and back to the first: an animated WebP.",
         {"result": film_strip, "made": made}, pictures=(pictures, f"two to {MOST_KEPT}, each {MADE}", need),
         steps=(number, f"pictures from one to the next: {span(knobs_of(morph, {})['steps'])}"))
    room(combine_room, "The first − the second + the third, in their generator's latent space.",
         {"result": image, "made": made}, pictures=(pictures, f"three, each {MADE}", need))
    room(steer, "A picture moved along the directions in which its generator's pictures change most, and a fan: a row for each.",
         results, picture=(picture, MADE, need),
         amounts=(values, f"a list of up to {DIRECTIONS} numbers from {-REACH:g} to {REACH:g}: how far along direction 1, 2, …"))
    room(find, "What a generator would draw that is nearest to a picture: an autoencoder packs and unpacks it, others search.",
         results, card=(word, f"one of {names(side_by_side.rivals())}", need),
         picture=(picture, A_PICTURE, need), label=(word, "one of the generator's kinds, or all"))
    room(map_room, "A map of a latent space of two numbers, and the picture at one spot of it.", results,
         label=(word, f"one of {', '.join(mapped()[0].knobs['label'].single)}"),
         x=(number, "0 to 1, from left to right"), y=(number, "0 to 1, from top to bottom"))
    room(inside, "The layers of a network, the maps that each makes of a picture, and the sum behind one number.", results,
         card=(word, f"one of {names([card for card in CARDS if card.net])}", need),
         picture=(picture, "a picture file, for a network that takes one"),
         layer=(number, "whose maps are the result: a whole number from 0, see the layers in what comes back; without it, none"),
         channel=(number, "with y and x: of which number of that layer the sum that made it is told"),
         y=(number, "row, from 0"), x=(number, "column, from 0"),
         knobs=(values, "an object: the card's other knobs by their names, as for its task"))
    room(train, "A small network that learns here and now, within a minute: its scores, samples, and the network as a file.",
         {"result": image, "net": file, "made": made},
         method=(word, f"one of {', '.join(METHODS)}", need), data=(word, f"one of {', '.join(DATA)}; own: your pictures"),
         seconds=(number, f"the nearest of {', '.join(map(str, BOXES))}"),
         steps=(number, f"up to {MOST_STEPS}, instead of seconds"), seed=(number, span(Knob("seed", Seed(), 0))),
         knobs=(values, "an object: the method's other knobs by their names, as in `python -m imgen teach METHOD --help`"),
         pictures=(pictures, f"your own, 8 to {MOST_OWN}"))


def names(cards: list[Card]) -> str:
    return ", ".join(card.name for card in cards)


def picked(offered: list[Card], wanted_names: object, usual: tuple[str, ...] | list[str], key: str) -> list[Card]:
    """In the order of the catalog.  Raises UserError: card_unknown, and `key` if none is left."""
    asked = usual if wanted_names is None else wanted_names
    if not isinstance(asked, list | tuple):
        raise UserError("call_unreadable")
    for name in asked:
        if name not in [card.name for card in offered]:
            raise UserError("card_unknown", card=str(name)[:40], cards=names(offered))
    if not (found := [card for card in offered if card.name in asked]):
        raise UserError(key)
    return found


def number(name: str, value: object, low: float, high: float, usual: float) -> float:
    """Whole if `low` is.  Raises UserError."""
    return Knob(name, Slider(low, high, type(low)(1)), usual).check(usual if value is None else value)


def tried(request: gr.Request, cards: list[Card], work: Callable[[Card], tuple[list[Picture], Told]]) -> Iterator[tuple]:
    """(gallery, told of each) after each card, for who hangs up stops it there; one that cannot run says why."""
    shown, told = [], []
    for card in cards:
        try:
            pictures, facts = work(card)
        except Exception as error:
            pictures, facts = [], {"error": Trouble(request).sentence(error)}
        told.append({"card": card.name, "results": len(pictures), **facts})
        shown += [(save(one, card.name), card.name) for one in pictures]
        yield shown, told


def timed(result: Frame, measured: Mapping[str, float]) -> Told:
    return {"seconds": result.seconds, **{name: round(value, 4) for name, value in measured.items()}}


def compare(request: gr.Request, picture: Path | None, cards: object, truth: object) -> Iterator[tuple]:
    chosen = picked(comparison.rivals(), cards, comparison.AT_FIRST, "upscalers_needed")
    given, true = comparison.prepared(decode(picture), "none" if truth is None else str(truth))

    def work(card: Card) -> tuple[list[Picture], Told]:
        result = comparison.enlarged_by(card, given)
        sr = result.pictures[0]
        return [sr], timed(result, comparison.measures(sr, true, comparison.SCALE))

    before = [(save(true, "truth"), "truth")] if true else []
    for shown, told in tried(request, chosen, work):
        yield before + shown, {"given": [given.width, given.height], "scale": comparison.SCALE, "cards": told}


def compare_generators(request: gr.Request, cards: object, seed: object) -> Iterator[tuple]:
    chosen = picked(side_by_side.rivals(), cards, side_by_side.at_first(), "rivals_needed")
    number = chosen[0].knobs["seed"].check(0 if seed is None else seed)

    def work(card: Card) -> tuple[list[Picture], Told]:
        result = side_by_side.drawn_by(card, number)
        verdicts = side_by_side.ask_judge(card, result.pictures)
        judged = {"less_real": [[round(share, 4) for share in one] for one in verdicts]} if verdicts else {}
        return result.pictures, {"seconds": result.seconds, **judged}

    for shown, told in tried(request, chosen, work):
        yield shown, {"seed": number, "cards": told}


def spoil_and_repair(
    request: gr.Request, picture: Path | None, damage: object, amount: object, seed: object, mask: list[Path], cards: object
) -> Iterator[tuple]:
    chosen = picked(spoil.repairers(), cards, spoil.AT_FIRST, "repairers_needed")
    kind = "noise" if damage is None else str(damage)
    usual = find_card("spoil").knobs
    amounts = [usual[name].check(usual[name].default if value is None else value)
               for name, value in (("amount", amount), ("seed", seed))]
    true, worse, hole = spoil.spoiled(picture, mask or [], kind, *amounts)
    truth = None if kind == spoil.NONE else true

    def work(card: Card) -> tuple[list[Picture], Told]:
        if card.abilities.needs_mask and hole is None:
            raise UserError("mask_first")
        result = spoil.repaired_by(card, worse, hole)
        return result.pictures[:1], timed(result, comparison.measures(result.pictures[0], truth))

    before = [(save(one, name), name) for one, name in ((worse, "spoiled"), (hole, "mask")) if one]
    known = {"damage": kind, "amount": amounts[0], "seed": amounts[1]}
    plain = {name: round(value, 4) for name, value in comparison.measures(worse, truth).items()}
    for shown, told in tried(request, chosen, work):
        yield before + shown, {**known, "spoiled": plain, "cards": told}


def film(request: gr.Request, pictures: Kept, steps: object) -> tuple:
    from imgen.image import animate

    few(pictures, MOST_KEPT)
    card, last = explored(morph, pictures, **({} if steps is None else {"steps": steps}))
    return put(animate(last.pictures), f"{card.name}-film.webp"), {"card": card.name, "pictures": len(last.pictures)}


def combine_room(request: gr.Request, pictures: Kept) -> tuple:
    if len(paths_of(pictures)) != 3:
        raise UserError("pictures_to_combine", came=len(paths_of(pictures)))
    card, last = explored(combine, pictures)
    return save(last.pictures[0], f"{card.name}-sum"), {"card": card.name}


def steer(request: gr.Request, picture: Path | None, amounts: object) -> tuple:
    given = [] if amounts is None else amounts
    if not isinstance(given, list) or len(given) > DIRECTIONS:
        raise UserError("call_unreadable")
    along = [number("amounts", one, -REACH, REACH, 0.0) for one in given]
    moved_to, fan = moved(picture, [*along, *[0.0] * DIRECTIONS][:DIRECTIONS])
    return [(moved_to, "moved"), (fan, "fan")], {"card": peek(Path(moved_to))[1].get("card"), "amounts": along}


def find(request: gr.Request, card: object, picture: Path | None, label: object) -> Iterator[tuple]:
    generator = find_card(str(card))
    asked = {} if label is None else {"label": label}
    with closing(generator.do(rebuild, decode(picture), **asked)) as frames:
        for frame in frames:
            shown = []
            if frame.finished:
                shown = [(save(one, f"{generator.name}-{role}"), role) for one, role in zip(frame.pictures, ROLES, strict=True)]
            yield shown, {"card": generator.name, **frame.facts}


def map_room(request: gr.Request, label: object, x: object, y: object) -> tuple:
    card = mapped()[0]
    kind = card.knobs["label"].single[-1] if label is None else str(label)
    place = {name: number(name, value, 0.0, 1.0, 0.5) for name, value in (("x", x), ("y", y))}
    *_, all_of_it = card.do(chart, label=kind)
    *_, spot = card.do(point, label=kind, **place)
    files = [save(sheet(all_of_it.pictures, gap=0), f"{card.name}-{kind}-map"), save(spot.pictures[0], f"{card.name}-{kind}")]
    return list(zip(files, ("map", "spot"), strict=True)), {"card": card.name, "label": kind, **place}


def inside(
    request: gr.Request, card: object, picture: Path | None, layer: object, channel: object, y: object, x: object, knobs: object
) -> tuple:
    opened = find_card(str(card))
    given = {} if knobs is None else knobs
    if not isinstance(given, dict):
        raise UserError("call_unreadable")
    for name, knob in opened.knobs.items():
        if isinstance(knob.control, Reference) and name in given:  # the name of a file of ours would be one
            raise UserError("file_not_given")
    seen = inspected(opened, decode(picture) if opened.pictures and picture else None, given)
    strip = seen.strip()
    made: Told = {"card": opened.name, "layers": strip["layers"], "totals": strip["totals"]}
    if layer is None:
        return [], made
    place = int(number("layer", layer, 0, len(strip["layers"]) - 1, 0))
    maps = seen.maps(place)
    made |= {"layer": place, "statistics": seen.statistics(place), "channels": maps["channels"], "columns": maps["columns"]}
    if None not in (channel, y, x):
        made["value"] = seen.value(place, *(int(number(name, one, 0, 10**6, 0)) for name, one in
                                            (("channel", channel), ("y", y), ("x", x))))
    return [(put(unpacked(maps["png"]), f"{opened.name}-layer{place}.png"), strip["layers"][place].get("name", ""))], made


async def train(
    request: gr.Request, method: object, data: object, seconds: object, steps: object, seed: object, knobs: object,
    pictures: Kept,
) -> tuple:
    """In the one line of the classroom, as who trains on the page; it ends when nobody waits for it any more."""
    with Trouble(request):
        setup = bounded(method, {"data": data, "seconds": seconds, "steps": steps, "seed": seed}, knobs, bool(pictures))
        desk = classroom.desk("", address_of(request))
        if pictures:
            files = [Path(path) for path in paths_of(pictures)]
            classroom.bring(desk, await once(own_pictures, "look")(files, request=request))
        await learned(desk, setup, request)
        lane = classroom.lane(desk, 0)
        if not lane.moments:
            raise UserError("lab_died")
        net = await classroom.by_hand(lane.job.net)
        last = lane.moments[-1]
        made = {name: last[name] for name in ("step", "seconds", "losses", "scores", "trouble", "kept")}
        shown = last.get("samples") or last.get("recon")
        picture = save(decode(unpacked(shown["png"])), f"{setup.method}-samples") if shown else None
        file = put(net, f"{setup.method}-{setup.data}-seed{setup.seed}.safetensors")
        return picture, file, {"setup": setup.written(), **made}


def bounded(method: object, common: Mapping[str, object], knobs: object, own: bool) -> Setup:
    """Raises UserError."""
    others = {} if knobs is None else knobs
    if not isinstance(others, dict) or not all(isinstance(one, str | int | float) for one in others.values()):
        raise UserError("call_unreadable")
    given = {name: value for name, value in common.items() if value is not None}
    setup = Setup.read({**others, **given, **({"data": "own"} if own else {}), "method": method})
    number("steps", setup.steps, 0, MOST_STEPS, 0)
    return setup.but(seconds=min(BOXES, key=lambda box: abs(box - setup.seconds)))


async def learned(desk: Desk, setup: Setup, request: gr.Request) -> None:
    """Until it has learned all that it is to learn.  Raises UserError."""
    event, direct = LocalContext.event_id.get(None), getattr(request, "request", None)
    if not classroom.admit(desk.address):
        raise UserError("server_busy")
    run = classroom.ask(desk, [setup])
    async with aclosing(classroom.watch(desk.eye, desk.address, str)) as words:  # whoever watches keeps it going
        async for _ in words:
            if not wanted(event) or (event is None and direct and await direct.is_disconnected()):
                classroom.end(desk, keep=False)
                raise UserError("call_unreadable")  # nobody hears it
    if trouble := run.error or run.lanes[0].error:
        raise trouble


def unpacked(address: str) -> bytes:
    """The bytes of a data URL of our own."""
    return base64.b64decode(address.partition(",")[2])


def few(pictures: Kept, most: int) -> None:
    if len(paths_of(pictures)) > most:
        raise UserError("knob_too_many", knob="pictures", most=most, came=len(paths_of(pictures)))
