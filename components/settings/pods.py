"""Settings of pods: where they are scheduled, their marks, variables and logs, and what keeps them running.

A setting that isn't there leaves the chart's own value, so that no pod changes because of it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from components.chart.owned_variables import variable_problem
from components.config.patterns import DNS_NAME, ENVIRONMENT_NAME, LABEL_NAME, LABEL_VALUE
from components.config.reader import ConfigReader

Unsatisfiable = Literal["ScheduleAnyway", "DoNotSchedule"]

# The chart's labels and those by which Vault registers itself (vault, serviceregistration/kubernetes).
_OWNED_LABELS = (
    *("app.kubernetes.io/name", "app.kubernetes.io/instance", "component", "helm.sh/chart"),
    *("vault-active", "vault-initialized", "vault-perf-standby", "vault-sealed", "vault-version"),
    "azure.workload.identity/use",
)
_POD_LABEL = rf"(?!({'|'.join(map(re.escape, _OWNED_LABELS))})$){LABEL_NAME}"
_POD_ANNOTATION = rf"(?!vault-autounseal/){LABEL_NAME}"


@dataclass(frozen=True)
class PodSettings:
    """Placement, resources and marks of pods; what is empty is the chart's own."""

    affinity: Mapping[str, Any] | None = None
    """A Kubernetes affinity; empty for no rule at all, None for the chart's own (one pod per node)."""
    tolerations: Sequence[Mapping[str, Any]] = ()
    """Taints that don't keep the pods away, as Kubernetes has them."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    """Labels that a node must have."""
    priority_class_name: str | None = None
    """PriorityClass, which must exist."""
    resources: Mapping[str, Any] = field(default_factory=dict)
    """Kubernetes resource requests and limits of the container."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Further labels of the pods."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Further annotations of the pods."""


@dataclass(frozen=True)
class TopologySpreadSettings:
    """How evenly Vault's pods are spread over zones, or over what another label of the nodes names."""

    topology_key: str
    """Label of the nodes that tells a zone from another."""
    when_unsatisfiable: Unsatisfiable
    """Whether a pod that can't be placed so is scheduled anyway, or waits."""
    max_skew: int
    """By how many pods two zones may differ."""


@dataclass(frozen=True)
class DisruptionBudgetSettings:
    """How many of Vault's pods drains may evict at a time."""

    enabled: bool = True
    """Whether there is a budget; without one a drain may evict all pods at once."""
    max_unavailable: int | None = None
    """Number of pods; None for the chart's own, the minority that raft can do without."""


@dataclass(frozen=True)
class LogSettings:
    """Log of Vault's servers; None for Vault's own default."""

    level: str | None = None
    """Least severe level that is logged."""
    format: str | None = None
    """``standard`` or ``json``."""


def read_pods(reader: ConfigReader) -> PodSettings:
    """Read the settings of one kind of pods, beside the others of the same level."""
    reader.skip("affinity")
    return PodSettings(
        affinity=reader.mapping("affinity") if reader.has("affinity") else None,
        tolerations=tuple(
            _toleration(entry)
            for entry in reader.sections("tolerations", "give a list of objects, such as {key, effect}")
        ),
        node_selector=read_labels(reader, "nodeSelector"),
        priority_class_name=reader.text("priorityClassName", None, DNS_NAME, "name a PriorityClass"),
        resources=_resources(reader),
        labels=read_labels(reader, "podLabels", _POD_LABEL),
        annotations=reader.text_mapping(
            "podAnnotations",
            _POD_ANNOTATION,
            "use an annotation's name, none that begins with vault-autounseal/, and a text",
        ),
    )


def read_labels(reader: ConfigReader, key: str, name_pattern: str = LABEL_NAME) -> Mapping[str, str]:
    """Read an object of labels whose names match ``name_pattern``; empty if absent."""
    own = "" if name_pattern == LABEL_NAME else ", none that the chart, the program or Vault sets"
    labels = reader.text_mapping(key, name_pattern, f"use a label's name{own}, and its value")
    for name, value in labels.items():
        if not re.fullmatch(LABEL_VALUE, value):
            reader.report(
                key,
                f"entry {name!r}: a label's value has at most 63 letters, digits, dashes, underscores and "
                "dots, and begins and ends with a letter or digit",
            )
    return labels


def _toleration(reader: ConfigReader) -> Mapping[str, Any]:
    """Return a toleration with the fields that are set, by the rules of Kubernetes' own validation.

    Source: `ValidateTolerations` in kubernetes, pkg/apis/core/validation/validation.go.
    """
    fields = {
        "key": reader.text("key", None, LABEL_NAME, "give the key of a taint"),
        "operator": reader.choice("operator", "Equal", ("Equal", "Exists"), "Exists tolerates every value"),
        "value": reader.text("value", None, LABEL_VALUE, "give the value of a taint"),
        "effect": reader.text(
            "effect",
            None,
            "NoSchedule|PreferNoSchedule|NoExecute",
            "use NoSchedule, PreferNoSchedule or NoExecute, or remove it for all of them",
        ),
        "tolerationSeconds": reader.integer("tolerationSeconds", 0, range(10**9), "give a number of seconds"),
    }
    if fields["operator"] == "Exists":
        reader.not_applicable(("value",), "operator Exists tolerates every value; remove one of the two")
    elif not reader.has("key"):
        reader.report("key", "give the key of a taint, or set operator to Exists to tolerate all taints")
    if fields["effect"] != "NoExecute":
        reader.not_applicable(("tolerationSeconds",), "it belongs to effect NoExecute; remove it")
    reader.unknown_keys()
    return {name: value for name, value in fields.items() if reader.has(name)}


def _resources(reader: ConfigReader) -> Mapping[str, Any]:
    resources = reader.mapping("resources")
    for name, value in resources.items():
        if name not in ("requests", "limits") or not isinstance(value, dict):
            reader.report("resources", f"entry {name!r}: use requests and limits, each an object")
    return resources


def read_topology_spread(settings: ConfigReader) -> TopologySpreadSettings | None:
    """Read ``topologySpread``; None without it, as the chart spreads over nodes only."""
    settings.skip("topologySpread")
    if not settings.has("topologySpread"):
        return None
    reader = settings.section("topologySpread")
    choices: Sequence[Unsatisfiable] = ("ScheduleAnyway", "DoNotSchedule")
    spread = TopologySpreadSettings(
        topology_key=reader.text(
            "topologyKey", "topology.kubernetes.io/zone", LABEL_NAME, "name a label of the nodes"
        ),
        when_unsatisfiable=reader.choice(
            "whenUnsatisfiable", "ScheduleAnyway", choices, "with DoNotSchedule a pod waits for its zone"
        ),
        max_skew=reader.integer("maxSkew", 1, range(1, 8), "use 1 to 7"),
    )
    reader.unknown_keys()
    return spread


def read_disruption_budget(
    settings: ConfigReader, *, replicas: int, has_quorum: bool
) -> DisruptionBudgetSettings:
    """Read ``disruptionBudget`` of as many replicas; ``has_quorum`` says whether they are voters."""
    if not has_quorum:
        settings.not_applicable(
            ("disruptionBudget",), "the chart creates no budget in mode standalone; remove it"
        )
        return DisruptionBudgetSettings()
    reader = settings.section("disruptionBudget")
    minority = (replicas - 1) // 2
    given = reader.integer(
        "maxUnavailable",
        minority,
        range(1, minority + 1),
        f"use 1 to {minority}: with more of {replicas} pods gone raft has no majority"
        if minority
        else "the chart lets none of 1 pod go, whatever is set; set disruptionBudget.enabled to false to let "
        "a drain evict it",
    )
    budget = DisruptionBudgetSettings(
        enabled=reader.flag("enabled", True),
        max_unavailable=given if given != minority else None,
    )
    if not budget.enabled:
        reader.not_applicable(("maxUnavailable",), "there is no budget; remove it")
    reader.unknown_keys()
    return budget


def read_environment(reader: ConfigReader) -> Mapping[str, str]:
    """Read ``extraEnvironment``, variables of Vault's container."""
    key = "extraEnvironment"
    environment = reader.text_mapping(key, ENVIRONMENT_NAME, "use a variable's name and a text")
    for name in environment:
        if fix := variable_problem(name):
            reader.report_inside(key, f"{name} can't be set: {fix}")
    return environment


def read_log(reader: ConfigReader, environment: Mapping[str, str]) -> LogSettings:
    """Read ``logLevel`` and ``logFormat``; ``environment`` is Vault's, which may have them, too."""
    log = LogSettings(
        level=reader.text(
            "logLevel", None, "trace|debug|info|warn|error", "use trace, debug, info, warn or error"
        ),
        format=reader.text("logFormat", None, "standard|json", "use standard or json"),
    )
    for key, variable in (("logLevel", "VAULT_LOG_LEVEL"), ("logFormat", "VAULT_LOG_FORMAT")):
        if reader.has(key) and variable in environment:
            reader.report(key, f"extraEnvironment sets {variable}, too; remove one of the two")
    return log
