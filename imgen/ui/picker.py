"""The choice of a model: a few recommended ones with what each is for; the others behind one click, by idea, with a search.

It is one gr.Radio, whose value is the card's name.  Its labels stand in the order of `arranged`, and page.css hides those after
the first few while the fold is closed; the script only moves the fold and the headings in between.
"""

from collections.abc import Sequence
from itertools import groupby

import gradio as gr

from imgen.cards import Card
from imgen.catalog import IDEAS, RECOMMENDED, family_of
from imgen.exhibits.files import thumbnail
from imgen.texts.words import WORDS
from imgen.ui.knobs import Picker
from imgen.ui.language import both, t
from imgen.ui.lesson import address
from imgen.ui.stock import staged

DOT = " · "

FOLD = """
const fold = element.querySelector('details'), search = fold.querySelector('input'), headings = [...fold.querySelectorAll('h4')];
const bench = element.closest('.bench');
const label = card => bench.querySelector(`.picker input[value="${card}"]`)?.closest('label');
const group = heading => {
  const labels = [];
  for (let next = heading.nextElementSibling; next?.matches('label'); next = next.nextElementSibling)
    if (!next.querySelector('input').value.startsWith('own-')) labels.push(next);  // a visitor's own always stand first
  return labels;
};
const missed = (one, is) => one.toggleAttribute('data-missed', is);
const arrange = tries => {  // the picker may be drawn a little later
  if (!label(fold.dataset.first)) return tries && setTimeout(arrange, 50, tries - 1);
  label(fold.dataset.first).before(fold);
  for (const heading of headings) label(heading.dataset.first).before(heading);
  let last = null;
  new MutationObserver(() => {  // a link or an example may choose one of those that are folded away
    const chosen = bench.querySelector('.picker label.selected');
    if (chosen !== last && headings.some(heading => group(heading).includes(chosen))) fold.open = true;
    last = chosen;
  }).observe(bench.querySelector('.picker'), {attributes: true, attributeFilter: ['class'], subtree: true});
};
arrange(100);
search.addEventListener('input', () => {
  const asked = search.value.trim().toLowerCase();
  for (const heading of headings) {
    for (const one of group(heading))
      missed(one, !(heading.textContent + one.textContent + one.querySelector('input').value).toLowerCase().includes(asked));
    missed(heading, group(heading).every(one => 'missed' in one.dataset));
  }
});
search.addEventListener('keydown', event => {
  if (event.key === 'Enter')
    headings.flatMap(group).find(one => !('missed' in one.dataset))?.querySelector('input').click();
});
"""


def arranged(cards: Sequence[Card]) -> tuple[list[Card], list[Card]]:
    """The recommended ones, and the others by their ideas, before them those that are seen only when they are chosen."""
    first = [card for name in RECOMMENDED for card in cards if card.name == name]
    rest = [card for card in cards if card not in first]
    return first, sorted(rest, key=lambda card: -1 if stood_for(card) else IDEAS.index(card.idea))


def stood_for(card: Card) -> bool:
    """Of a family the first is shown; the line about it has a button for each size."""
    return bool(card.family) and card is not family_of(card)[0]


def make_picker(cards: Sequence[Card], chosen: Card) -> Picker:
    first, rest = arranged(cards)
    choices = [(named(card, f"for_{card.name}", by="\n"), card.name) for card in first]
    choices += [(named(card, *(["young"] if card.young else []), by=DOT), card.name) for card in rest]
    picker = Picker(choices, value=chosen.name, label=t("model"), elem_classes="picker", interactive=True)
    if rest:
        gr.HTML(fold(first, rest) + pictures(first), js_on_load=FOLD, elem_classes="all-models")
    else:
        gr.HTML(pictures(first), elem_classes="all-models")
    return picker


def named(card: Card, *more: str, by: str) -> str:
    """Title, the field's name for its family if the title leaves that out, and more words after `by`."""
    keys = [key for key in (f"title_{card.name}", f"term_{card.name.rpartition('_')[0]}") if key in WORDS]
    return t(*keys, *more, by=[DOT] * (len(keys) - 1) + [by] * len(more))


def fold(first: Sequence[Card], rest: Sequence[Card]) -> str:
    """Each heading knows the card before which it stands; a family counts as one model."""
    seen, unseen = [card for card in rest if not stood_for(card)], [card for card in rest if stood_for(card)]
    groups = [(idea, next(cards).name) for idea, cards in groupby(seen, lambda card: card.idea)]
    headings = "".join(f'<h4 data-first="{name}">{both(f"idea_{idea}")}</h4>' for idea, name in groups)
    find = f'<label>{both("find_model")} <input type="search" autocomplete="off"></label>'
    values = ", ".join(f'input[value="{card.name}"]' for card in unseen)
    hide = f"<style>.picker label:not(.selected):has({values}) {{ display: none }}</style>" if unseen else ""
    summary = f'<summary>{both("all_models", count=len(first) + len(seen))}</summary>'
    stand = "".join(standing(card) for card in first)
    return f'<details class="all" data-first="{rest[0].name}">{summary}{find}{headings}</details>{hide}{stand}'


def standing(card: Card) -> str:
    """A style sheet by which a recommended card looks chosen when a sibling of it is, which is not seen itself.

    Important, because Gradio puts two classes more before each rule of page.css.
    """
    siblings = ", ".join(f'input[value="{one.name}"]' for one in family_of(card) if one is not card)
    if not siblings:
        return ""
    label = f'.bench .picker .wrap:has(label.selected :is({siblings})) > label:has(input[value="{card.name}"])'
    chosen = "background: var(--button-primary-background-fill); border-color: transparent;"
    return (
        f"<style>.bench .picker .wrap > label.selected:has({siblings}) {{ display: none }} {label} {{ {chosen} }}"
        f" {label} span, {label} span::first-line {{ color: #fff !important }}</style>"
    )


def pictures(first: Sequence[Card]) -> str:
    """A style sheet that gives each recommended label its picture."""
    found = [(card.name, address(staged(path))) for card in first if (path := thumbnail(card.name))]
    rules = (f'.picker label:has(input[value="{name}"])::before {{ background-image: url("{url}") }}' for name, url in found)
    return f"<style>{' '.join(rules)}</style>"
