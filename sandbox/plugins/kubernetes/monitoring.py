"""``kubernetes:monitoring.coreos.com/v1:PodMonitor`` and ``:PrometheusRule``."""

from typing import ClassVar

from sandbox.plugins.kubernetes.specified_object import SpecifiedObject


class PodMonitor(SpecifiedObject):
    """A PodMonitor, which the API server keeps if its kind is defined; nobody scrapes by it."""

    token = "kubernetes:monitoring.coreos.com/v1:PodMonitor"  # noqa: S105 - a type's name
    kind: ClassVar[str] = "PodMonitor"
    api_version: ClassVar[str] = "monitoring.coreos.com/v1"
    resource: ClassVar[str] = "podmonitors"


class PrometheusRule(SpecifiedObject):
    """A PrometheusRule, which the API server keeps if its kind is defined; nobody evaluates it."""

    token = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"  # noqa: S105 - a type's name
    kind: ClassVar[str] = "PrometheusRule"
    api_version: ClassVar[str] = "monitoring.coreos.com/v1"
    resource: ClassVar[str] = "prometheusrules"
