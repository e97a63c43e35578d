"""
Runs an experiment by the Python system's own command, `panic-tda experiment perform FILE --db-path DATABASE`:

    python perform.py <file> <database> <CPUs for Ray> <folder for Ray> <max dimension>

The sources fix three settings for a machine of many cores. This script sets them from outside before the command
starts. It changes neither the sources nor the order of their steps.

1. It sets the number of CPUs of Ray. Each of the two dummy models holds one as long as it lives, and a run needs a third:
   with the 2 of a small machine no run would ever begin. Ray also ends idle workers beyond that number, which have taken
   seconds to import torch: with 4, it gave nearly every run a new worker.
2. A diagram asks Ray for 24 CPUs, and would wait for ever if Ray has fewer. In that case it asks for 1.
3. The highest degree of the diagrams is 2 in the sources. It becomes the degree that the other program computes.
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
