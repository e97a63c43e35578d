"""Diagrams of many small filtrations by giotto-ph, Ripser and GUDHI, up to degree 2.

    python reference.py FOLDER

FOLDER/cases.json lists the cases: number of points, longest edge (null: none), dimension of the points (0: none). Case k has
its distances, the strict lower triangle in float32, in k.distances, and its points, if any, in k.points. Prints a line of
JSON for each case: {from distances: {program: diagrams}, from points: {program: diagrams}}. A diagram is [birth, death, ...],
null for a death at infinity.

How the programs treat their input (giotto-ph 0.2.4, ripser.py 0.6.15, GUDHI 3.13):
- All filter by float32 or by float64, in which float32 distances keep their values. A longest edge has to be float32 too.
- Without a longest edge, giotto-ph and Ripser stop at the enclosing radius. An infinite radius would turn infinite
  distances into edges, as would GUDHI's infinite longest edge. So the longest edge of a matrix with infinite distances
  is its longest finite one.
- By default GUDHI leaves out the homology of the highest dimension of its complex; for a complex of few points that
  dimension is lower.
- From points, giotto-ph and Ripser use distances from scikit-learn, by the scalar product of float32 points in float64:
  slightly different, and not exactly 0 for equal points. GUDHI does not compute from points here.
"""

import json
import sys

import gudhi
import numpy as np
from gph import ripser_parallel
from ripser import ripser

MAX_DIMENSION = 2
# A complex of more points is collapsed before it is listed up to dimension 3.
LISTED_POINTS = 40


def square(lower, n):
    matrix = np.zeros((n, n), dtype=np.float32)
    matrix[np.tril_indices(n, -1)] = lower
    return matrix + matrix.T


def by_giotto_ph(matrix, longest, collapse_edges):
    return ripser_parallel(
        matrix,
        maxdim=MAX_DIMENSION,
        thresh=longest,
        metric="precomputed",
        n_threads=2,
        collapse_edges=collapse_edges,
    )["dgms"]


def by_gudhi(matrix, longest):
    complex = gudhi.RipsComplex(distance_matrix=matrix, max_edge_length=longest)
    if len(matrix) > LISTED_POINTS:
        tree = complex.create_simplex_tree(max_dimension=1)
        tree.collapse_edges()
        tree.expansion(MAX_DIMENSION + 1)
    else:
        tree = complex.create_simplex_tree(max_dimension=MAX_DIMENSION + 1)
    tree.compute_persistence(homology_coeff_field=2, persistence_dim_max=tree.dimension() <= MAX_DIMENSION)
    return [tree.persistence_intervals_in_dimension(degree) for degree in range(MAX_DIMENSION + 1)]


def from_distances(matrix, longest):
    return {
        "giotto-ph": by_giotto_ph(matrix, longest, collapse_edges=False),
        "giotto-ph, collapsed": by_giotto_ph(matrix, longest, collapse_edges=True),
        "Ripser": ripser(matrix, maxdim=MAX_DIMENSION, thresh=longest, distance_matrix=True)["dgms"],
        "GUDHI": by_gudhi(matrix, longest),
    }


def from_points(points):
    return {
        "giotto-ph": ripser_parallel(points, maxdim=MAX_DIMENSION, n_threads=2)["dgms"],
        "Ripser": ripser(points, maxdim=MAX_DIMENSION)["dgms"],
    }


def plain(diagrams):
    """The diagrams as lists. A degree that a program leaves out is empty."""
    lists = [[x if x < np.inf else None for x in np.ravel(diagram).tolist()] for diagram in diagrams]
    return lists + [[]] * (MAX_DIMENSION + 1 - len(lists))


if __name__ == "__main__":
    (folder,) = sys.argv[1:]
    with open(f"{folder}/cases.json") as file:
        cases = json.load(file)
    for k, (n, longest, dimension) in enumerate(cases):
        lower = np.fromfile(f"{folder}/{k}.distances", dtype=np.float32)
        matrix = square(lower, n)
        if longest is None:
            longest = np.inf if np.isfinite(lower).all() else np.max(lower[np.isfinite(lower)], initial=0)
        answer = {"distances": from_distances(matrix, float(np.float32(longest))), "points": {}}
        if dimension > 0:
            answer["points"] = from_points(np.fromfile(f"{folder}/{k}.points", dtype=np.float32).reshape(n, dimension))
        print(
            json.dumps({source: {name: plain(dgms) for name, dgms in by.items()} for source, by in answer.items()}),
            flush=True,
        )
