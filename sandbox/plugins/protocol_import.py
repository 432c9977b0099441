"""A quick way to the generated modules of the engine's gRPC protocol.

The modules live below ``pulumi.runtime.proto``, and importing them the plain way runs the whole Pulumi SDK
first, which a provider plugin never uses: about 80 ms in each plugin of every ``pulumi preview``.
"""

import importlib.util
import sys
from types import ModuleType


def skip_pulumi_sdk() -> None:
    """Put empty packages in place of ``pulumi`` and ``pulumi.runtime``, so that only their ``proto`` package
    is run.

    To be called before anything of ``pulumi`` is imported, and only in a plugin's own process: a program
    could not use the SDK any more. Does nothing where the SDK has been imported already.
    """
    if "pulumi" in sys.modules:
        return
    specification = importlib.util.find_spec("pulumi")
    if specification is None or specification.submodule_search_locations is None:
        raise ModuleNotFoundError("the Python package pulumi is not installed: run `make up`", name="pulumi")
    folders = list(specification.submodule_search_locations)
    for name, subfolder in (("pulumi", ""), ("pulumi.runtime", "/runtime")):
        package = ModuleType(name)
        package.__path__ = [folder + subfolder for folder in folders]
        sys.modules[name] = package
