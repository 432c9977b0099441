"""Settings of the Services in front of Vault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from components.config.patterns import LABEL_NAME
from components.config.reader import ConfigReader
from components.settings.address_ranges import read_ranges

ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer"]
_TYPES: Sequence[ServiceType] = ("ClusterIP", "NodePort", "LoadBalancer")


@dataclass(frozen=True)
class ServiceSettings:
    """The Services of all pods, of the active Vault and of the standbys, which have one type."""

    type: ServiceType = "ClusterIP"
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Annotations of all of them, and of the headless one."""
    active_annotations: Mapping[str, str] = field(default_factory=dict)
    """Further annotations of that of the active Vault."""


@dataclass(frozen=True)
class UiServiceSettings:
    """The Service of the web interface, which is the one for a load balancer: it serves the API, too."""

    type: ServiceType = "ClusterIP"
    annotations: Mapping[str, str] = field(default_factory=dict)
    active_only: bool = False
    """Whether it leads to the active Vault only."""
    load_balancer_source_ranges: Sequence[str] = ()
    """Ranges (CIDR) that the load balancer lets through; empty for all."""


def read_service(reader: ConfigReader, *, has_active: bool) -> ServiceSettings:
    """Read ``service``; ``has_active`` says whether the chart creates a Service of the active Vault."""
    if not has_active:
        reader.not_applicable(
            ("activeAnnotations",), "mode standalone has no Service of the active Vault; use annotations"
        )
    service = ServiceSettings(
        type=reader.choice(
            "type", "ClusterIP", _TYPES, "with LoadBalancer each of the three Services gets a load balancer"
        ),
        annotations=_annotations(reader, "annotations"),
        active_annotations=_annotations(reader, "activeAnnotations") if has_active else {},
    )
    reader.unknown_keys()
    return service


def read_ui_service(settings: ConfigReader, *, ui: bool, has_active: bool) -> UiServiceSettings:
    """Read ``uiService``, which exists with the web interface only."""
    if not ui:
        settings.not_applicable(("uiService",), "the chart creates this Service with ui only; set ui to true")
        return UiServiceSettings()
    reader = settings.section("uiService")
    if not has_active:
        reader.not_applicable(("activeOnly",), "mode standalone has one pod; remove it")
    service = UiServiceSettings(
        type=reader.choice("type", "ClusterIP", _TYPES, "LoadBalancer creates one load balancer"),
        annotations=_annotations(reader, "annotations"),
        active_only=reader.flag("activeOnly", False),
        load_balancer_source_ranges=read_ranges(reader, "loadBalancerSourceRanges"),
    )
    if service.type != "LoadBalancer":
        reader.not_applicable(("loadBalancerSourceRanges",), "it belongs to type LoadBalancer; remove it")
    reader.unknown_keys()
    return service


def _annotations(reader: ConfigReader, key: str) -> Mapping[str, str]:
    return reader.text_mapping(key, LABEL_NAME, "use an annotation's name and a text")
