"""Reads the settings of the cloud that Vault runs in: AWS, Google Cloud or none."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.config.patterns import AWS_REGION, AWS_TAG_KEY
from components.config.reader import ConfigReader

# https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html
EKS_NAME = r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}"
# https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters#Cluster
GKE_NAME = r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?"
# https://cloud.google.com/resource-manager/reference/rest/v3/projects#Project
PROJECT = r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
LOCATION = r"[a-z]+-[a-z]+\d+(-[a-z])?"
# https://cloud.google.com/vpc/docs/add-remove-network-tags
NETWORK_TAG = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
CIDR = r"[0-9.]+/[0-9]+"
# https://cloud.google.com/resource-manager/docs/labels-overview
LABEL = r"[a-z][a-z0-9_-]{0,62}"
LABEL_VALUE = r"[a-z0-9_-]{0,63}"

SECURITY_GROUP = r"sg-[0-9a-f]{8,17}"

NODE_GROUP, NODE_GROUPS = "nodeSecurityGroupId", "nodeSecurityGroupIds"
AWS_KEYS = ("region", NODE_GROUP, NODE_GROUPS)
GOOGLE_KEYS = ("location", "enableApis", "webhookFirewall")


@dataclass(frozen=True)
class ClusterSettings:
    """The managed Kubernetes cluster that Vault runs on."""

    name: str
    project: str | None
    """Google project of a GKE cluster; None for an EKS cluster."""
    location: str
    """Region of an EKS cluster; region or zone of a GKE cluster."""


@dataclass(frozen=True)
class WebhookFirewallSettings:
    """The firewall rule that lets a private GKE control plane reach the injector's webhook on the nodes."""

    control_plane_cidr: str | None
    """Source of the traffic, an IPv4 range; None takes the one that GKE reports."""
    node_tags: Sequence[str]
    """Network tags of the nodes; empty for every instance of the cluster's network."""


@dataclass(frozen=True)
class CloudSettings:
    """The settings of the cloud; see :class:`components.settings.Settings` for each field."""

    cluster: ClusterSettings | None
    project: str | None
    webhook_rule: bool
    node_security_group_ids: Sequence[str]
    enable_apis: bool
    webhook_firewall: WebhookFirewallSettings
    tags: Mapping[str, str]


def read_cloud(reader: ConfigReader, *, google: bool) -> CloudSettings:
    """Read the settings of Google Cloud, or those of AWS, of which most need a `clusterName`."""
    return _read_google(reader) if google else _read_aws(reader)


def _read_google(reader: ConfigReader) -> CloudSettings:
    reader.not_applicable(AWS_KEYS, "it belongs to AWS, and this stack is on Google Cloud; remove it")
    project = reader.required_text("project", PROJECT, "give the id of the Google Cloud project")
    name = reader.text("clusterName", None, GKE_NAME, "give the name of the GKE cluster")
    location_fix = "give the region or zone of the GKE cluster, such as europe-west3"
    cluster, webhook_rule = None, True
    if name is not None:
        webhook_rule = _webhook_rule(reader, of_the_rule=("webhookFirewall",))
        cluster = ClusterSettings(
            name=name,
            project=project,
            location=reader.required_text("location", LOCATION, location_fix),
        )
    else:
        unused = "it belongs to a GKE cluster, and clusterName isn't set; remove it"
        reader.not_applicable(("location", "webhookFirewall", "webhookRule"), unused)
    return CloudSettings(
        cluster=cluster,
        project=project,
        webhook_rule=webhook_rule,
        node_security_group_ids=(),
        enable_apis=reader.flag("enableApis", True),
        webhook_firewall=_webhook_firewall(reader.section("webhookFirewall")),
        tags=_labels(reader),
    )


def _read_aws(reader: ConfigReader) -> CloudSettings:
    reader.not_applicable(GOOGLE_KEYS, "it belongs to Google Cloud, and project isn't set; remove it")
    reader.skip("project")
    name = reader.text("clusterName", None, EKS_NAME, "give the name of the EKS cluster")
    region_fix = "give the AWS region of the cluster, such as eu-central-1"
    region = reader.required_text("region", AWS_REGION, region_fix) if name is not None else ""
    webhook_rule = True
    groups: Sequence[str] = ()
    if name is not None:
        webhook_rule = _webhook_rule(reader, of_the_rule=(NODE_GROUP, NODE_GROUPS))
        groups = _node_security_groups(reader)
    else:
        unused = "it belongs to an EKS cluster, and clusterName isn't set; remove it"
        reader.not_applicable((NODE_GROUP, NODE_GROUPS, "webhookRule"), unused)
    return CloudSettings(
        cluster=ClusterSettings(name=name, project=None, location=region) if name is not None else None,
        project=None,
        webhook_rule=webhook_rule,
        node_security_group_ids=groups,
        enable_apis=False,
        webhook_firewall=WebhookFirewallSettings(control_plane_cidr=None, node_tags=()),
        tags=reader.text_mapping("tags", AWS_TAG_KEY, "use a key that doesn't begin with aws:"),
    )


def report_unused_region(reader: ConfigReader) -> None:
    """Report a `region` that neither the cluster nor the seal has asked for."""
    if "region" in reader.unread_keys() or not reader.has("region"):
        unused = "nothing of AWS is used without clusterName or identity.kind static; remove it"
        reader.not_applicable(("region",), unused)


def _webhook_rule(reader: ConfigReader, *, of_the_rule: Sequence[str]) -> bool:
    """Read whether the stack creates the rule; without it the settings ``of_the_rule`` have no use."""
    wanted = reader.flag("webhookRule", True)
    if not wanted:
        reader.not_applicable(of_the_rule, "webhookRule is false, so the stack creates no rule; remove it")
    return wanted


def _node_security_groups(reader: ConfigReader) -> Sequence[str]:
    """Read the groups as a list, or the one group of the setting that came first."""
    fix = "give security groups of the nodes (sg-...)"
    groups = reader.texts(NODE_GROUPS, f"{fix}, as a list")
    for group in groups:
        if re.fullmatch(SECURITY_GROUP, group) is None:
            reader.report(NODE_GROUPS, f"entry {group!r}: {fix}")
    if len(set(groups)) < len(groups):
        reader.report(NODE_GROUPS, "name each group once")
    one = reader.text(NODE_GROUP, None, SECURITY_GROUP, "give the security group of the nodes (sg-...)")
    if one is not None and reader.has(NODE_GROUPS):
        reader.report(NODE_GROUP, f"{NODE_GROUPS} takes its place; remove one of the two")
    return groups or ((one,) if one is not None else ())


def _webhook_firewall(reader: ConfigReader) -> WebhookFirewallSettings:
    tags = reader.texts("nodeTags", "give a list of network tags")
    for tag in tags:
        if re.fullmatch(NETWORK_TAG, tag) is None:
            reader.report("nodeTags", f"entry {tag!r}: use a-z, 0-9 and dashes, a letter first")
    fix = "give the control plane's IPv4 range, such as 172.16.0.0/28"
    cidr = reader.text("controlPlaneCidr", None, CIDR, fix)
    # The range of all addresses would open the port to everybody.
    if cidr and not _is_one_network(cidr):
        reader.report("controlPlaneCidr", fix)
    reader.unknown_keys()
    return WebhookFirewallSettings(control_plane_cidr=cidr, node_tags=tags)


def _is_one_network(cidr: str) -> bool:
    """Return whether a text is an IPv4 network without host bits that isn't the whole address space."""
    try:
        return ipaddress.IPv4Network(cidr).prefixlen > 0
    except ValueError:
        return False


def _labels(reader: ConfigReader) -> Mapping[str, str]:
    fix = "Google's labels have a-z, 0-9, - and _, in keys with a letter first, at most 63 of them"
    labels = reader.text_mapping("tags", LABEL, fix)
    for name, value in labels.items():
        if re.fullmatch(LABEL_VALUE, value) is None:
            reader.report("tags", f"entry {name!r}: {fix}")
    return labels
