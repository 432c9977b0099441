"""The older versions of Vault and its chart, on which the main way is tried, too."""

from collections.abc import Mapping
from pathlib import Path

from sandbox.build.versions import OLDER_VAULT, Versions
from sandbox.charts import older_chart
from sandbox.lifecycle import version_settings


def older_versions(folder: Path) -> Mapping[str, object]:
    """Return the settings that name them; the chart goes into ``folder``."""
    return version_settings(Versions(vault=OLDER_VAULT), older_chart(folder))
