"""Closed bodies of triangles that look outwards, about the origin.  x to the right, y down, z towards the viewer."""

from math import pi

import numpy as np

from imgen.drawing.scenes import unit

Solid = tuple[np.ndarray, np.ndarray]  # corners (N, 3); faces (M, 3), numbers of corners


def turned(rng: np.random.Generator) -> np.ndarray:
    """A random rotation that never shows a ring from its edge: a spin, a tilt of a radian at most, another spin."""
    tilt, first, second = rng.uniform(-1, 1), *rng.uniform(0, 2 * pi, 2)
    return rotation(second, 2) @ rotation(tilt, 0) @ rotation(first, 2)


def rotation(angle: float, axis: int) -> np.ndarray:
    """About one axis, by an angle in radians: (3, 3)."""
    matrix, (i, j) = np.eye(3), [other for other in range(3) if other != axis]
    matrix[[i, i, j, j], [i, j, i, j]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
    return matrix


def boulder(detail: int, rng: np.random.Generator) -> Solid:
    """An icosahedron whose triangles are quartered `detail` times, pushed in and out by a few waves."""
    golden = (1 + 5**0.5) / 2
    corners = np.array([(-1, golden, 0), (1, golden, 0), (-1, -golden, 0), (1, -golden, 0)])
    corners = unit(np.concatenate([corners, np.roll(corners, 1, axis=1), np.roll(corners, 2, axis=1)]))
    apart = np.linalg.norm(corners[:, None] - corners, axis=-1)
    near = apart < 1.1  # an edge is 1.05 long
    faces = [(a, b, c) for a in range(12) for b in range(a) for c in range(b) if near[a, b] and near[b, c] and near[a, c]]
    triangles = corners[np.array(faces)]
    for _ in range(detail):
        a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
        ab, bc, ca = unit(a + b), unit(b + c), unit(c + a)
        triangles = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    out = np.linalg.det(triangles) < 0
    triangles[out] = triangles[out][:, ::-1]
    waves, shift = rng.normal(size=(5, 3)) * 2.2, rng.uniform(0, 2 * pi, 5)
    points = triangles.reshape(-1, 3)
    points = points * (1 + 0.085 * np.sin(points @ waves.T + shift).sum(1))[:, None]
    return points, np.arange(len(points)).reshape(-1, 3)


def tube(detail: int, rng: np.random.Generator, twists: tuple[int, int], thick: float) -> Solid:
    """A closed tube about a torus knot, or a ring if it never winds."""
    around, along = 3 + 3 * detail, (12 if twists[1] == 0 else 40) * (1 + detail) // 2
    s = 2 * pi * np.arange(along) / along

    def spine(s: np.ndarray) -> np.ndarray:
        p, q = twists
        radius = 1 + 0.42 * np.cos(q * s) * (q > 0)
        return np.stack([radius * np.cos(p * s), radius * np.sin(p * s), -0.42 * np.sin(q * s)], axis=-1)

    ahead = unit(spine(s + 1e-3) - spine(s - 1e-3))
    side = unit(np.cross(ahead, spine(s) * [1, 1, 0.3] + [0, 0, 1e-3]))
    up, angle = np.cross(side, ahead), 2 * pi * np.arange(around) / around
    ring = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * up[:, None]
    corners = (spine(s)[:, None] + thick * rng.uniform(0.85, 1.15) * ring).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(along), np.arange(around), indexing="ij")
    a, b, c, d = ((i + m) % along * around + (j + n) % around for m, n in ((0, 0), (1, 0), (1, 1), (0, 1)))
    faces = np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    return corners, faces


BODIES = (
    boulder,
    lambda detail, rng: tube(detail, rng, (1, 0), 0.42),
    lambda detail, rng: tube(detail, rng, (2, 3), 0.26),
)
