"""The rights for `pulumi preview`: enough, and each one missed.

Real engine, the program's own components, AWS that asks for every right. What a command lacks has to be named
by its message.
"""

from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

import pytest

from components.permissions.aws import preview_policy
from tests.integration.aws.permissions.permission_stack import (
    Deployed,
    NewSettings,
    assert_named,
    bearer,
    branch,
    scope_of,
    two_at_a_time,
    without,
)
from tests.integration.aws.permissions.tried_actions import LOOK_UPS, READS
from tests.integration.aws.running_cloud import Cloud
from tests.integration.plugin_stack import PluginStack

# The first test to ask waits for the engine's runs without every action.
pytestmark = pytest.mark.timeout(900)


def test_preview_rights_are_enough_on_an_empty_stack(
    cloud: Cloud, empty: PluginStack, new_settings: NewSettings, tmp_path: Path
) -> None:
    settings = new_settings()
    who = bearer(cloud, preview_policy(scope_of(settings)))
    stack = branch(empty, tmp_path / "stack", settings, who)
    assert stack.foretold()["unseal-key"] == "create"


def test_preview_rights_are_enough_on_a_deployed_stack(
    cloud: Cloud, deployed: Deployed, tmp_path: Path
) -> None:
    for number, key_id in enumerate((None, deployed.key_id)):
        who = bearer(cloud, preview_policy(scope_of(deployed.settings, key_id)))
        stack = branch(deployed.stack, tmp_path / str(number), deployed.settings, who)
        stack.pulumi("preview", "--refresh")


def test_preview_rights_are_not_enough_for_up(
    cloud: Cloud, empty: PluginStack, new_settings: NewSettings, tmp_path: Path
) -> None:
    settings = new_settings()
    who = bearer(cloud, preview_policy(scope_of(settings)))
    said = branch(empty, tmp_path / "stack", settings, who).up(fails=True)
    assert_named(said, "kms:CreateKey")
    assert_named(said, "iam:CreateRole", "ec2:AuthorizeSecurityGroupIngress")
    assert settings["key"]["alias"] not in [
        alias["AliasName"] for alias in cloud.kms().list_aliases()["Aliases"]
    ]


@pytest.fixture(scope="module")
def said(
    cloud: Cloud,
    empty: PluginStack,
    deployed: Deployed,
    new_settings: NewSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, Future[str]]:
    """What a preview says without each look-up, and a refresh without each read."""

    def attempt(action: str) -> str:
        look_up = action in LOOK_UPS
        settings = new_settings() if look_up else deployed.settings
        who = bearer(cloud, without(preview_policy(scope_of(settings)), action))
        folder = tmp_path_factory.mktemp("preview") / "stack"
        stack = branch(empty if look_up else deployed.stack, folder, settings, who)
        command = ("preview",) if look_up else ("refresh", "--preview-only")
        return stack.pulumi(*command, fails=True)

    return two_at_a_time(attempt, (*LOOK_UPS, *READS))


@pytest.mark.parametrize("action", (*LOOK_UPS, *READS))
def test_preview_misses_each_action(said: Mapping[str, Future[str]], action: str) -> None:
    assert_named(said[action].result(), action)
