"""How numbers are printed: as in the papers, and – for what is undefined or missing."""

from rankdet.evaluation.units import digits_that_show, in_digits

NONE = "–"


def number(value: float | None, decimals: int = 1, sign: bool = False) -> str:
    """A value with fixed decimals and a real minus sign; – for None."""
    if value is None:
        return NONE
    return in_digits(value, decimals, sign).replace("-", "−")


def end(value: float | None, decimals: int = 1, sign: bool = True) -> str:
    """An end of an interval whose side of 0 is seen; see `digits_that_show`."""
    return number(value, digits_that_show(value, decimals), sign)


def p_value(value: float) -> str:
    """A p-value as `= .034` or `< .001`."""
    return "< .001" if value < 0.001 else f"= {value:.3f}".replace("0.", ".", 1)


def duration(seconds: float | None) -> str:
    """Seconds as `48 s`, `3 min 05 s` or `2 h 10 min`; – for None."""
    if seconds is None:
        return NONE
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def count(value: float | None) -> str:
    """A count with thin spaces between thousands; – for None."""
    return NONE if value is None else f"{value:,.0f}".replace(",", "\u202f")
