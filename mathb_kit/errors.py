"""The one exception that users are meant to read."""


class MathbError(Exception):
    """Bad input or a failed run, said in one sentence with the remedy.

    The message names the file, row or option at fault and what to do about it. The command line prints it
    without a traceback and exits with status 2; in a notebook it is an ordinary exception.
    """
