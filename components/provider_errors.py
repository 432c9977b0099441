"""How an error of a dynamic provider reaches the person who runs the update."""

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from components.errors import DeploymentError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def report_without_trace(method: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Keeps the stack trace off errors that explain themselves.

    The dynamic provider host sends ``traceback.format_exc()`` to the engine
    (pulumi/dynamic/__main__.py); that leaves out the frames when the limit is 0. Errors that nobody
    foresaw keep their trace.
    """

    @functools.wraps(method)
    def wrapper(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        # The limit holds for the whole process, and may be left over from an earlier error.
        sys.tracebacklimit = 1000
        try:
            return method(*args, **kwargs)
        except DeploymentError:
            sys.tracebacklimit = 0
            raise

    return wrapper
