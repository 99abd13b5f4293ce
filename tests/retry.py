"""Statistical tests that neither flake nor hide: sequential retries with fresh seeds.

A right program fails one look with probability `alarm`; it must fail all looks to turn red, so false alarms come at
about alarm^3. A fault that shifts the p-value far below `alarm` fails every look.
"""

from __future__ import annotations

from collections.abc import Callable

LOOKS = 3


def sequential(p_value: Callable[[int], float], alarm: float = 1e-2, first_seed: int = 1) -> None:
    """Call ``p_value(seed)`` until one look is above `alarm`; fail when none of the looks is."""
    seen = []
    for look in range(LOOKS):
        seen.append(p_value(first_seed + look))
        if seen[-1] > alarm:
            return
    raise AssertionError(f"p-values {seen} are all below {alarm}")
