"""What a machine needs from the Hub before a lesson: which files, how large, whether they are here, and how they get here."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

from imgen import hub
from imgen.cards import Card
from imgen.catalog import CARDS, find_card
from imgen.controls import UserError
from imgen.hub import WeightFile
from imgen.lab.sets import SETS

LONGEST = 24 * 3600.0  # seconds for one file: a slow line is no fault, and silence ends it sooner


@dataclass(frozen=True)
class Wanted:
    """A file, and by which name people know it: a card's, or that of a data set of the room Train."""

    name: str
    file: WeightFile

    def found(self) -> Path | None:
        """Where it is, if it is whole."""
        try:
            return hub.find(self.file)
        except UserError:  # a damaged one
            return None


def offered() -> list[Wanted]:
    """All that is not in the repository: what cards take from the Hub, what `weights/` lacks, and data sets."""
    cards = [one for card in CARDS for one in of_card(card)]
    return _once([*cards, *(Wanted(name, one.file) for name, one in SETS.items())])


def of_card(card: Card) -> list[Wanted]:
    """What a card and those beside it need that does not lie in the repository."""
    together = [card, card.judged_by, card.alternative, *card.auxiliary.values()]
    files = [Wanted(one.name, one.weights) for one in together if one and one.net and one.weights]
    return [one for one in files if not (one.file.sha256 and (hub.bundled / one.file.file).exists())]


def wanted(names: Iterable[str]) -> list[Wanted]:
    """Of cards, and of what `offered` names.  Raises UserError: card_unknown, download_none."""
    known = {one.name: one for one in offered()}
    found: list[Wanted] = []
    for name in names:
        files = [known[name]] if name in known else of_card(find_card(name))
        if not files:
            raise UserError("download_none", card=name)
        found += files
    return _once(found)


def fetch(one: Wanted, usual: Path | None) -> Generator[tuple[int, int], None, Path]:
    """Into `hub.cache`: copied, if it lies in the folder `usual`, else from the Hub, as `hub.fetch`."""
    here = hub.cached(one.file, usual) if hub.cache and hub.cache != usual and not one.found() else None
    return hub.copied(one.file, here, hub.cache) if here and hub.cache else (yield from hub.fetch(one.file, LONGEST))


def _once(files: list[Wanted]) -> list[Wanted]:
    return list({one.file: one for one in reversed(files)}.values())[::-1]
