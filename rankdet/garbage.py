"""How often Python's garbage collector runs (for objects that refer to each other in cycles)."""

import gc

# Plans, records and syntax trees are millions of objects that stay. By default (700, 10, 10) Python
# looks among them again and again: a quarter of the time of a plan.
SELDOM = (100_000, 50, 100)


def collect_seldom() -> None:
    """Makes the garbage collector run rarely; objects that exist now are never checked again.

    For processes that end soon. A training must not do it: it would keep tensors.
    """
    gc.freeze()
    gc.set_threshold(*SELDOM)
