"""What the settings of pods, Services and the injector come to in the sandbox's chart."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from components.seals.seal import PodRequirements
from components.vault.chart_values import chart_values
from tests.integration.rendered_objects import INJECTOR, VAULT, container_of, template_of
from tests.unit.fakes.stack_settings import SHAMIR, parse

Objects = dict[tuple[str, str], Any]
Render = Callable[..., Objects]

TOLERATION = {"key": "dedicated", "value": "vault", "effect": "NoSchedule"}
PODS = {
    "affinity": {},
    "tolerations": [TOLERATION],
    "nodeSelector": {"pool": "platform"},
    "priorityClassName": "high",
    "podLabels": {"team": "platform"},
    "podAnnotations": {"example.com/a": "b"},
    "resources": {"limits": {"memory": "1Gi"}},
}


@pytest.fixture
def objects(render_chart: Render) -> Callable[[Mapping[str, Any]], Objects]:
    """A function that renders the values which the program computes from settings."""

    def rendered(configuration: Mapping[str, Any]) -> Objects:
        settings = parse({**SHAMIR, **configuration})
        storage = "raft" if settings.mode == "ha" else "file"
        values = chart_values(settings, configuration=f'storage "{storage}" {{}}', pods=PodRequirements())
        return render_chart(values=values)

    return rendered


@pytest.mark.parametrize(("workload", "settings"), [(VAULT, PODS), (INJECTOR, {"injector": PODS})])
def test_pods_are_placed_and_marked(
    objects: Callable[..., Objects], workload: tuple[str, str], settings: Mapping[str, Any]
) -> None:
    made = objects({**settings, "imagePullSecrets": ["registry"]})

    template = template_of(made[workload])
    assert template["spec"]["tolerations"] == [TOLERATION]
    assert template["spec"]["nodeSelector"] == {"pool": "platform"}
    assert template["spec"]["priorityClassName"] == "high"
    assert template["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert "affinity" not in template["spec"]
    assert container_of(made[workload])["resources"] == {"limits": {"memory": "1Gi"}}
    assert template["metadata"]["labels"]["team"] == "platform"
    assert "team" not in made[workload]["spec"]["selector"]["matchLabels"]
    assert template["metadata"]["annotations"]["example.com/a"] == "b"
    other = template_of(made[VAULT if workload == INJECTOR else INJECTOR])["spec"]
    assert "tolerations" not in other


@pytest.mark.parametrize("pull_secrets", [["registry"], [{"name": "registry"}]])
def test_pull_secrets_are_names_or_objects(render_chart: Render, pull_secrets: Any) -> None:
    for workload in (VAULT, INJECTOR):
        spec = template_of(render_chart({"global.imagePullSecrets": pull_secrets})[workload])["spec"]
        assert spec["imagePullSecrets"] == [{"name": "registry"}]


def test_spread_selects_the_pods_that_the_chart_labels(objects: Callable[..., Objects]) -> None:
    vault = objects({"topologySpread": {"whenUnsatisfiable": "DoNotSchedule"}})[VAULT]

    (constraint,) = template_of(vault)["spec"]["topologySpreadConstraints"]
    assert constraint.pop("labelSelector") == vault["spec"]["selector"]
    assert constraint == {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule",
    }


def test_log_is_set_by_the_environment(objects: Callable[..., Objects]) -> None:
    vault = objects({"logLevel": "warn", "logFormat": "json"})[VAULT]

    (container,) = template_of(vault)["spec"]["containers"]
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert (environment["VAULT_LOG_LEVEL"], environment["VAULT_LOG_FORMAT"]) == ("warn", "json")


def test_images_of_a_mirror(objects: Callable[..., Objects]) -> None:
    made = objects(
        {
            "image": {"repository": "mirror.example.com/vault", "tag": "1.20.4", "pullPolicy": "Always"},
            "injector": {"image": {"repository": "mirror.example.com/vault-k8s", "tag": "1.7.0"}},
        }
    )

    (vault,) = template_of(made[VAULT])["spec"]["containers"]
    assert (vault["image"], vault["imagePullPolicy"]) == ("mirror.example.com/vault:1.20.4", "Always")
    (injector,) = template_of(made[INJECTOR])["spec"]["containers"]
    assert injector["image"] == "mirror.example.com/vault-k8s:1.7.0"
    agent = {variable["name"]: variable.get("value") for variable in injector["env"]}
    assert agent["AGENT_INJECT_VAULT_IMAGE"] == "mirror.example.com/vault:1.20.4"


@pytest.mark.parametrize(
    ("replicas", "budget", "unavailable"),
    [
        (3, {}, 1),
        (5, {}, 2),
        (5, {"maxUnavailable": 1}, 1),
        (7, {"maxUnavailable": 2}, 2),
        (1, {}, 0),
        (1, {"enabled": False}, None),
    ],
)
def test_disruption_budget(
    objects: Callable[..., Objects], replicas: int, budget: Mapping[str, Any], unavailable: int | None
) -> None:
    found = objects({"replicas": replicas, "disruptionBudget": budget}).get(("PodDisruptionBudget", "vault"))

    assert (found["spec"]["maxUnavailable"] if found else None) == unavailable


@pytest.mark.parametrize(("given", "expected"), [(0, 1), (None, 1), (2, 2)])
def test_no_number_in_the_budget_is_the_charts_own(
    render_chart: Render, given: int | None, expected: int
) -> None:
    path = "server.ha.disruptionBudget.maxUnavailable"
    assert render_chart({path: given})["PodDisruptionBudget", "vault"]["spec"]["maxUnavailable"] == expected


@pytest.mark.parametrize("given", [1, 2])
def test_one_replica_never_goes(render_chart: Render, given: int) -> None:
    made = render_chart({"server.ha.replicas": 1, "server.ha.disruptionBudget.maxUnavailable": given})
    assert made["PodDisruptionBudget", "vault"]["spec"]["maxUnavailable"] == 0


def test_services_have_one_type_and_the_active_one_annotations_of_its_own(
    objects: Callable[..., Objects],
) -> None:
    made = objects(
        {
            "service": {
                "type": "LoadBalancer",
                "annotations": {"example.com/a": "b"},
                "activeAnnotations": {"cloud.google.com/neg": '{"ingress": true}'},
            }
        }
    )

    services = {name: service for (kind, name), service in made.items() if kind == "Service"}
    assert {name: service["spec"].get("type") for name, service in services.items()} == {
        "vault": "LoadBalancer",
        "vault-active": "LoadBalancer",
        "vault-standby": "LoadBalancer",
        "vault-internal": None,
        "vault-ui": "ClusterIP",
        "vault-agent-injector-svc": None,
    }
    common = {"example.com/a": "b"}
    assert {name: service["metadata"].get("annotations") for name, service in services.items()} == {
        "vault": common,
        "vault-active": {**common, "cloud.google.com/neg": '{"ingress": true}'},
        "vault-standby": common,
        "vault-internal": common,
        "vault-ui": None,
        "vault-agent-injector-svc": None,
    }
    assert services["vault-active"]["spec"]["externalTrafficPolicy"] == "Cluster"
    assert services["vault-internal"]["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize("mode", ["ha", "standalone"])
def test_load_balancer(objects: Callable[..., Objects], mode: str) -> None:
    service: dict[str, Any] = {
        "type": "LoadBalancer",
        "annotations": {"networking.gke.io/load-balancer-type": "Internal"},
        "loadBalancerSourceRanges": ["10.0.0.0/8"],
        **({"activeOnly": True} if mode == "ha" else {}),
    }
    made = objects({"mode": mode, "uiService": service})["Service", "vault-ui"]

    assert made["metadata"]["annotations"] == {"networking.gke.io/load-balancer-type": "Internal"}
    assert made["spec"]["type"] == "LoadBalancer"
    assert made["spec"]["loadBalancerSourceRanges"] == ["10.0.0.0/8"]
    assert ("vault-active" in made["spec"]["selector"]) == (mode == "ha")


def test_several_injectors_elect_a_leader(objects: Callable[..., Objects]) -> None:
    alone, several = (objects({"injector": {"replicas": replicas}}) for replicas in (1, 2))

    assert several.keys() - alone.keys() == {
        ("Role", "vault-agent-injector-leader-elector-role"),
        ("RoleBinding", "vault-agent-injector-leader-elector-binding"),
        ("Secret", "vault-injector-certs"),
    }
    assert (alone[INJECTOR]["spec"]["replicas"], several[INJECTOR]["spec"]["replicas"]) == (1, 2)
    before, after = (
        {
            variable["name"]: variable
            for variable in template_of(made[INJECTOR])["spec"]["containers"][0]["env"]
        }
        for made in (alone, several)
    )
    assert after.keys() - before.keys() == {"AGENT_INJECT_USE_LEADER_ELECTOR", "NAMESPACE"}


def _webhook(made: Objects) -> dict[str, Any]:
    (webhook,) = made["MutatingWebhookConfiguration", "vault-agent-injector-cfg"]["webhooks"]
    found: dict[str, Any] = webhook
    return found


def test_webhook_is_asked_about_the_pods_that_are_selected(objects: Callable[..., Objects]) -> None:
    selector = {"matchLabels": {"vault-injection": "enabled"}}
    made = objects({"injector": {"namespaceSelector": selector, "objectSelector": selector}})

    webhook = _webhook(made)
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["namespaceSelector"] == selector
    assert webhook["objectSelector"]["matchLabels"] == selector["matchLabels"]


@pytest.mark.parametrize(
    "injector", [{"failurePolicy": "Fail"}, {"objectSelector": {"matchLabels": {"a": "b"}}}]
)
def test_webhook_is_never_asked_about_the_pods_of_the_chart(
    objects: Callable[..., Objects], injector: Mapping[str, Any]
) -> None:
    """They could not start while no injector answers."""
    made = objects({"injector": injector})

    (rule,) = _webhook(made)["objectSelector"]["matchExpressions"]
    assert rule["operator"] == "NotIn"
    for workload in (VAULT, INJECTOR):
        assert template_of(made[workload])["metadata"]["labels"][rule["key"]] in rule["values"]


def test_only_the_headless_service_publishes_pods_that_are_not_ready(render_chart: Render) -> None:
    for published in (True, False):
        rendered = render_chart(
            {
                "server.service.publishNotReadyAddresses": published,
                "ui.publishNotReadyAddresses": published,
                "ui.enabled": True,
            }
        )
        for name in ("vault", "vault-active", "vault-standby", "vault-ui"):
            assert rendered["Service", name]["spec"]["publishNotReadyAddresses"] is published
        assert rendered["Service", "vault-internal"]["spec"]["publishNotReadyAddresses"] is True


@pytest.mark.parametrize(("tls_disabled", "scheme"), [(True, "HTTP"), (False, "HTTPS")])
def test_probes_of_vault_ask_by_http(render_chart: Render, tls_disabled: bool, scheme: str) -> None:
    before = container_of(render_chart()[VAULT])
    assert "livenessProbe" not in before
    assert before["readinessProbe"]["exec"] == {
        "command": ["/bin/sh", "-ec", "vault status -tls-skip-verify"]
    }
    rendered = render_chart(
        {
            "global.tlsDisable": tls_disabled,
            "server.readinessProbe.path": "/v1/sys/health?standbyok=true",
            "server.livenessProbe": {"enabled": True, "path": "/v1/sys/init", "periodSeconds": 10},
        }
    )

    container = container_of(rendered[VAULT])
    assert container["readinessProbe"] == {
        "httpGet": {"path": "/v1/sys/health?standbyok=true", "port": 8200, "scheme": scheme},
        **{name: value for name, value in before["readinessProbe"].items() if name != "exec"},
    }
    assert container["livenessProbe"] == {
        "httpGet": {"path": "/v1/sys/init", "port": 8200, "scheme": scheme},
        "failureThreshold": 2,
        "initialDelaySeconds": 60,
        "periodSeconds": 10,
        "successThreshold": 1,
        "timeoutSeconds": 3,
    }
    off = render_chart({"server.readinessProbe.enabled": False})
    assert "readinessProbe" not in container_of(off[VAULT])
