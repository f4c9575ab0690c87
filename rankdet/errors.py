"""The exception for bad input, and words for its messages: counts, places, errors of Python."""

import re
from collections.abc import Sequence

MOST = 1200  # characters of a message
NO_MEMORY = (
    "out of memory",  # CUDA
    "can't allocate memory",  # torch on a CPU
    "not enough memory",  # torch on a CPU, Windows
    "calculation overflowed",  # torch: more bytes than a number can say
)
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


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is missing: of Python, NumPy, or torch on any device."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in NO_MEMORY)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Returns a number with what is counted: `1 image id is`, `1,200 image ids are`.

    Args:
        number: How many there are.
        one: The words after 1.
        many: The words after all other numbers; None adds an s to `one`.
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def first_of(names: Sequence[str], most: int, between: str = ", ") -> str:
    """Returns the first names, and how many more there are: `a, b and 3 more`.

    Args:
        names: All names.
        most: How many are named.
        between: What stands between two of them.
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + more


def entry(*positions: int, what: str = "entry", most: int = 3) -> str:
    """Returns where entries of a list in a file are: `entry 4 (from 0)`, `entry 0, 3 (from 0)`.

    Args:
        *positions: Their positions, from 0.
        what: What an entry is.
        most: How many are named; dots stand for the others.
    """
    named = ", ".join(str(one) for one in positions[:most])
    return f"{what} {named}{', ...' if len(positions) > most else ''} (from 0)"


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
