"""The same work on many membranes, in several processes, with the result of one."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Generic, TypeVar

from threadpoolctl import threadpool_limits

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]

WAITING_PER_PROCESS = 2
"""Items handed out at a time per process: more would only fill the memory."""
WORTH_A_PROCESS = 4
"""Starting a process takes seconds, so each must find this many items."""
_NONE_LIVES = threading.Event()
"""Set when no process could be started: here, nobody tries again."""


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What became of one item: a value, or in words why there is none."""

    value: Result | None
    reason: str = ""


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(
    work: Callable[[Item], Result],
    items: Iterator[Item] | Sequence[Item],
    count: int,
    jobs: int,
    progress: Progress | None = None,
) -> list[Outcome[Result]]:
    """Do the same work on every item.

    Parameters
    ----------
    work : callable
        A function of a module (or a partial of one), so that other processes can import it.
    items : iterator or sequence
        Drawn only as processes become free, so that large items do not pile up.
    count : int
        How many there are.
    jobs : int
        Processes; 0 for one per core. Few items are done in this one.
    progress : callable, optional
        Told (done, count).

    Returns
    -------
    list of Outcome
        In the order of the items, whatever the number of processes. An item whose work raises, or
        kills its process, has a reason instead of a value; the others go on. Where processes
        cannot be started at all, this one does the work, and a warning says so once.
    """
    told = progress or (lambda done, total: None)
    processes = min(jobs or usable_cores(), count // WORTH_A_PROCESS)
    pool = _living_pool(processes) if processes > 1 else None
    if pool is None:
        return _one_by_one(work, items, count, told)
    return _spread(work, enumerate(items), pool, (count, processes), told)


def _one_by_one(
    work: Callable[[Item], Result],
    items: Iterator[Item] | Sequence[Item],
    count: int,
    told: Progress,
) -> list[Outcome[Result]]:
    outcomes: list[Outcome[Result]] = []
    for item in items:
        outcomes.append(_attempted(work, item))
        told(len(outcomes), count)
    return outcomes


def _spread(
    work: Callable[[Item], Result],
    numbered: Iterator[tuple[int, Item]],
    pool: ProcessPoolExecutor,
    size: tuple[int, int],
    told: Progress,
) -> list[Outcome[Result]]:
    count, processes = size
    found: dict[int, Outcome[Result]] = {}
    lost: list[tuple[int, Item]] = []
    running: dict[Future[Outcome[Result]], tuple[int, Item]] = {}
    try:
        while True:
            while len(running) < WAITING_PER_PROCESS * processes:
                one = next(numbered, None)
                if one is None:
                    break
                running[pool.submit(_attempted, work, one[1])] = one
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number, item = running.pop(future)
                try:
                    found[number] = future.result()
                except BrokenProcessPool:
                    lost.append((number, item))
                told(len(found), count)
            if lost:  # a process was killed: which item did it shows when each is alone
                lost += running.values()
                running.clear()
                pool.shutdown(wait=False, cancel_futures=True)
                found |= {number: _alone(work, item) for number, item in lost}
                lost.clear()
                pool = _pool(processes)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [found[number] for number in range(count)]


def _living_pool(processes: int) -> ProcessPoolExecutor | None:
    """Return a pool whose processes were seen to live; None, and a warning once, if none does.

    Without this look, each item would seem to have killed its process. A daemon may start none.
    """
    if _NONE_LIVES.is_set() or multiprocessing.current_process().daemon:
        return None
    try:
        pool = _pool(processes)
        for started in [pool.submit(os.getpid) for _ in range(processes)]:
            started.result()
    except (BrokenProcessPool, OSError, NotImplementedError) as error:
        _NONE_LIVES.set()
        logger.warning(
            "no further process could be started (%s), so this one does all the work, on one core: "
            "a script that calls membraneseg must do so under if __name__ == '__main__':, or give "
            "jobs=1",
            error,
        )
        return None
    return pool


def _pool(processes: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=context, initializer=_ready)


def _ready() -> None:
    """End when the process that hands out the work is killed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # waiting for work that nobody will send, nothing else ends this process


def _attempted(work: Callable[[Item], Result], item: Item) -> Outcome[Result]:
    """Do it; what goes wrong is the outcome and is not hidden.

    On one thread: many small systems only get into each other's way, and sums that two threads
    share differ in the last digit. Set for each item, when all libraries are surely loaded.
    """
    try:
        with threadpool_limits(1):
            return Outcome(work(item))
    except Exception as error:
        logger.debug("a membrane failed", exc_info=True)
        return Outcome(None, str(error) or type(error).__name__)


def _alone(work: Callable[[Item], Result], item: Item) -> Outcome[Result]:
    """Do it in a process of its own."""
    with _pool(1) as pool:
        try:
            return pool.submit(_attempted, work, item).result()
        except BrokenProcessPool:
            return Outcome(None, "its process was killed, most likely for want of memory")
