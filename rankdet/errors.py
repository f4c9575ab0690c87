"""The exception for bad input."""


class InputError(ValueError):
    """Bad input. The message is one line: what was found, where, and what to do."""
