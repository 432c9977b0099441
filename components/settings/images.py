"""Settings of container images and of how they are pulled."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from components.config.patterns import IMAGE_REPOSITORY, IMAGE_TAG, SECRET_NAME
from components.config.reader import ConfigReader

PullPolicy = Literal["Always", "IfNotPresent", "Never"]

_COMMUNITY = "hashicorp/vault"
_ENTERPRISE_TAG = re.compile(r"-ent\b")
_REPOSITORY_FIX = "give a repository without its tag"
_TAG_FIX = "give a tag, such as 1.21.2"


@dataclass(frozen=True)
class ImageSettings:
    """Vault's container image."""

    repository: str
    """Repository, with the registry's host in front if it isn't the default registry."""
    tag: str
    """Tag, which is Vault's version."""
    pull_policy: PullPolicy = "IfNotPresent"
    """When a node pulls it."""

    @property
    def name(self) -> str:
        """Repository and tag, as a pod names its image."""
        return f"{self.repository}:{self.tag}"

    @property
    def vault_version(self) -> tuple[int, int] | None:
        """Vault's major and minor version, if the tag begins with it; None if it names something else."""
        found = re.match(r"v?(\d{1,2})(?:\.(\d+))?(?![A-Za-z0-9_])", self.tag)
        return (int(found[1]), int(found[2] or 0)) if found else None

    @property
    def is_community_edition(self) -> bool:
        """Whether the image can't be Vault Enterprise, whose tags are such as `1.18.1-ent`."""
        return self.vault_version is not None and "ent" not in f"{self.repository}:{self.tag}"


@dataclass(frozen=True)
class InjectorImageSettings:
    """The injector's own image, which comes with the chart."""

    repository: str | None = None
    """Repository; None for the chart's own."""
    tag: str | None = None
    """Tag, which is the version of vault-k8s; None for the chart's own."""
    pull_policy: PullPolicy = "IfNotPresent"
    """When a node pulls it."""


def read_image(reader: ConfigReader, *, default_tag: str) -> ImageSettings:
    """Read the image of Vault's servers; ``default_tag`` is what the stack has, or a new one gets."""
    image = ImageSettings(
        repository=reader.text("repository", _COMMUNITY, IMAGE_REPOSITORY, _REPOSITORY_FIX),
        tag=reader.text("tag", default_tag, IMAGE_TAG, _TAG_FIX),
        pull_policy=_pull_policy(reader),
    )
    if not (reader.has("repository") or reader.has("tag")) and _ENTERPRISE_TAG.search(default_tag):
        reader.report(
            "repository",
            f"this stack has Vault {default_tag}, which {_COMMUNITY} doesn't have; set the repository that "
            "it is from, such as hashicorp/vault-enterprise",
        )
    reader.unknown_keys()
    return image


def read_agent_image(reader: ConfigReader, image: ImageSettings) -> ImageSettings:
    """Read the image of the injected agents, which is ``image`` unless it is set."""
    agent = ImageSettings(
        repository=reader.text("repository", None, IMAGE_REPOSITORY, _REPOSITORY_FIX) or image.repository,
        tag=reader.text("tag", None, IMAGE_TAG, _TAG_FIX) or image.tag,
    )
    reader.unknown_keys()
    return agent


def read_injector_image(reader: ConfigReader) -> InjectorImageSettings:
    """Read the injector's image."""
    image = InjectorImageSettings(
        repository=reader.text("repository", None, IMAGE_REPOSITORY, _REPOSITORY_FIX),
        tag=reader.text("tag", None, IMAGE_TAG, "give a tag, such as 1.5.0"),
        pull_policy=_pull_policy(reader),
    )
    reader.unknown_keys()
    return image


def read_pull_secrets(reader: ConfigReader) -> Sequence[str]:
    """Read the names of the Secrets with which images are pulled."""
    fix = "give a list of names of Secrets in Vault's namespace"
    names = reader.texts("imagePullSecrets", fix)
    if not all(re.fullmatch(SECRET_NAME, name) for name in names):
        reader.report("imagePullSecrets", fix)
    return names


def _pull_policy(reader: ConfigReader) -> PullPolicy:
    choices: Sequence[PullPolicy] = ("IfNotPresent", "Always", "Never")
    return reader.choice("pullPolicy", "IfNotPresent", choices, "with Never a node must have the image")
