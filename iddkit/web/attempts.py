"""Sign-ins that failed: who tries too often has to wait."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

# Names and addresses that are remembered: more than a team has, and few enough for whoever makes up names.
_MOST: Final = 10_000


class Attempts:
    """Counts failures by key, a name or an address, and forgets them after a pause.

    Examples
    --------
    >>> attempts = Attempts(2, 60.0, lambda: 0.0)
    >>> attempts.note("bo"), attempts.note("bo")
    (None, None)
    >>> attempts.wait("bo"), attempts.wait("ann")
    (60.0, 0.0)
    """

    def __init__(self, most: int, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._pause, self._clock = most, pause, clock
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, *keys: str) -> float:
        """Return for how many seconds more none of the keys may try; 0 if all may."""
        now = self._clock()
        with self._lock:
            found = [self._failed.get(key, (0, now)) for key in keys]
        return max((last + self._pause - now for count, last in found if count >= self._most), default=0.0)

    def note(self, *keys: str) -> None:
        """Count a failure."""
        now = self._clock()
        with self._lock:
            for key in keys:
                count, last = self._failed.pop(key, (0, now))
                self._failed[key] = (count + 1 if now - last < self._pause else 1, now)
            while len(self._failed) > _MOST:
                self._failed.popitem(last=False)

    def forget(self, *keys: str) -> None:
        """Begin anew after a success."""
        with self._lock:
            for key in keys:
                self._failed.pop(key, None)
