"""How the pictures that the program makes about itself are laid out: cells in rows, words over and beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imgen.exhibits.files import Word, said
from imgen.image import Picture
from imgen.texts import LANGUAGES

PAPER = (255, 255, 255)
GAP, LINE = 6, 24  # pixels between pictures; height of a line of words


@dataclass(frozen=True)
class Exhibit:
    """A picture of a lesson, and its words."""

    picture: Picture
    words: tuple[Word, ...] = ()


def cropped(picture: Picture, top: int, left: int, side: int) -> Picture:
    return Picture(picture.pixels[top : top + side, left : left + side])


def enlarged(picture: Picture, times: int) -> Picture:
    """Every pixel as a square, so that one sees them."""
    return Picture(picture.pixels.repeat(times, 0).repeat(times, 1))


def to_width(picture: Picture, width: int, how: Image.Resampling) -> Picture:
    height = round(picture.height * width / picture.width)
    return Picture(np.asarray(Image.fromarray(picture.pixels).resize((width, height), how)))


def plot(values: np.ndarray, width: int, height: int) -> Picture:
    """Grey levels from left to right as a line over dots; the pale lines are the edge's dark and bright."""
    image = Image.new("RGB", (width * 2, height * 2), (246, 246, 249))
    draw = ImageDraw.Draw(image)
    points = [((n + 0.5) * image.width / len(values), image.height * (1 - v / 255)) for n, v in enumerate(values.astype(float))]
    for level in (values[0], values[-1]):
        y = image.height * (1 - float(level) / 255)
        draw.line([(0, y), (image.width, y)], fill=(205, 205, 214), width=2)
    draw.line(points, fill=(61, 120, 200), width=4, joint="curve")
    for x, y in points:
        draw.ellipse([x - 5, y - 5, x + 5, y + 5], fill=(216, 68, 60))
    return Picture(np.asarray(image.reduce(2)))


def sheet(rows: list[list[Picture]], above: Sequence[str] = (), beside: Sequence[str] = ()) -> Exhibit:
    """Pictures in rows, with room for words above the columns or beside the rows.

    All pictures are as wide as the first, a row as high as its first.
    """
    step = rows[0][0].width + GAP
    cells = sum(p.width + GAP for p in rows[0]) - GAP
    left = room(beside, cells) + 2 * GAP if beside else 0
    height = (LINE if above else 0) + sum(row[0].height + GAP for row in rows) - GAP
    image, top = Image.new("RGB", (left + cells, height), PAPER), LINE if above else 0
    words = [Word(word, "above", left + n * step + 2, LINE // 2, step - GAP - 2) for n, word in enumerate(above)]
    for number, row in enumerate(rows):
        if beside:
            words.append(Word(beside[number], "beside", 0, top + row[0].height // 2, left - 2 * GAP))
        for n, picture in enumerate(row):
            image.paste(Image.fromarray(picture.rgb().pixels), (left + n * step, top))
        top += row[0].height + GAP
    return Exhibit(Picture(np.asarray(image)), tuple(words))


def room(words: Sequence[str], cells: int) -> int:
    """Pixels for words beside `cells` pixels of pictures: for letters of 15, and one word a line for 9 on a phone, 330 wide."""
    font = ImageFont.load_default(size=15)  # knows no Chinese, whose characters are square and may break anywhere

    def length(line: str) -> float:  # a fifth more, as a reader's own letters may be wider
        return 1.2 * sum(15 if c > "\u2e80" else font.getlength(c) for c in line)

    whole = max(length(said(word, language)) for word in words for language in LANGUAGES)
    share = max(length(part) for word in words for part in said(word, "en").split()) * 9 / 15 / 330
    return round(max(whole, cells * share / (1 - share)))


def stacked(exhibits: list[Exhibit]) -> Exhibit:
    """One above the other, all of one width."""
    parts, words, top = [], [], 0
    for one in exhibits:
        space = np.full((GAP, one.picture.width, 3), 255, np.uint8)
        parts += [one.picture.pixels, space]
        words += [word._replace(middle=word.middle + top) for word in one.words]
        top += one.picture.height + GAP
    return Exhibit(Picture(np.concatenate(parts[:-1])), tuple(words))
