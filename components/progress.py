"""Reports the progress of dynamic providers.

The engine shows a plugin's standard error beside the update (pulumi/sdk/go/common/resource/plugin/plugin.go),
so nothing secret may be written here.
"""

import contextlib
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from components.errors import DeploymentError

Result = TypeVar("Result")
Error = TypeVar("Error", bound=DeploymentError)


def say(message: str) -> None:
    """Print one line for the person who runs the update, if there still is one.

    Once the engine is dead nobody reads the pipe. That must not end what is being done, such as keeping keys.
    """
    with contextlib.suppress(OSError):
        print(message, file=sys.stderr, flush=True)


LINE_SECONDS = 10
"""Seconds between two lines of output on a wait."""

_LONGEST_PAUSE_SECONDS = 2
_SHARE_OF_THE_WAIT = 60


class Waiting:
    """A deadline, with a line of output every ten seconds on what is being waited for."""

    def __init__(self, what: str, seconds: float) -> None:
        self._what = what
        self._began = time.monotonic()
        self._deadline = self._began + seconds
        self._next_line = self._began + LINE_SECONDS

    @property
    def remaining_seconds(self) -> float:
        """Seconds until the deadline; 0 once it has passed."""
        return max(0.0, self._deadline - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether the deadline has passed."""
        return self.remaining_seconds == 0

    def pause(self, state: str | Callable[[], str], seconds: float = 0.1) -> None:
        """Sleep for a moment, and report the state if a line is due; a function is called only then.

        A moment is at least ``seconds``, and in a long wait a sixtieth of it, up to two seconds: an attempt
        that fails at once may have started kubectl, and what gets a token for it.
        """
        now = time.monotonic()
        if now >= self._next_line:
            self._next_line = now + LINE_SECONDS
            shown = state if isinstance(state, str) else state()
            say(f"{self._what}: {shown} ({now - self._began:.0f} s)")
        longer = min((now - self._began) / _SHARE_OF_THE_WAIT, _LONGEST_PAUSE_SECONDS)
        time.sleep(min(max(seconds, longer), self.remaining_seconds))

    def until(
        self,
        attempt: Callable[[], Result],
        retry_on: type[Error] | tuple[type[Error], ...],
        *,
        retry_if: Callable[[Error], bool] = lambda _: True,
        state: Callable[[Error], str] = str,
        timeout_message: Callable[[Error], str] | None = None,
        pause_seconds: float = 0.1,
    ) -> Result:
        """Return the result of ``attempt``, repeated after ``retry_on`` until the deadline.

        Then raises the last error, or :class:`DeploymentError` with the ``timeout_message`` for it; an error
        that ``retry_if`` rejects is raised at once. ``state`` is what a line of output says of an error.
        """
        while True:
            try:
                return attempt()
            except retry_on as error:
                if not retry_if(error):
                    raise
                if self.over:
                    if timeout_message is None:
                        raise
                    raise DeploymentError(timeout_message(error)) from None
                self.pause(partial(state, error), seconds=pause_seconds)
