"""Clouds like the embeddings of one run: n unit vectors of 768 float32, in the order of the steps.

    python clouds.py FAMILY N SEED FILE

writes them to FILE, row after row, without a header. A family, a number and a seed always give the same cloud. A cloud
of fewer points need not be a part of it.

drift        a mean-reverting walk in 12 directions about a fixed one, with noise in all 768
attractor    the same walk at first, then hops between 5 to 20 tight clusters; 2 % are exact copies of an earlier point
limit_cycle  rounds of 1 to 3 closed curves, with noise; 30 % are exact copies of an earlier point
iid          directions independent of each other, so that all distances are alike
"""

import sys

import numpy as np

DIMENSION = 768
DIRECTIONS = 12


def unit_rows(points):
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def mean_and_directions(rng):
    """Thirteen orthonormal columns: the fixed direction, and those of the movement. LAPACK does not fix their signs."""
    columns, _ = np.linalg.qr(rng.standard_normal((DIMENSION, DIRECTIONS + 1)))
    columns = columns * np.sign(columns[0])
    return columns[:, 0], columns[:, 1:]


def mean_reverting_walk(rng, n, correlation_steps):
    """An Ornstein-Uhlenbeck process seen once a step, stationary from its first step, with a root mean square norm of 1."""
    shocks = rng.standard_normal((n, DIRECTIONS))
    memory = np.exp(-1 / correlation_steps)
    scale = 1 / np.sqrt(DIRECTIONS)
    walk = np.empty((n, DIRECTIONS))
    walk[0] = scale * shocks[0]
    for step in range(1, n):
        walk[step] = memory * walk[step - 1] + np.sqrt(1 - memory * memory) * scale * shocks[step]
    return walk


def embedded(rng, movement, mean, directions, noise):
    blur = noise / np.sqrt(DIMENSION) * rng.standard_normal((len(movement), DIMENSION))
    return unit_rows(0.8 * mean + movement @ directions.T + blur)


def with_copies(rng, points, share):
    """Replaces a share of the points, never the first, by a point before them."""
    n = len(points)
    count = int(share * n)
    if count > 0:
        for step in np.sort(rng.choice(np.arange(1, n), size=count, replace=False)):
            points[step] = points[int(rng.integers(step))]
    return points


def drift(rng, n):
    mean, directions = mean_and_directions(rng)
    walk = mean_reverting_walk(rng, n, correlation_steps=20)
    return embedded(rng, walk, mean, directions, noise=0.15)


def attractor(rng, n):
    clusters = int(rng.integers(5, 21))
    mean, directions = mean_and_directions(rng)
    centres = rng.standard_normal((clusters, DIRECTIONS)) / np.sqrt(DIRECTIONS)
    transient = max(1, n // 20)
    movement = np.empty((n, DIRECTIONS))
    movement[:transient] = mean_reverting_walk(rng, transient, correlation_steps=10)
    hops = rng.dirichlet(np.full(clusters, 0.5), size=clusters)
    here = int(rng.integers(clusters))
    radii = 0.03 + 0.09 * rng.random(clusters)
    for step in range(transient, n):
        if rng.random() < 1 / 30:
            here = int(rng.choice(clusters, p=hops[here]))
        movement[step] = centres[here] + radii[here] * rng.standard_normal(DIRECTIONS) / np.sqrt(DIRECTIONS)
    return with_copies(rng, embedded(rng, movement, mean, directions, noise=0.06), 0.02)


def limit_cycle(rng, n):
    mean, directions = mean_and_directions(rng)
    loops = int(rng.integers(1, 4))
    harmonics = np.arange(1, 4)
    # By loop, harmonic, cosine or sine, and direction. Higher harmonics are smaller.
    waves = rng.standard_normal((loops, 3, 2, DIRECTIONS)) / (harmonics[:, None, None] * np.sqrt(DIRECTIONS))
    centres = 0.5 * rng.standard_normal((loops, DIRECTIONS)) / np.sqrt(DIRECTIONS)
    periods = rng.uniform(7, 40, size=loops)
    loop, turns = 0, 0.0
    movement = np.empty((n, DIRECTIONS))
    for step in range(n):
        turns += 1 / periods[loop] * (1 + 0.1 * rng.standard_normal())
        if rng.random() < 0.01:
            loop = int(rng.integers(loops))
        angles = 2 * np.pi * harmonics * turns
        movement[step] = centres[loop] + np.cos(angles) @ waves[loop, :, 0] + np.sin(angles) @ waves[loop, :, 1]
    return with_copies(rng, embedded(rng, movement, mean, directions, noise=0.08), 0.30)


def iid(rng, n):
    return unit_rows(rng.standard_normal((n, DIMENSION)))


FAMILIES = {"drift": drift, "attractor": attractor, "limit_cycle": limit_cycle, "iid": iid}


def cloud(family, n, seed):
    """float32, n x 768. The family's name goes into the seed, so that families of one seed have nothing in common."""
    name = sum((place + 1) * byte for place, byte in enumerate(family.encode()))
    return FAMILIES[family](np.random.default_rng([seed, name]), n).astype(np.float32)


if __name__ == "__main__":
    family, n, seed, file = sys.argv[1:]
    cloud(family, int(n), int(seed)).tofile(file)
