"""Measure how many synthetic slices one core draws per second, alone and with their neighbours.

    OMP_NUM_THREADS=1 python scripts/benchmark_slices.py [--slices 60] [--size 256]

Counts processor time, so that other work on the machine disturbs little.
"""

import argparse
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from synth2d.config import SliceConfig
from synth2d.slices import make_slice

CONTEXTS = (1, 3)


def seconds_per_slice(config: SliceConfig, count: int) -> np.ndarray:
    """Processor seconds of each of `count` slices, after one that does not count."""
    make_slice(config, np.random.default_rng(0))
    seconds = []
    for number in range(count):
        rng = np.random.default_rng([1, number])
        started = time.process_time()
        make_slice(config, rng)
        seconds.append(time.process_time() - started)
    return np.array(seconds)


def main() -> None:
    """Draw, and print slices per second and the slowest ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", type=int, default=60)
    parser.add_argument("--size", type=int, default=256)
    options = parser.parse_args()
    table = Table(
        "slices drawn at once", "a second and core", "images a second", "median, ms", "slowest, ms"
    )
    for context in CONTEXTS:
        config = SliceConfig(size_px=options.size, context=context)
        seconds = seconds_per_slice(config, options.slices)
        rate = 1 / seconds.mean()
        milliseconds = (f"{1e3 * value:.1f}" for value in (np.median(seconds), seconds.max()))
        table.add_row(str(context), f"{rate:.1f}", f"{rate * context:.1f}", *milliseconds)
    Console().print(table)


if __name__ == "__main__":
    main()
