"""Settings of the agent injector: its pods, its images, and which pods its webhook is asked about."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from components.config.patterns import LABEL_NAME, LABEL_VALUE
from components.config.reader import ConfigReader
from components.settings.images import (
    ImageSettings,
    InjectorImageSettings,
    read_agent_image,
    read_injector_image,
)
from components.settings.pods import PodSettings, read_labels, read_pods

FailurePolicy = Literal["Ignore", "Fail"]


@dataclass(frozen=True)
class InjectorSettings:
    """The Vault agent injector and its webhook."""

    enabled: bool
    """Whether the injector is deployed."""
    port: int
    """Port on which the webhook's pod listens; the control plane has to reach it."""
    host_network: bool
    """Whether its pods have their node's network, for a control plane that doesn't reach other pods."""
    verify: bool
    """Whether it is verified that the API server reaches the webhook."""
    image: InjectorImageSettings
    agent_image: ImageSettings
    """Image of the agents that it injects; its pull policy isn't used."""
    replicas: int = 1
    """Number of its pods; of several one is elected to renew the webhook's certificate."""
    failure_policy: FailurePolicy = "Ignore"
    """What becomes of a pod while no injector answers: it starts without injection, or not at all."""
    namespace_selector: Mapping[str, Any] = field(default_factory=dict)
    """Label selector of the namespaces whose pods the webhook is asked about; empty for the chart's own."""
    object_selector: Mapping[str, Any] = field(default_factory=dict)
    """Label selector of the pods that the webhook is asked about; empty for the chart's own."""
    pods: PodSettings = field(default_factory=PodSettings)
    """Settings of the injector's own pods."""


def read_injector(reader: ConfigReader, image: ImageSettings) -> InjectorSettings:
    """Read the settings of the injector, whose agents have ``image`` unless another one is set."""
    policies: Sequence[FailurePolicy] = ("Ignore", "Fail")
    injector = InjectorSettings(
        enabled=reader.flag("enabled", True),
        port=reader.integer(
            "port", 8080, range(1024, 65536), "use 1024 to 65535: the injector doesn't run as root"
        ),
        host_network=reader.flag("hostNetwork", False),
        verify=reader.flag("verify", True),
        image=read_injector_image(reader.section("image")),
        agent_image=read_agent_image(reader.section("agentImage"), image),
        replicas=reader.integer("replicas", 1, range(1, 10), "use 1 to 9"),
        failure_policy=reader.choice(
            "failurePolicy", "Ignore", policies, "with Fail no pod starts while no injector answers"
        ),
        namespace_selector=_selector(reader.section("namespaceSelector")),
        object_selector=_selector(reader.section("objectSelector")),
        pods=read_pods(reader),
    )
    reader.unknown_keys()
    return injector


def _selector(reader: ConfigReader) -> Mapping[str, Any]:
    """Return a label selector with the parts that are set."""
    selector = {
        "matchLabels": read_labels(reader, "matchLabels"),
        "matchExpressions": [
            _requirement(entry)
            for entry in reader.sections("matchExpressions", "give a list of objects {key, operator, values}")
        ],
    }
    reader.unknown_keys()
    return {name: part for name, part in selector.items() if part}


def _requirement(reader: ConfigReader) -> Mapping[str, Any]:
    key = reader.required_text("key", LABEL_NAME, "give a label's name")
    operator = reader.required_text(
        "operator", "In|NotIn|Exists|DoesNotExist", "use In, NotIn, Exists or DoesNotExist"
    )
    values_fix = f"operator {operator or 'In'} needs a list of a label's values"
    values = reader.texts("values", values_fix)
    if operator in ("Exists", "DoesNotExist"):
        reader.not_applicable(("values",), f"operator {operator} takes no values; remove them")
    elif not values or not all(_is_label_value(value) for value in values):
        reader.report("values", values_fix)
    reader.unknown_keys()
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def _is_label_value(value: str) -> bool:
    return re.fullmatch(LABEL_VALUE, value) is not None
