"""Seconds and memory of one program on one cloud.

    python measure.py PROGRAM FILE MAX_DIMENSION THREADS

Prints "ready" when the program is loaded and the points are in memory, then one line of JSON.
"""

import json
import resource
import sys
import time

import numpy as np

DIMENSION = 768

# As in measure-ours.ts.
LATER_CALLS = 5
CALLED_AGAIN_UP_TO_SECONDS = 1


def giotto_ph(collapse_edges):
    from gph import ripser_parallel

    return lambda points, max_dimension, threads: ripser_parallel(
        points, maxdim=max_dimension, n_threads=threads, collapse_edges=collapse_edges
    )["dgms"]


def ripser_py():
    from ripser import ripser

    return lambda points, max_dimension, threads: ripser(points, maxdim=max_dimension)["dgms"]


PROGRAMS = {
    "giotto-ph": lambda: giotto_ph(collapse_edges=False),
    "giotto-ph-collapse": lambda: giotto_ph(collapse_edges=True),
    "ripser": ripser_py,
}


def peak_bytes():
    """The kernel's own peak, if there is one. The value of getrusage may come from the process that started this one."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def timed_call(compute, *args):
    started = time.perf_counter()
    diagrams = compute(*args)
    return diagrams, time.perf_counter() - started


def finite_length(diagram):
    diagram = np.asarray(diagram, dtype=np.float64).reshape(-1, 2)
    finite = diagram[np.isfinite(diagram[:, 1])]
    return float(np.sum(finite[:, 1] - finite[:, 0]))


if __name__ == "__main__":
    program, file, max_dimension, threads = sys.argv[1:]
    compute = PROGRAMS[program]()
    octahedron = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)
    compute(octahedron, 2, 1)  # What is imported at the first call.
    points = np.fromfile(file, dtype=np.float32).reshape(-1, DIMENSION)
    args = points, int(max_dimension), int(threads)
    base = peak_bytes()
    print("ready", flush=True)
    diagrams, seconds = timed_call(compute, *args)
    peak = peak_bytes()
    again = LATER_CALLS if seconds < CALLED_AGAIN_UP_TO_SECONDS else 0
    figures = {
        "seconds": seconds,
        "laterSeconds": [timed_call(compute, *args)[1] for _ in range(again)],
        "baseBytes": base,
        "peakBytes": peak,
        "lengths": [finite_length(diagram) for diagram in diagrams],
    }
    print(json.dumps(figures))
