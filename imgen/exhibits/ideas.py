"""The pictures of the lessons about ideas: each shows a kind of layer at work, on a picture or on numbers that one can check."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imgen.drawing import scenes
from imgen.exhibits.examples import DRAWINGS, trained
from imgen.exhibits.layout import Exhibit, cropped, enlarged, sheet, to_width
from imgen.image import Picture, to_tensor
from imgen.pipelines.fill import look
from imgen.pipelines.spoil import mask_of, without

Ink = tuple[int, int, int]
BLUE, ORANGE, RED, INK = (61, 120, 200), (240, 150, 40), (216, 68, 60), (40, 40, 48)
PALE, GRID = (246, 246, 249), (205, 205, 214)
BLOCKS = ((219, 232, 250), (253, 230, 205), (221, 243, 222), (246, 222, 240))  # four colours that dark digits stand out from
KERNELS = {  # name -> 3×3 weights, rows from above; each is used as it stands, not turned round
    "as_it_is": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
    "blur": tuple(((1 / 9,) * 3,) * 3),
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "outline": ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
    "emboss": ((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
    "sobel_x": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "sobel_y": ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
}


def convolved(x: np.ndarray, kernel: np.ndarray, stride: int = 1, padding: int = 0) -> np.ndarray:
    """x (H, W), kernel (k, k) -> (H', W') with H' = (H + 2 padding - k) // stride + 1, as torch's conv2d, in float64."""
    x = np.pad(x.astype(np.float64), padding)
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape)[::stride, ::stride]
    return np.einsum("ijab,ab->ij", windows, kernel)


def spread(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """Transposed convolution without padding: each value of x (H, W) stamps the kernel (k, k), `stride` apart."""
    side = len(kernel)
    out = np.zeros([(n - 1) * stride + side for n in x.shape])
    for i, j in np.ndindex(*x.shape):
        out[i * stride : i * stride + side, j * stride : j * stride + side] += x[i, j] * kernel
    return out


def shaded(x: np.ndarray, low: float | None = None, high: float | None = None) -> Picture:
    """Numbers (H, W) as greys: low, or the least, is black."""
    low = float(x.min()) if low is None else low
    high = float(x.max()) if high is None else high
    grey = np.clip((x - low) / max(high - low, 1e-12) * 255, 0, 255).round().astype(np.uint8)
    return Picture(np.repeat(grey[..., None], 3, 2))


def glowing(photo: np.ndarray, heat: np.ndarray) -> Picture:
    """A picture (H, W, 3), pale, and heat (H, W) from 0 to 1 over it in orange."""
    pale = 255 - (255 - photo.mean(2, keepdims=True)) * 0.5
    return Picture((pale + heat[..., None] * (np.array(RED) - pale)).round().astype(np.uint8))


def numbers(values: np.ndarray, width: int, colours: Callable[[int, int], tuple[int, int, int]], height: int = 0) -> Picture:
    """A table of numbers (rows, columns), each cell in its colour."""
    rows, columns = values.shape
    cell = 2 * width // columns
    high = 2 * height // rows if height else cell
    image = Image.new("RGB", (2 * width, max(high * rows, 2 * height)), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    for i, j in np.ndindex(rows, columns):
        left, top = j * cell, i * high
        draw.rectangle([left, top, left + cell - 1, top + high - 1], fill=colours(i, j), outline=GRID, width=2)
        words = f"{values[i, j]:.4g}".replace("0.1111", "1/9")
        size = min(0.5 * high, cell / max(2, 0.72 * len(words)))
        font = ImageFont.load_default(size=max(12, round(size)))
        draw.text((left + cell / 2, top + high / 2), words, fill=INK, font=font, anchor="mm")
    return Picture(np.asarray(image.reduce(2)))


def grey_cat(side: int) -> np.ndarray:
    """(side, side) luminance in [0, 1]."""
    photo = cropped(DRAWINGS["upscale_cat"](), 0, 14, 150)
    small = photo if side == 150 else to_width(photo, side, Image.Resampling.BICUBIC)
    return small.pixels.astype(np.float64) @ (0.299, 0.587, 0.114) / 255


def convolution() -> Exhibit:
    """One picture under six kernels, the numbers of each below it; where a result has both signs, 0 is the middle grey."""
    x, shown, tables = grey_cat(150), [], []
    for name, rows in KERNELS.items():
        kernel = np.array(rows, float)
        y = convolved(x, kernel, padding=1)[1:-1, 1:-1]
        signed = name in ("outline", "sobel_x", "sobel_y")
        shown.append(shaded(y, *((-1, 1) if signed else (0, 1))))
        signs = np.sign(kernel).astype(int)
        tables.append(numbers(kernel, 148, lambda i, j, s=signs: (PALE, BLOCKS[1], BLOCKS[0])[s[i, j]], 96))
    return sheet([shown, tables], above=[f"lesson_word_{name}" for name in KERNELS])


def windows(padding: int, stride: int, side: int = 5, kernel: int = 3, width: int = 280) -> Picture:
    """A grid with its padding, the windows' first and second place on it, and below it what comes out."""
    cell, most = 60, 7
    out = (side + 2 * padding - kernel) // stride + 1
    image = Image.new("RGB", (2 * width, cell * (most + 5)), (255, 255, 255))
    draw, left = ImageDraw.Draw(image), (2 * width - cell * most) // 2 + cell  # of the grid without its padding
    top = cell

    def square(x: int, y: int, step: int, fill: Ink | None, outline: Ink = GRID, thick: int = 2, n: int = 1) -> None:
        draw.rectangle([x, y, x + n * step, y + n * step], fill=fill, outline=outline, width=thick)

    for i in range(-padding, side + padding):
        for j in range(-padding, side + padding):
            inside = 0 <= i < side and 0 <= j < side
            square(left + j * cell, top + i * cell, cell, BLOCKS[0] if inside else PALE)
            if not inside:
                draw.text((left + (j + 0.5) * cell, top + (i + 0.5) * cell), "0", fill=(150, 150, 160),
                          font=ImageFont.load_default(size=26), anchor="mm")
    unseen = (side + 2 * padding - kernel) % stride  # rows and columns that no window reaches
    for n in range(side * (unseen > 0)):
        for i, j in [(side - 1 - k, n) for k in range(unseen)] + [(n, side - 1 - k) for k in range(unseen)]:
            x, y = left + j * cell, top + i * cell
            draw.line([x + 10, y + 10, x + cell - 10, y + cell - 10], fill=RED, width=3)
    for place, colour in ((1, BLUE), (0, ORANGE)):
        if place < out:
            step = place * stride - padding
            square(left + step * cell, top - padding * cell, cell, None, colour, 8, kernel)
    below, small = cell * most + 30, 48
    start = (2 * width - out * small) // 2
    for i, j in np.ndindex(out, out):
        square(start + j * small, below + i * small, small, BLOCKS[2])
    for place, colour in ((1, BLUE), (0, ORANGE)):
        if place < out:
            square(start + place * small, below, small, None, colour, 8)
    return Picture(np.asarray(image.reduce(2)))


def padding() -> Exhibit:
    panels = [windows(p, s) for p, s in ((0, 1), (1, 1), (1, 2), (0, 2 + 1))]
    return sheet([panels], above=[f"lesson_word_{one}" for one in ("no_padding", "padding_one", "stride_two", "stride_three")])


def pooled(x: np.ndarray, how: Callable[..., np.ndarray], size: int = 2) -> np.ndarray:
    height, width = (n // size for n in x.shape)
    return how(x[: height * size, : width * size].reshape(height, size, width, size), axis=(1, 3))


def pooling() -> Exhibit:
    """Sixteen numbers, and a map of ESPCN's first layer, each with the greatest and the mean of every square."""
    values = np.array([[1, 3, 2, 0], [4, 8, 1, 2], [0, 2, 9, 5], [1, 1, 3, 7]], float)
    block = lambda i, j: BLOCKS[i // 2 * 2 + j // 2]  # noqa: E731
    one = lambda i, j: BLOCKS[i * 2 + j]  # noqa: E731
    tables = [numbers(values, 264, block), *(numbers(pooled(values, how), 264, one) for how in (np.max, np.mean))]
    features = strongest("espcn_x4")[:132, :132]
    low, high = 0.0, float(np.quantile(features, 0.98))
    maps = [features, *(pooled(features, how, 4) for how in (np.max, np.mean))]
    shown = [enlarged(shaded(one, low, high), 264 // len(one)) for one in maps]
    return sheet([tables, shown], above=["lesson_word_map", "lesson_word_max_pooling", "lesson_word_mean_pooling"])


def network(name: str) -> Any:
    """A card's own net, in float32; Any, for each has parts of its own."""
    import torch

    return trained(name).private_copy(torch.float32)


def strongest(name: str, number: int = 0) -> np.ndarray:
    """(H, W): of the first layer of a network for luminance, after its ReLU, the map that varies most, or one of the next."""
    import torch

    detail = network(name).detail
    with torch.no_grad():
        maps = detail[:2](torch.from_numpy(grey_cat(150)).float()[None, None])[0].numpy()
    return maps[np.argsort(-maps.std((1, 2)))[number]]


CURVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda t: np.maximum(t, 0), "leaky_relu": lambda t: np.where(t > 0, t, 0.2 * t),
    "sigmoid": lambda t: 1 / (1 + np.exp(-t)), "tanh": np.tanh,
}


def curve(
    values: np.ndarray, low: float, high: float, colour: tuple[int, int, int], width: int = 250, height: int = 150
) -> Picture:
    """Values over t from -4 to 4; a line for each whole number, darker where one of the two is 0."""
    image = Image.new("RGB", (2 * width, 2 * height), PALE)
    draw = ImageDraw.Draw(image)

    def x(t: float) -> float:
        return (t + 4.4) / 8.8 * 2 * width

    def y(v: float) -> float:
        return (high - v) / (high - low) * 2 * height

    font = ImageFont.load_default(size=20)
    for n in range(-4, 5):
        draw.line([x(n), 0, x(n), 2 * height], fill=INK if n == 0 else (228, 228, 234), width=2)
        if low < n < high:
            draw.line([0, y(n), 2 * width, y(n)], fill=INK if n == 0 else (228, 228, 234), width=2)
            if n:
                draw.text((x(0) + 6, y(n)), str(n), fill=(110, 110, 120), font=font, anchor="lm")
        if n and n % 2 == 0:
            draw.text((x(n), y(0) + 4), str(n), fill=(110, 110, 120), font=font, anchor="mt")
    t = np.linspace(-4.4, 4.4, len(values))
    draw.line([(x(a), y(b)) for a, b in zip(t, values, strict=True)], fill=colour, width=6, joint="curve")
    return Picture(np.asarray(image.reduce(2)))


def activation() -> Exhibit:
    """Four curves, and their slopes: what of a gradient passes."""
    t = np.linspace(-4.4, 4.4, 881)
    values = [f(t) for f in CURVES.values()]
    slopes = [np.gradient(one, t) for one in values]
    rows = [[curve(one, -1.4, 2.4, BLUE) for one in values], [curve(one, -0.35, 1.25, RED, height=90) for one in slopes]]
    return sheet(rows, above=[f"lesson_word_{name}" for name in CURVES], beside=["lesson_word_value", "lesson_word_slope"])


def transposed() -> Exhibit:
    """How often each new pixel is stamped, and what becomes of a cat, with kernels of ones."""
    cat, tables, cats, above = grey_cat(64), [], [], []
    for side in (3, 4, 5):
        kernel, cut = np.ones((side, side)), side - 2
        counts = spread(np.ones((6, 6)), kernel, 2)[cut : cut + 7, cut : cut + 7]
        tables.append(numbers(counts, 266, lambda i, j, c=counts: shade(c[i, j] / c.max())))
        cats.append(enlarged(shaded(spread(cat, kernel / side**2 * 4, 2)[cut : cut + 126, cut : cut + 126], 0, 1.6), 2))
        above.append(f"lesson_word_stamped {side}")
    cells = [[to_width(one, 252, Image.Resampling.NEAREST) for one in row] for row in (tables, cats)]
    return sheet(cells, above=above)


def shade(share: float) -> tuple[int, int, int]:
    """From white to blue."""
    red, green, blue = (round(255 - share * (255 - one)) for one in (140, 178, 235))
    return red, green, blue


def shuffle() -> Exhibit:
    """Which channel goes where; and four channels that a network for twice the size has made, laid out as its picture."""
    import torch

    squares = [numbers(np.full((3, 3), n, float), 210, lambda i, j, n=n: BLOCKS[n]) for n in range(4)]
    whole = np.fromfunction(lambda i, j: i % 2 * 2 + j % 2, (6, 6))
    tables = [*squares, numbers(whole, 210, lambda i, j: BLOCKS[int(whole[i, j])])]
    detail = network("espcn_x2").detail
    x = torch.from_numpy(grey_cat(75)).float()[None, None]
    with torch.no_grad():
        before = detail[:-1](x)
        after = detail[-1](before)[0, 0].numpy()
    parts, bound = before[0].numpy(), float(np.quantile(np.abs(after), 0.995))
    shown = [enlarged(shaded(one[3:73, 3:73], -bound, bound), 3) for one in parts]
    shown.append(to_width(shaded(after[6:146, 6:146], -bound, bound), 210, Image.Resampling.NEAREST))
    return sheet([tables, shown], above=[*(f"lesson_word_channel {n}" for n in range(4)), "lesson_word_shuffled"])


def bars(values: np.ndarray, low: float, high: float, width: int, height: int) -> Picture:
    """How often which value occurs; a dark line at 0."""
    counts, _ = np.histogram(values, 60, (low, high))
    image = Image.new("RGB", (2 * width, 2 * height), PALE)
    draw, step = ImageDraw.Draw(image), 2 * width / 60
    for n, count in enumerate(counts):
        draw.rectangle([n * step, 2 * height * (1 - 0.92 * count / counts.max()), (n + 1) * step - 2, 2 * height], fill=BLUE)
    zero = 2 * width * -low / (high - low)
    draw.line([zero, 0, zero, 2 * height], fill=RED, width=3)
    return Picture(np.asarray(image.reduce(2)))


def normalisation() -> Exhibit:
    """Two maps of the network of paintings before and after their normalisation, each pair in one scale of greys."""
    import torch

    from imgen.models.transfer import normalized

    photo = to_width(DRAWINGS["stylize_landscape"](), 320, Image.Resampling.BOX)
    layer = network("transfer_paintings").down[0]
    with torch.no_grad():
        before = layer.banded(to_tensor(photo.pixels).view(1, 3, photo.height, photo.width))
        after = normalized(before, *(f(1, before.shape[1]) for f in (torch.ones, torch.zeros)))
    before, after = before[0].numpy(), after[0].numpy()
    spreads, means = before.std((1, 2)), np.abs(before.mean((1, 2)))
    chosen = [int(np.argmin(spreads)), int(np.argmax(means / spreads))]
    if chosen[0] == chosen[1]:
        chosen[1] = int(np.argmax(spreads))
    low, high, rows = -2.5, 2.5, []
    for n in chosen:
        row = []
        for maps in (before, after):
            row += [to_width(shaded(maps[n], low, high), 262, Image.Resampling.BOX)]
        height = row[0].height
        rows.append([row[0], bars(before[n], low, high, 262, height), row[1], bars(after[n], low, high, 262, height)])
    return sheet(rows, above=[f"lesson_word_{one}" for one in ("before", "values_before", "after", "values_after")])


def receptive_field() -> Exhibit:
    """The box that can matter to one number of VDSR after so many layers, and the heat of what does."""
    import torch

    x, side, middle = grey_cat(150), 48, 75
    detail, cells, depths = network("vdsr_x4").detail, [], (1, 5, 10, 19)
    corner = middle - side // 2
    photo = np.repeat(255 * x[corner : corner + side, corner : corner + side, None], 3, 2)
    for depth in depths:
        given = torch.from_numpy(x).float()[None, None].requires_grad_()
        maps = detail[: 2 * depth - 1](given)[0, :, middle, middle]
        maps[maps.detach().abs().argmax()].backward()
        assert given.grad is not None
        heat = given.grad[0, 0].abs().numpy()[corner : corner + side, corner : corner + side]
        shown = enlarged(glowing(photo, np.sqrt(heat / heat.max())), 6)
        image, half = Image.fromarray(shown.pixels), side // 2
        box = [6 * (half - depth), 6 * (half - depth), 6 * (half + depth + 1) - 1, 6 * (half + depth + 1) - 1]
        ImageDraw.Draw(image).rectangle(box, outline=BLUE, width=3)
        cells.append(Picture(np.asarray(image)))
    return sheet([cells], above=[f"lesson_word_layers {depth}" for depth in depths])


def query_key_value() -> Exhibit:
    """A picture with a hole, and for three of its pixels the row of weights: where each looked."""
    photo, hole = scenes.city(256, 3), np.zeros((256, 256), bool)
    hole[110:126, 40:200] = hole[160:200, 120:136] = True
    mask = mask_of(hole)
    worse, card = without(photo.pixels, mask), trained("attention_inpaint")
    shown = [worse]
    for row, column in ((118, 60), (118, 170), (180, 128)):
        *_, last = card.do(look, worse, mask=[mask], row=row, column=column)
        shown.append(last.pictures[0])
    return sheet([shown], above=["lesson_word_holes", *(f"lesson_word_looks {n}" for n in (1, 2, 3))])


def grad_cam() -> Exhibit:
    """Drawn clothes, and what in each speaks for its own kind, and for another: Grad-CAM of the classifier."""
    import torch

    from imgen.functional import explain

    drawer, classifier = trained("dcgan_fashion28"), trained("cnn_fashion28")
    net: Any = classifier.private_copy(torch.float32)
    kinds = classifier.facts.classes
    asked, rows = ("t_shirt", "trouser", "coat", "sneaker", "bag", "ankle_boot"), ([], [], [])
    for kind in asked:
        cloth = drawer(label=kind, count=4, seed=3).pictures[1]
        photo = np.repeat(cloth.pixels[..., :1], 3, 2)
        x = torch.from_numpy(photo[None, None, ..., 0] / 255).float()
        rows[0].append(enlarged(Picture(photo), 6))
        for row, wanted in zip(rows[1:], (kind, "dress"), strict=True):
            with torch.no_grad():
                heat = explain.grad_cam(net.classifier, net.look(x), kinds.index(wanted))
            heat = Image.fromarray((heat / heat.max().clamp(min=1e-12)).numpy())
            row.append(enlarged(glowing(photo, np.clip(np.asarray(heat.resize((28, 28), Image.Resampling.BICUBIC)), 0, 1)), 6))
    above = [f"option_{kind}" for kind in asked]
    return sheet(list(rows), above=above, beside=[f"lesson_word_{one}" for one in ("given", "cam_own", "cam_other")])


IDEAS: dict[str, Callable[[], Exhibit]] = {
    "convolution": convolution, "padding": padding, "pooling": pooling, "activation": activation, "transposed": transposed,
    "shuffle": shuffle, "normalisation": normalisation, "receptive_field": receptive_field, "query_key_value": query_key_value,
    "grad_cam": grad_cam,
}
