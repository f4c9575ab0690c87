"""The exception for bad input, and the words for errors of Python."""

import re

MOST = 1200  # characters of a message
OF_PYTHON = re.compile(r"\b(objects?|arguments?|attributes?|unhashable|unsupported|operand)\b")


class InputError(ValueError):
    """Bad input. The message is one line: what was found, where, and what to do.

    Input that is quoted in a message may be anything, so the message is made one line that can be
    printed, and the middle of a very long one is left out.
    """

    def __init__(self, message: object = "") -> None:
        text = " ".join(str(message).splitlines())
        text = text.encode("utf-8", "backslashreplace").decode()
        if len(text) > MOST:
            text = f"{text[: MOST // 2]} … {text[-MOST // 3 :]}"
        super().__init__(text)


def in_words(error: BaseException) -> str:
    """Returns what an error of Python says about a file, in words for a message of one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror  # without its number, and without the path, which the message names
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8"
    if isinstance(error, KeyError) and error.args:
        return f"{error.args[0]!r:.100} is missing"
    text = " ".join(str(error).split())
    of_types = isinstance(error, AttributeError | TypeError) and OF_PYTHON.search(text)
    if of_types or isinstance(error, IndexError | RecursionError):
        return "its content has not the form of such a file"
    return text or type(error).__name__
