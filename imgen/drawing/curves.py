"""Curves from control points.  Points are (N, 2), parameters t (T,), curves (T, 2)."""

from math import comb

import numpy as np


def bernstein(degree: int, t: np.ndarray) -> np.ndarray:
    """B_k(t) = C(n, k) tᵏ (1 − t)ⁿ⁻ᵏ, the basis of Bézier curves: (T, degree + 1), each row sums to 1."""
    k, t = np.arange(degree + 1), t[:, None]
    return np.array([comb(degree, n) for n in k]) * t**k * (1 - t) ** (degree - k)


def bezier(points: np.ndarray, t: np.ndarray) -> np.ndarray:
    """From the first point to the last for t in [0, 1]; the others only attract.  Points may have leading axes."""
    return bernstein(points.shape[-2] - 1, t) @ points


CUBIC = np.array([[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]) / 6  # of 1, u, u², u³: one row a basis function


def b_spline(points: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Closed uniform cubic B-spline: t in [0, N), one unit a piece; each piece is drawn by four neighbours alone.

    Position, slope and curvature have no jumps.  Source: de Boor, "A practical guide to splines", 1978.
    """
    piece = np.floor(t).astype(int)
    weights = (t - piece)[:, None] ** np.arange(4) @ CUBIC.T
    return np.einsum("tk,tkd->td", weights, points[(piece[:, None] + np.arange(4)) % len(points)])


def through(points: np.ndarray, samples: int = 16) -> np.ndarray:
    """A smooth curve that meets every point: cubic Béziers whose handles follow the neighbours (Catmull, Rom 1974)."""
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    handle = (ends[2:] - ends[:-2]) / 6
    pieces = np.stack([points[:-1], points[:-1] + handle[:-1], points[1:] - handle[1:], points[1:]], axis=1)
    return np.concatenate([bezier(pieces, np.linspace(0, 1, samples, endpoint=False)).reshape(-1, 2), points[-1:]])
