"""
Runs an experiment by the Python system's own command, `panic-tda experiment perform FILE --db-path DATABASE`:

    python perform.py <file> <database> <CPUs for Ray> <folder for Ray> <max dimension>

Three settings that its sources fix for a machine of many cores are set from outside before the command starts. The
sources stay as they are, and what they do in which order does too.

1. Ray is told how many CPUs it has. Each of the two dummy models holds one as long as it lives, and a run needs a third:
   with the 2 of a small machine none would ever begin. Ray also ends idle workers beyond that number, which have taken
   seconds to import torch: told of 4, it gave nearly every run a new one.
2. A diagram asks Ray for 24 CPUs, and where Ray has fewer, for 1: it would wait for ever.
3. The highest degree of the diagrams, which is 2 in the sources, is the one that the other program computes as well.
"""

import functools
import sys

import ray
from panic_tda import engine, main

file, database, cpus, ray_folder, max_dimension = sys.argv[1:]
DIAGRAM_CPUS = 24

ray.init(num_cpus=int(cpus), _temp_dir=ray_folder)
if int(cpus) < DIAGRAM_CPUS:
    engine.compute_persistence_diagram = engine.compute_persistence_diagram.options(num_cpus=1)
engine.giotto_phd = functools.partial(engine.giotto_phd, max_dim=int(max_dimension))
main.app(["experiment", "perform", file, "--db-path", database])
