"""Which pods a webhook is asked about, by its selectors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.webhook_selection import (
    WebhookSelection,
    needed_labels,
    selects,
    webhook_selection,
)
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

NAME = "vault-agent-injector-cfg"
KUBECTL = Kubectl(KubernetesTarget(kubeconfig="", context="here", namespace="secrets"))


def _rule(operator: str, *values: str) -> dict[str, Any]:
    given = {"values": list(values)} if values else {}
    return {"matchExpressions": [{"key": "env", "operator": operator, **given}]}


@pytest.mark.parametrize(
    ("selector", "labels", "taken"),
    [
        ({}, {}, True),
        ({"matchLabels": {"env": "prod"}}, {"env": "prod", "a": "b"}, True),
        ({"matchLabels": {"env": "prod"}}, {"env": "test"}, False),
        ({"matchLabels": {"env": "prod"}}, {}, False),
        (_rule("In", "prod", "test"), {"env": "test"}, True),
        (_rule("In", "prod"), {}, False),
        (_rule("NotIn", "prod"), {"env": "test"}, True),
        (_rule("NotIn", "prod"), {}, True),
        (_rule("NotIn", "prod"), {"env": "prod"}, False),
        (_rule("Exists"), {"env": ""}, True),
        (_rule("Exists"), {}, False),
        (_rule("DoesNotExist"), {}, True),
        (_rule("DoesNotExist"), {"env": ""}, False),
        ({"matchLabels": {"a": "b"}, **_rule("In", "prod")}, {"a": "b"}, False),
    ],
)
def test_selector(selector: Mapping[str, Any], labels: Mapping[str, str], taken: bool) -> None:
    assert selects(selector, labels) is taken


@pytest.mark.parametrize(
    ("selector", "labels"),
    [
        ({}, {}),
        ({"matchLabels": {"a": "b"}}, {"a": "b"}),
        (_rule("In", "prod", "test"), {"env": "prod"}),
        (_rule("Exists"), {"env": "true"}),
        (_rule("NotIn", "prod"), {}),
        (_rule("DoesNotExist"), {}),
        ({"matchLabels": {"env": "test"}, **_rule("In", "prod", "test")}, {"env": "test"}),
    ],
)
def test_needed_labels_are_taken(selector: Mapping[str, Any], labels: Mapping[str, str]) -> None:
    assert needed_labels(selector) == labels
    assert selects(selector, labels)


@pytest.mark.parametrize(
    ("webhook", "expected"),
    [
        ({}, WebhookSelection(takes_namespace=True, pod_labels={})),
        (
            {"namespaceSelector": {"matchLabels": {"inject": "yes"}}},
            WebhookSelection(takes_namespace=False, pod_labels={}),
        ),
        (
            {
                "namespaceSelector": {"matchLabels": {"team": "platform"}},
                "objectSelector": {"matchLabels": {"inject": "yes"}},
            },
            WebhookSelection(takes_namespace=True, pod_labels={"inject": "yes"}),
        ),
    ],
)
def test_webhook_in_the_cluster(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, webhook: Mapping[str, Any], expected: WebhookSelection
) -> None:
    objects = KubernetesObjects(tmp_path / "objects")
    objects.put("mutatingwebhookconfiguration", NAME, webhooks=[webhook])
    objects.put("namespace", "secrets", metadata={"labels": {"team": "platform"}})
    only_commands(monkeypatch, tmp_path, kubectl=objects.script)

    assert webhook_selection(KUBECTL, NAME, "secrets") == expected


def test_no_webhook_takes_every_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, kubectl=KubernetesObjects(tmp_path / "objects").script)
    assert webhook_selection(KUBECTL, NAME, "secrets") == WebhookSelection(
        takes_namespace=True, pod_labels={}
    )


def test_webhook_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, kubectl="echo 'is forbidden' >&2; exit 1")
    with pytest.raises(KubectlError, match="is forbidden"):
        webhook_selection(KUBECTL, NAME, "secrets")
