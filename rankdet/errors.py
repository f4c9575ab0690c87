"""The exception for bad input."""

MOST = 1200  # characters of a message


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
