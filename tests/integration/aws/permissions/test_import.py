"""A lost state, imported with the rights for `pulumi preview` alone."""

import json
import re
from pathlib import Path

import pytest

from components.permissions.aws import preview_policy
from tests.integration.aws.permissions.permission_stack import (
    NewSettings,
    bearer,
    branch,
    deploy,
    scope_of,
)
from tests.integration.aws.permissions.test_secret import reader_name, with_secret
from tests.integration.aws.permissions.tried_actions import ALIAS, ATTACHMENT
from tests.integration.aws.running_cloud import Cloud
from tests.integration.plugin_stack import PluginStack

pytestmark = pytest.mark.timeout(600)


def ids(stack: PluginStack) -> dict[str, str]:
    """The ids of what is in AWS, by URN; a provider's is the engine's own."""
    resources = json.loads(stack.pulumi("stack", "export"))["deployment"]["resources"]
    return {one["urn"]: one["id"] for one in resources if one["type"].startswith("aws:")}


def test_everything_in_aws_is_imported_and_nothing_is_created_or_replaced(
    cloud: Cloud, empty: PluginStack, new_settings: NewSettings, tmp_path: Path
) -> None:
    reader, file = reader_name(), tmp_path / "import.json"
    settings = with_secret(new_settings, reader)
    who = bearer(cloud, preview_policy(scope_of(settings)), reader)
    lost = branch(empty, tmp_path / "lost", settings, who)
    nothing = lost.components("import", str(file))
    assert nothing.returncode == 1
    assert "Nothing of what this stack would create exists" in nothing.stderr, nothing.stderr
    assert not file.exists()

    before = deploy(empty, tmp_path, settings)
    found = lost.components("import", str(file))
    assert found.returncode == 0, found.stderr
    assert not re.search("Not found|is denied", found.stderr), found.stderr
    lost.pulumi("import", "--file", str(file), "--generate-code=false", "--yes", "--skip-preview")
    # What AWS doesn't tell: how long a deletion is to wait, whether a policy is checked.
    assert lost.foretold() == {"unseal-key": "update", "key-store": "update"}
    assert ids(lost) == ids(before.stack)

    # As after a run that was killed before it had recorded these two.
    for unrecorded in (ALIAS, ATTACHMENT):
        lost.pulumi("state", "delete", lost.urn(unrecorded), "--force", "--yes")
    found = lost.components("import", str(file))
    assert found.stderr.count("Found ") == 2, found.stderr
    lost.pulumi("import", "--file", str(file), "--generate-code=false", "--yes", "--skip-preview")
    assert ids(lost) == ids(before.stack)
