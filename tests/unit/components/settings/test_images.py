"""Settings of images and of how they are pulled."""

from typing import Any

import pytest

from components.settings import ImageSettings
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
