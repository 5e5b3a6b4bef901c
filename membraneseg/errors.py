"""The one error that the user is meant to read."""


class MembraneSegError(Exception):
    """Something the user can mend: the message says the value, the expectation and the remedy.

    The command line prints the message as one sentence and exits with code 2.
    """

    exit_code = 2
