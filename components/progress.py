"""Reports the progress of dynamic providers.

The engine shows a plugin's standard error beside the update (pulumi/sdk/go/common/resource/plugin/plugin.go),
so nothing secret may be written here.
"""

import contextlib
import sys
import time
from collections.abc import Callable


def say(message: str) -> None:
    """Print one line for the person who runs the update, if there still is one.

    Once the engine is dead nobody reads the pipe. That must not end what is being done, such as keeping keys.
    """
    with contextlib.suppress(OSError):
        print(message, file=sys.stderr, flush=True)


class Waiting:
    """A deadline, with a line of output every ten seconds on what is being waited for."""

    def __init__(self, what: str, seconds: float) -> None:
        self._what = what
        self._began = time.monotonic()
        self._deadline = self._began + seconds
        self._next_line = self._began + 10

    @property
    def remaining_seconds(self) -> float:
        """Seconds until the deadline; 0 once it has passed."""
        return max(0.0, self._deadline - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether the deadline has passed."""
        return self.remaining_seconds == 0

    def pause(self, state: str | Callable[[], str], seconds: float = 0.1) -> None:
        """Sleep for a moment, and report the state if a line is due; a function is called only then."""
        now = time.monotonic()
        if now >= self._next_line:
            self._next_line = now + 10
            shown = state if isinstance(state, str) else state()
            say(f"{self._what}: {shown} ({now - self._began:.0f} s)")
        time.sleep(min(seconds, self.remaining_seconds))
