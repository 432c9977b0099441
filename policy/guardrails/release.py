"""Judges how Vault is installed: TLS, voters, images."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .resource import Circumstances, Resource, ResourceRule, Rule, Unknown, entries, value_at
from .types import INSTALLED_RELEASE, RELEASE

_FEWEST_VOTERS = 3
_VERSION = re.compile(r"v?\d+\.\d+\.\d+([-+._][0-9A-Za-z.+_-]*)?")
_PLAIN_LISTENER = re.compile(r'^\s*"?tls_disable"?\s*=\s*"?(1|true)\b', re.MULTILINE | re.IGNORECASE)
_CERTIFICATE_ANNOTATIONS = ("certificate-arn", "pre-shared-cert", "managed-certificates", "cluster-issuer")
_CONTAINERS = ("containers", "initContainers", "extraContainers", "extraInitContainers")


def without_tls(resource: Resource, _circumstances: Circumstances) -> Sequence[str]:
    """Return where traffic to Vault isn't encrypted."""
    if resource.type == INSTALLED_RELEASE:
        configuration = resource.value("configuration")
        plain = isinstance(configuration, str) and _PLAIN_LISTENER.search(configuration)
        return ["Vault's listener speaks HTTP"] if plain else []
    if resource.type != RELEASE:
        return []
    disabled = resource.value("values", "global", "tlsDisable")
    problems = [] if disabled is False or isinstance(disabled, Unknown) else ["Vault's listener speaks HTTP"]
    ingress = resource.value("values", "server", "ingress")
    if value_at(ingress, "enabled") is True and not value_at(ingress, "tls"):
        annotations = value_at(ingress, "annotations")
        names = annotations if isinstance(annotations, Mapping) else {}
        # ALB, if it listens for HTTPS alone, finds a certificate by the host's name. Another annotation with
        # HTTPS in it is on the traffic from the controller to Vault.
        ports = [str(value) for name, value in names.items() if name.endswith("/listen-ports")]
        https = any("HTTPS" in value and 'HTTP"' not in value for value in ports)
        if not https and not any(name.endswith(_CERTIFICATE_ANNOTATIONS) for name in names):
            problems.append("the Ingress has no certificate")
    return problems


def few_voters(resource: Resource, _circumstances: Circumstances) -> Sequence[str]:
    """Return why Vault wouldn't survive the loss of a server."""
    if resource.type == INSTALLED_RELEASE:
        return _problems_of_voters(resource.value("replicas"))
    if resource.type != RELEASE:
        return []
    if resource.value("values", "server", "ha", "enabled") is not True:
        known = not isinstance(resource.value("values", "server", "ha", "enabled"), Unknown)
        return ["there is one server only"] if known else []
    return _problems_of_voters(resource.value("values", "server", "ha", "replicas"))


def _problems_of_voters(replicas: Any) -> Sequence[str]:
    if isinstance(replicas, Unknown):
        return []
    if not isinstance(replicas, int | float) or replicas < _FEWEST_VOTERS:
        return ["there are less than three voters"]
    return ["the number of voters is even, which adds none that may fail"] if replicas % 2 == 0 else []


def unpinned_images(resource: Resource, _circumstances: Circumstances) -> Sequence[str]:
    """Return which images may be another one tomorrow."""
    if resource.type == RELEASE:
        values = resource.value("values")
        problems = [f"{where} names no version" for where in _unpinned_values(values, "values")]
        # Without a version Helm takes the newest chart, and with it the images that the values leave to it.
        registry = str(resource.value("chart")).startswith("oci://")
        remote = registry or resource.value("repositoryOpts", "repo") is not None
        if remote and resource.value("version") is None:
            problems.append("the chart has no version")
        return problems
    if resource.type.startswith("kubernetes:"):
        return [f"{where} names no version" for where in _unpinned_containers(resource.properties, "")]
    return []


def _unpinned_values(value: Any, path: str) -> Iterator[str]:
    """Yield the paths of the chart's values that set an image without a version."""
    if not isinstance(value, Mapping):
        return
    for name, entry in value.items():
        inner = f"{path}.{name}"
        if name.lower().endswith("image") and isinstance(entry, Mapping):
            tag = entry.get("tag")
            digest = "@sha256:" in f"{entry.get('repository')}:{tag}"
            if not digest and isinstance(tag, str) and tag and not _VERSION.fullmatch(tag):
                yield inner
        elif name in _CONTAINERS:
            yield from _unpinned_containers({name: entry}, path)
        else:
            yield from _unpinned_values(entry, inner)


def _unpinned_containers(value: Any, path: str) -> Iterator[str]:
    """Yield the paths of containers, however deep in an object, whose image has no version."""
    if isinstance(value, Mapping):
        for name, entry in value.items():
            if name in _CONTAINERS:
                for number, container in enumerate(entries(entry)):
                    image = value_at(container, "image")
                    if isinstance(image, str) and not _is_pinned(image):
                        yield f"{path}.{name}[{number}]".lstrip(".")
            else:
                yield from _unpinned_containers(entry, f"{path}.{name}")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for entry in value:
            yield from _unpinned_containers(entry, path)


def _is_pinned(image: str) -> bool:
    if "@sha256:" in image:
        return True
    _, colon, tag = image.rpartition("/")[2].partition(":")
    return bool(colon) and _VERSION.fullmatch(tag) is not None


RULES: Sequence[Rule] = (
    ResourceRule(
        "tls-to-vault",
        "Traffic to Vault is encrypted.",
        "Set tls.source, and ingress.tlsSecret unless the controller has a certificate (docs/tls.md).",
        judge=without_tls,
    ),
    ResourceRule(
        "three-voters",
        "Vault survives the loss of a server.",
        "Set mode to ha, and replicas to 3, 5 or 7.",
        judge=few_voters,
    ),
    ResourceRule(
        "pinned-images",
        "Images and the chart are of a version that is named.",
        "Set image.tag, injector.image.tag and chart.version to a version, or to a digest.",
        judge=unpinned_images,
    ),
)
