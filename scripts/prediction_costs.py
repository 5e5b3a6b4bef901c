"""Seconds and memory of a piece of work, in a process of its own (Linux)."""

import resource
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

SAMPLING_S = 0.002


@dataclass(frozen=True)
class Seconds:
    """Best of some repeats: by the clock, and of processor time (which neighbours hardly touch)."""

    clock: float
    processor: float


@dataclass(frozen=True)
class Memory:
    """Peak memory of a process in MB.

    Parameters
    ----------
    private : float
        Sampled anonymous memory: what the process itself asked for.
    resident : float
        ru_maxrss: also counts the pages of mapped files, which the system may drop any time.
    """

    private: float
    resident: float


def best_seconds(work: Callable[[], object], repeats: int) -> Seconds:
    """Time some work; the caller sees to a trial run where one is needed."""
    clock, processor = [], []
    for _ in range(repeats):
        begun = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - begun[0])
        processor.append(time.process_time() - begun[1])
    return Seconds(min(clock), min(processor))


def apart(work: Callable[..., Any], threads: int, *arguments: Any) -> tuple[Any, Memory]:
    """Return what some work returns when run in a process of its own, and its peak memory.

    The process is forked, so torch must not have computed anything in the calling one.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        return pool.submit(_watched, work, threads, arguments).result()


def _watched(
    work: Callable[..., Any], threads: int, arguments: tuple[Any, ...]
) -> tuple[Any, Memory]:
    torch.set_num_threads(threads)
    peak = [0.0]
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(peak, done))
    watcher.start()
    try:
        result = work(*arguments)
    finally:
        done.set()
        watcher.join()
    return result, Memory(peak[0], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _watch(peak: list[float], done: threading.Event) -> None:
    while not done.wait(SAMPLING_S):
        peak[0] = max(peak[0], private_MB())


def private_MB() -> float:
    """Anonymous resident memory of this process now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))
