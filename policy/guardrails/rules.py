"""Lists the rules of the pack."""

from collections.abc import Sequence

from . import init, keys, operation, release, rights
from .resource import Rule

RULES: Sequence[Rule] = (*init.RULES, *keys.RULES, *rights.RULES, *release.RULES, *operation.RULES)
