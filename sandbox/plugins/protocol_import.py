"""A quick way to the generated modules of the engine's gRPC protocol.

The modules live below ``pulumi.runtime.proto``, and importing them the plain way runs the whole Pulumi SDK
first, which a provider plugin never uses. Likewise gRPC imports a second, asynchronous interface of its own.
"""

import importlib.util
import sys
from types import ModuleType


def skip_unused_packages() -> None:
    """Put empty packages in place of ``pulumi``, ``pulumi.runtime`` and ``grpc.aio``, so that only the first
    two's ``proto`` package is run.

    Call it before anything of ``pulumi`` or ``grpc`` is imported, and only in a plugin's own process: a
    program could use neither any more. Raises :class:`ModuleNotFoundError` if pulumi isn't installed.
    """
    specification = importlib.util.find_spec("pulumi")
    if specification is None or specification.submodule_search_locations is None:
        raise ModuleNotFoundError("the Python package pulumi is not installed: run `make up`", name="pulumi")
    folders = list(specification.submodule_search_locations)
    for name, subfolder in (("pulumi", ""), ("pulumi.runtime", "/runtime")):
        package = ModuleType(name)
        package.__path__ = [folder + subfolder for folder in folders]
        sys.modules[name] = package
    sys.modules["grpc.aio"] = ModuleType("grpc.aio")
