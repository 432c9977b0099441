"""Settings of images and of how they are pulled."""

from typing import Any

import pytest

from components.settings import ImageSettings
from components.settings.deployed_vault import DeployedVault
from components.settings.images import InjectorImageSettings
from tests.unit.fakes.stack_settings import PROJECT, SHAMIR, nested, parse, problems

MIRROR = "registry.example.com:5000/vault"


def test_injected_agents_have_the_servers_image_unless_another_is_set() -> None:
    settings = parse({**SHAMIR, "image": {"repository": MIRROR, "tag": "1.19.0", "pullPolicy": "Always"}})
    assert settings.image == ImageSettings(repository=MIRROR, tag="1.19.0", pull_policy="Always")
    agent = settings.injector.agent_image
    assert (agent.repository, agent.tag) == (MIRROR, "1.19.0")

    image = {"image": {"tag": "1.19.0-ent"}, "injector": {"agentImage": {"repository": MIRROR}}}
    agent = parse({**SHAMIR, **image}).injector.agent_image
    assert (agent.repository, agent.tag) == (MIRROR, "1.19.0-ent")


def test_image_of_the_injector_is_the_charts_own_unless_set() -> None:
    assert parse(SHAMIR).injector.image == InjectorImageSettings()
    given = {"repository": "registry.example.com/vault-k8s", "tag": 1, "pullPolicy": "Never"}
    assert parse({**SHAMIR, "injector": {"image": given}}).injector.image == InjectorImageSettings(
        repository="registry.example.com/vault-k8s", tag="1", pull_policy="Never"
    )


ENTERPRISE = DeployedVault("1.18.1-ent", "0.29.1", "none")


@pytest.mark.parametrize("image", [{}, {"pullPolicy": "Always"}])
def test_enterprise_that_lost_its_repository(image: dict[str, str]) -> None:
    """The tag is kept, as the stack has it, and the default repository has no such image."""
    assert problems({**SHAMIR, "image": image}, deployed=ENTERPRISE) == [
        f"{PROJECT}:image.repository is not set: this stack has Vault 1.18.1-ent, which hashicorp/vault "
        "doesn't have; set the repository that it is from, such as hashicorp/vault-enterprise"
    ]


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ({"repository": "hashicorp/vault-enterprise"}, "hashicorp/vault-enterprise:1.18.1-ent"),
        ({"tag": "1.21.2"}, "hashicorp/vault:1.21.2"),
    ],
)
def test_enterprise_that_keeps_its_repository_or_is_left(image: dict[str, str], name: str) -> None:
    assert parse({**SHAMIR, "image": image}, deployed=ENTERPRISE).image.name == name


@pytest.mark.parametrize("tag", ["1.18.1", "1.18.1-current", "1.18.1-entrypoint"])
def test_other_tag_is_kept(tag: str) -> None:
    deployed = DeployedVault(tag, "0.29.1", "none")
    assert parse(SHAMIR, deployed=deployed).image.name == f"hashicorp/vault:{tag}"


def test_pull_secrets() -> None:
    assert parse(SHAMIR).image_pull_secrets == ()
    secrets = ["registry", "other.registry"]
    assert parse({**SHAMIR, "imagePullSecrets": secrets}).image_pull_secrets == tuple(secrets)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("image.repository", "hashicorp/vault 1", "give a repository without its tag"),
        ("image.tag", "1.18 1", "give a tag, such as 1.21.2"),
        ("image.tag", True, "give a tag, such as 1.21.2"),
        ("image.tag", 1.2, "put it in quotes"),
        ("image.pullPolicy", "Sometimes", "use IfNotPresent or Always or Never"),
        ("imagePullSecrets", "registry", "give a list of names of Secrets"),
        ("imagePullSecrets", ["Registry"], "give a list of names of Secrets"),
        ("imagePullSecrets", [{"name": "registry"}], "give a list of names of Secrets"),
        ("injector", {"image": {"tag": 1.2}}, "put it in quotes"),
        ("injector", {"image": {"repository": "a b"}}, "give a repository without its tag"),
        ("injector", {"agentImage": {"pullPolicy": "Always"}}, "there is no such setting"),
    ],
)
def test_wrong_value_is_told(path: str, value: Any, problem: str) -> None:
    (found,) = problems({**SHAMIR, **nested(path, value)})
    assert found.startswith(f"{PROJECT}:{path}")
    assert problem in found
