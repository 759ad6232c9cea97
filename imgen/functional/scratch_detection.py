"""Where a print or a film is scratched: thin lines, lighter or darker than what lies beside them.  numpy and OpenCV only; nothing
learned.

A scratch is a ridge: nearly every pixel along it is lighter (or darker) than those beside it, left and right, and than most of
its surroundings.  An edge between two areas is lighter than one side only; a texture is light here and there, but not all along.
After Joyeux et al. 1999, "Detection and removal of line scratches in motion picture films", for any direction; Canny's 1986
hysteresis keeps the faint parts of what is clear somewhere.
"""

import cv2
import numpy as np

LONGEST = 1100  # pixels of the longer side in which they are looked for
WIDTHS = (1, 3, 5)  # of a line, about, in pixels of that size
ANGLES = 24  # directions, half a turn together
REACH = 5  # halvings of the line along which votes are counted: 2⁵ pixels
STEP = 16.0  # grey levels of 255 by which a pixel must be lighter to have a whole vote
CLEAR, FAINT = 0.8, 0.5  # share of the votes along a line: somewhere, and wherever it goes on
OWN = 0.5  # share of a vote that a pixel itself, or one beside it, must have
LONG = 0.08  # of the longer side, from end to end at least
ALONE, CROWD = 61, 0.1  # pixels a side, and the share of them that lines of one direction may fill: more are a fence, or bricks
PLAIN = 1.0  # deviations of its surroundings above their mean


def scratches_in(pixels: np.ndarray) -> np.ndarray:
    """Where scratches lie: (H, W, C) uint8, C = 1 or 3 -> (H, W) bool.

    What belongs to the scene and looks like a scratch (a wire, a mast) is found as well.
    """
    height, width = pixels.shape[:2]
    factor = min(1.0, LONGEST / max(height, width))
    grey = pixels[..., 0] if pixels.shape[2] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    grey = grey.astype(np.float32)
    if factor < 1:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    found = (lighter_lines(grey) | lighter_lines(255 - grey)).astype(np.uint8)
    if factor < 1:
        found = cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST)
    return found > 0


def lighter_lines(grey: np.ndarray) -> np.ndarray:
    """(H, W) float32 in grey levels -> (H, W) bool."""
    margin = 2**REACH
    padded = cv2.copyMakeBorder(grey, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
    above, middles = padded - usual(padded), {wide: cv2.blur(padded, (max(1, wide - 1),) * 2) for wide in WIDTHS}
    least, votes, own = max(24, LONG * max(grey.shape)), [], np.full(padded.shape, -1, np.float32)
    for n in range(ANGLES):
        along = np.array([np.sin(np.pi * n / ANGLES), np.cos(np.pi * n / ANGLES)])  # rows, columns
        across = np.array([along[1], -along[0]])
        most = np.full(padded.shape, -1, np.float32)
        for wide in WIDTHS:
            aside = across * (wide / 2 + 1.5)
            sides = np.maximum(moved(padded, aside), moved(padded, -aside))
            vote = (np.minimum(middles[wide] - sides, above) / STEP).clip(-1, 1)
            np.maximum(own, vote, out=own)
            np.maximum(most, mean_along(vote, along), out=most)
        votes.append(most[margin:-margin, margin:-margin])
    out = np.zeros(grey.shape, np.uint8)
    here = cv2.dilate((own[margin:-margin, margin:-margin] > OWN).astype(np.uint8), np.ones((3, 3), np.uint8))
    for n in range(ANGLES):  # what bends leaves one direction for the next
        near = np.maximum(np.maximum(votes[n - 1], votes[n]), votes[(n + 1) % ANGLES])
        found = long_ones(near, least)
        if found.any():
            out |= found * (cv2.blur(found.astype(np.float32), (ALONE, ALONE)) < CROWD)
    return (out > 0) & (here > 0)  # beyond its end and beside it a line has votes of others only


def usual(grey: np.ndarray, around: int = 25) -> np.ndarray:
    """What is light for its surroundings without thin lines: their mean, and PLAIN deviations more."""
    calm = cv2.morphologyEx(grey, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    mean, square = cv2.blur(calm, (around, around)), cv2.blur(calm * calm, (around, around))
    return mean + PLAIN * np.sqrt(np.maximum(square - mean * mean, 0))


def mean_along(x: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Mean over 2^REACH pixels of a line with each pixel in its middle, by doubling."""
    for n in range(REACH):
        step = along * 2**n / 2
        x = (moved(x, step) + moved(x, -step)) / 2
    return x


def moved(x: np.ndarray, by: np.ndarray) -> np.ndarray:
    """What lies `by` (rows, columns) beside each pixel, to the nearest whole one; at the border the other side comes in."""
    return np.roll(x, (-round(by[0]), -round(by[1])), (0, 1))


def long_ones(votes: np.ndarray, least: float) -> np.ndarray:
    """What is faint and hangs together with something clear, if it is long: (H, W) uint8."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((votes > FAINT).astype(np.uint8), connectivity=8)
    clear = np.bincount(labels[votes > CLEAR], minlength=count) > 0
    length = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    slender = stats[:, cv2.CC_STAT_AREA] < length * 2 * (max(WIDTHS) + 2)
    kept = clear & (length > least) & slender
    kept[0] = False
    return kept[np.asarray(labels, np.intp)].astype(np.uint8)
