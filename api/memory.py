"""What the garbage collector is spared in a process that lives long."""

from __future__ import annotations

import gc

# Objects made since the last look, before the youngest are looked at: more than a batch of the
# inbox or a request leaves alive, so most are gone by then.
_YOUNG = 50_000


def settle() -> None:
    """Called once a process has its modules and its application: they stay as long as it does.

    Else the collector goes through all of them again and again while a batch makes objects by
    the hundred thousand, which was half of the time that applying events took.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 100)
