"""Measure how many synthetic slices one core draws per second.

    OMP_NUM_THREADS=1 python scripts/benchmark_slices.py [--slices 60] [--size 256] [--context 3]

Counts processor time, so that other work on the machine disturbs little.
"""

import argparse
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from synth2d.config import SliceConfig
from synth2d.slices import make_slice


def main() -> None:
    """Draw, and print slices per second and the slowest ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", type=int, default=60)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--context", type=int, default=3)
    options = parser.parse_args()
    config = SliceConfig(size_px=options.size, context=options.context)
    make_slice(config, np.random.default_rng(0))
    seconds = []
    for number in range(options.slices):
        rng = np.random.default_rng([1, number])
        started = time.process_time()
        make_slice(config, rng)
        seconds.append(time.process_time() - started)
    table = Table(
        "measure", "value", title=f"{options.size}² pixels, {options.context} slices each"
    )
    table.add_row("slices per second and core", f"{len(seconds) / sum(seconds):.1f}")
    table.add_row("median, ms", f"{1e3 * np.median(seconds):.1f}")
    table.add_row("slowest, ms", f"{1e3 * max(seconds):.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
