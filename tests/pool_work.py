"""Work that another process can import."""

import os
import time

from membraneseg.surface.pool import in_processes


def inverse_or_death(number):
    """Return 1 / number; the number 5 kills the process."""
    if number == 5:
        os._exit(1)
    return 1.0 / number


def inverses_in_two_processes(numbers):
    """Return what two processes make of some numbers."""
    return [one.value for one in in_processes(inverse_or_death, numbers, len(numbers), 2)]


def tell_and_sleep(folder):
    """Leave a file named after this process in a folder, then do nothing for a while."""
    (folder / str(os.getpid())).touch()
    time.sleep(60.0)
