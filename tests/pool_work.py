"""Work that another process can import."""

import os


def inverse_or_death(number):
    """Return 1 / number; the number 5 kills the process."""
    if number == 5:
        os._exit(1)
    return 1.0 / number
