"""The one exception for bad input: its message is one line that a user can act on."""


class InputError(ValueError):
    """Something the user gave is wrong; the message says what was found, where, and what to do."""
