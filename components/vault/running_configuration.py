"""Finds Vault's configuration in the objects of the installed chart, and compares its seals."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from components.kubernetes.kubectl import Kubectl

CONFIGURATION_ANNOTATION = "vault-autounseal/configuration"
"""Annotation of Vault's pods: checksum of their configuration, which Vault reads only when it starts.

By it the StatefulSet's controller tells the pods that were started before the last change. The chart has such
an annotation itself (includeConfigAnnotation) from version 0.28 on only.
"""

CONFIGURATION_KEY = "extraconfig-from-values.hcl"
"""Key of Vault's configuration in the chart's ConfigMap."""


def configuration_map(fullname: str) -> str:
    """Return the name of the ConfigMap with Vault's configuration."""
    return f"{fullname}-config"


def configuration_checksum(configuration: str) -> str:
    """Return the checksum that :data:`CONFIGURATION_ANNOTATION` has."""
    return hashlib.sha256(configuration.encode()).hexdigest()


def configuration_changed_at(kubectl: Kubectl, fullname: str) -> datetime | None:
    """Return when Vault's configuration in the cluster was last changed; None if there is none.

    Raises :class:`KubectlError`.
    """
    name = configuration_map(fullname)
    options = ["--ignore-not-found", "--show-managed-fields", "--output=json"]
    text = kubectl.run(["get", "configmap", name, *options])
    if not text.strip():
        return None
    metadata: Mapping[str, Any] = json.loads(text)["metadata"]
    changes = [entry["time"] for entry in metadata.get("managedFields", ()) if "time" in entry]
    return max(map(datetime.fromisoformat, [metadata["creationTimestamp"], *changes]))


def seal_blocks(configuration: str) -> Sequence[str]:
    """Return the seal stanzas of a configuration in their order, without indentation."""
    unindented = "\n".join(line.strip() for line in configuration.splitlines())
    return re.findall(r"^seal\b[^{\n]*\{(?:[^\n]*\}$|.*?^\}$)", unindented, re.MULTILINE | re.DOTALL)
