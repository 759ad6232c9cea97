"""What the program writes about its models is what was measured, and stands in the README as it would be written now."""

import json
import re

import pytest

from imgen.cards import WEIGHTS
from imgen.catalog import CARDS, find_card
from imgen.exhibits import readme
from imgen.terminal.showing import summary
from imgen.texts import text

ROWS = [summary(card) for card in CARDS]
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")


def cells(language: str) -> dict[str, list[str]]:
    """Card name -> the cells of its row, read from the README as anybody would."""
    inside = readme.READMES[language].read_text(encoding="utf-8").split(readme.BEGIN)[1].split(readme.END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in inside.strip().splitlines()[2:]]
    return {row[0].strip("|` "): row[1:] for row in rows}


@pytest.mark.parametrize("language", readme.READMES)
def test_the_table_in_the_readme_is_the_one_that_would_be_written_now(language):
    assert readme.table(ROWS, language) in readme.READMES[language].read_text(encoding="utf-8"), "run: python -m imgen readme"


@pytest.mark.parametrize("language", readme.READMES)
def test_every_figure_was_measured(language):
    """Each number of the last cell stands in the card's json."""
    rows, words = cells(language), " ".join(text(key, language) for key in readme.SHOWN)
    assert rows.keys() == {card.name for card in CARDS}
    for card in CARDS:
        stored = WEIGHTS / f"{card.stem}.json"
        known = json.loads(stored.read_text())["scores"] if stored.exists() else {}
        measured = {float(f"{value:g}") if isinstance(value, float) else value for one in known.values() if isinstance(one, dict)
                    for value in one.values() if isinstance(value, int | float)}
        told = rows[card.name][-1].strip("| ")
        measured |= {float(number.strip(",")) for number in NUMBER.findall(words)}  # "noise of σ 5" is no figure
        values = [value for part in re.split(", |; |: |，|；|：", told) for value in re.findall(r" (-?[\d,.e+-]+)$", part)]
        assert values or told == readme.NONE
        for value in values:
            assert float(value.replace(",", "")) in measured, (card.name, value)


def test_parameters_weights_and_licences_are_the_cards_own():
    for name, (_, count, weights, license, *_) in cells("en").items():
        card = find_card(name)
        assert int(count.replace(",", "")) == (card.facts.parameters or 0) and license == card.license
        if card.source:
            assert f"https://huggingface.co/{card.source.repository}" in weights
        elif card.weights:
            megabytes = (WEIGHTS / f"{card.stem}.safetensors").stat().st_size / 1e6
            assert float(re.search(r"([\d.]+) MB", weights)[1]) == float(f"{megabytes:.2g}")
        else:
            assert "MB" not in weights


def test_only_the_table_is_written_anew(tmp_path, monkeypatch):
    for language, path in readme.READMES.items():
        old = path.read_text(encoding="utf-8").replace(readme.BEGIN, f"before\n{readme.BEGIN}\nold words", 1)
        (tmp_path / f"{language}.md").write_text(old, encoding="utf-8")
    files = {language: tmp_path / f"{language}.md" for language in readme.READMES}
    originals = {language: path.read_text(encoding="utf-8") for language, path in readme.READMES.items()}
    monkeypatch.setattr(readme, "READMES", files)
    assert list(readme.update(ROWS)) == list(files.values())
    for language, path in files.items():
        written = path.read_text(encoding="utf-8")
        assert "old words" not in written and written.replace("before\n", "", 1) == originals[language]


def test_scores_stand_in_one_order_with_their_data_and_brief_ones_are_few():
    scores = {"flowers": {"recall": 0.5, "frechet": 31.25, "samples": 2000}, "sample": 7.0}
    english = readme.figures(scores, "en")
    assert NUMBER.findall(english) == ["31.25", "0.5"] and "2000" not in english and "7" not in NUMBER.findall(english)
    assert readme.figures({"Set5": {"psnr": 30.5, "copy_ratio": 1}}, "en", brief=True).count("1") == 0
    assert readme.figures({"sample": 7.0}, "zh") == readme.figures({}, "en") == readme.NONE
