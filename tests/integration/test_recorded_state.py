"""What the real engine records of a resource, and what it asks before it creates one again."""

import json

import pytest

from sandbox.layout import REPOSITORY
from tests.integration.plugin_stack import PluginStack

PROVIDER = """
from pulumi.dynamic import CreateResult

from components.custody.key_custody import STATE_LOCATION
from components.stable_provider import StableProvider


class Provider(StableProvider):
    inputs = ("number",)

    def create(self, props):
        return CreateResult("1", {**self.input_values(props), "keys_location": STATE_LOCATION})
"""
PROGRAM = """
import pulumi

from components.init.keys_in_state import refuse_second_init
from components.resource_types import DYNAMIC
from components.stable_provider import StableResource
from components.stack_state import outputs_of_unretained
from provider import Provider


class Init(StableResource, module="vault", name="Init"):
    pass


class Kept(StableResource, module="vault", name="Kept"):
    pass


pulumi.export("unretained", sorted(outputs_of_unretained(DYNAMIC + "/vault:Kept")))
Init(Provider(), "init", {{"number": 1}}, pulumi.ResourceOptions(hooks=refuse_second_init()))
Kept(Provider(), "kept", {{"number": 1}}, pulumi.ResourceOptions(retain_on_delete={retained}))
"""

SECRETS = """
import json

import pulumi

from components.resource_types import DYNAMIC, STACK
from components.stack_state import recorded_outputs_of
from components.stable_provider import StableProvider, StableResource
from pulumi.dynamic import CreateResult


class Provider(StableProvider):
    inputs = ("whole", "part")

    def create(self, props):
        return CreateResult("1", self.input_values(props))


class Release(StableResource, module="vault", name="Release"):
    pass


found = recorded_outputs_of(DYNAMIC + "/vault:Release", STACK)
secret = pulumi.Output.secret
Release(
    Provider(),
    "release",
    {"whole": secret({"tag": "1.18.1"}), "part": {"tag": secret("1.18.1")}},
    pulumi.ResourceOptions(),
)
pulumi.export("exported", secret("1.18.1"))
pulumi.export("found", secret(json.dumps(found)))
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> PluginStack:
    """A stack that is deployed."""
    folder = tmp_path_factory.mktemp("stack")
    stack = PluginStack(folder, {"PYTHONPATH": f"{folder}:{REPOSITORY}"})
    (folder / "provider.py").write_text(PROVIDER)
    stack.program(PROGRAM.format(retained=False))
    stack.up()
    return stack


def test_keys_in_the_state_stay_there(stack: PluginStack) -> None:
    init, before = stack.urn("::init"), stack.state()["init"]
    assert "Nothing was changed" in stack.pulumi("preview", f"--replace={init}", fails=True)
    assert "Nothing was changed" in stack.pulumi(
        "up", "--yes", "--skip-preview", f"--target-replace={init}", fails=True
    )
    stack.pulumi("state", "taint", init, "--yes")
    assert f"pulumi state untaint '{init}'" in stack.pulumi("preview", fails=True)
    stack.pulumi("state", "untaint", init, "--yes")
    assert stack.state()["init"]["outputs"] == before["outputs"]


def test_option_counts_once_an_update_has_reached_the_resource(stack: PluginStack) -> None:
    stack.program(PROGRAM.format(retained=True))
    # The program looks before the engine does.
    for option, seen in ((f"--target={stack.urn('::init')}", ["kept"]), ("--diff", ["kept"]), ("--diff", [])):
        stack.pulumi("up", "--yes", "--skip-preview", option)
        assert stack.outputs()["unretained"] == seen


def test_secrets_are_told_in_plain(stack: PluginStack) -> None:
    """Values of the chart may be a secret as a whole, and what a stack keeps is read from them."""
    stack.program(SECRETS)
    stack.up()
    recorded = stack.state()["release"]["outputs"]
    assert "1.18.1" not in json.dumps([recorded["whole"], recorded["part"]])
    stack.up()
    [(kind, resources), (_, of_stack)] = json.loads(stack.outputs()["found"]).items()
    assert kind.endswith(":Release")
    assert resources["release"]["whole"] == resources["release"]["part"] == {"tag": "1.18.1"}
    assert of_stack["plugins-test"]["exported"] == "1.18.1"
