"""What each value of the sandbox's chart leads to.

The expectations were read from the official chart's templates, version 0.34.1; where both charts'
renderings can be compared, ``test_chart.py`` does that.
"""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from tests.integration.rendered_objects import INJECTOR, VAULT, container_of, environment_of, pod_of

Render = Callable[..., dict[tuple[str, str], Any]]

FILE_STORAGE = 'ui = true\nstorage "file" { path = "/vault/data" }\n'
STANDALONE = {
    "server.ha.enabled": False,
    "server.ha.raft.enabled": False,
    "server.standalone.config": FILE_STORAGE,
}


@pytest.mark.parametrize(
    ("release", "fullname"),
    [
        ("vault", "vault"),
        ("my-vault-2", "my-vault-2"),
        ("secrets", "secrets-vault"),
        ("r" * 53, "r" * 53 + "-vault"),
    ],
)
def test_objects_are_named_after_the_release(render_chart: Render, release: str, fullname: str) -> None:
    rendered = render_chart(
        {"ui.enabled": True, "server.ingress.enabled": True}, release=release, namespace="platform"
    )

    injector = f"{fullname}-agent-injector"
    assert set(rendered) == {
        ("ClusterRole", f"{injector}-clusterrole"),
        ("ClusterRoleBinding", f"{injector}-binding"),
        ("ClusterRoleBinding", f"{fullname}-server-binding"),
        ("ConfigMap", f"{fullname}-config"),
        ("Deployment", injector),
        ("Ingress", fullname),
        ("MutatingWebhookConfiguration", f"{injector}-cfg"),
        ("PodDisruptionBudget", fullname),
        ("Role", f"{fullname}-discovery-role"),
        ("RoleBinding", f"{fullname}-discovery-rolebinding"),
        ("Service", fullname),
        ("Service", f"{fullname}-active"),
        ("Service", f"{fullname}-internal"),
        ("Service", f"{fullname}-standby"),
        ("Service", f"{fullname}-ui"),
        ("Service", f"{injector}-svc"),
        ("ServiceAccount", fullname),
        ("ServiceAccount", injector),
        ("StatefulSet", fullname),
    }


def test_objects_refer_to_each_other_in_any_namespace(render_chart: Render) -> None:
    rendered = render_chart(release="secrets", namespace="platform")

    cluster_wide = {"ClusterRole", "ClusterRoleBinding", "MutatingWebhookConfiguration"}
    for (kind, _), document in rendered.items():
        assert document["metadata"].get("namespace") == (None if kind in cluster_wide else "platform")
        assert document["metadata"]["labels"]["app.kubernetes.io/instance"] == "secrets"
    account = {"kind": "ServiceAccount", "name": "secrets-vault", "namespace": "platform"}
    assert rendered["ClusterRoleBinding", "secrets-vault-server-binding"]["subjects"] == [account]
    assert rendered["RoleBinding", "secrets-vault-discovery-rolebinding"]["subjects"] == [account]
    vault = rendered["StatefulSet", "secrets-vault"]
    assert vault["spec"]["serviceName"] == "secrets-vault-internal"
    assert pod_of(vault)["serviceAccountName"] == "secrets-vault"
    assert {"name": "config", "configMap": {"name": "secrets-vault-config"}} in pod_of(vault)["volumes"]
    assert environment_of(vault)["VAULT_CLUSTER_ADDR"] == "https://$(HOSTNAME).secrets-vault-internal:8201"
    injector = environment_of(rendered["Deployment", "secrets-vault-agent-injector"])
    assert injector["AGENT_INJECT_VAULT_ADDR"] == "http://secrets-vault.platform.svc:8200"
    assert injector["AGENT_INJECT_TLS_AUTO"] == "secrets-vault-agent-injector-cfg"
    service = "secrets-vault-agent-injector-svc"
    assert injector["AGENT_INJECT_TLS_AUTO_HOSTS"] == f"{service},{service}.platform,{service}.platform.svc"
    (webhook,) = rendered["MutatingWebhookConfiguration", "secrets-vault-agent-injector-cfg"]["webhooks"]
    assert webhook["clientConfig"]["service"] == {"name": service, "namespace": "platform", "path": "/mutate"}


def test_the_configuration_is_a_template_and_gets_mlock_turned_off(render_chart: Render) -> None:
    configuration = (
        '\n  ui = true\n\n# {{ .Release.Name }} in {{ include "vault.fullname" . }}\nlistener "tcp" {\n'
        '  address = "[::]:8200"\n}\n\n\n'
    )

    rendered = render_chart({"server.ha.raft.config": configuration}, release="secrets")

    assert rendered["ConfigMap", "secrets-vault-config"]["data"] == {
        "extraconfig-from-values.hcl": (
            'ui = true\n\n# secrets in secrets-vault\nlistener "tcp" {\n'
            '  address = "[::]:8200"\n}\n\n\n\ndisable_mlock = true'
        )
    }


@pytest.mark.parametrize("enabled", [True, "-"])
def test_standalone_is_one_pod_that_no_other_has_to_find(
    render_chart: Render, enabled: bool | Literal["-"]
) -> None:
    highly_available = render_chart()

    rendered = render_chart(
        {
            **STANDALONE,
            "server.standalone.enabled": enabled,
            "server.ha.replicas": 5,
            "server.ha.raft.setNodeId": True,
        }
    )

    assert set(highly_available) - set(rendered) == {
        ("PodDisruptionBudget", "vault"),
        ("Role", "vault-discovery-role"),
        ("RoleBinding", "vault-discovery-rolebinding"),
        ("Service", "vault-active"),
        ("Service", "vault-standby"),
    }
    one_pod = {**highly_available[VAULT], "spec": {**highly_available[VAULT]["spec"], "replicas": 1}}
    assert rendered[VAULT] == one_pod
    assert rendered["ConfigMap", "vault-config"]["data"] == {
        "extraconfig-from-values.hcl": f"{FILE_STORAGE}\ndisable_mlock = true"
    }


def test_high_availability_goes_before_standalone(render_chart: Render) -> None:
    both = {"server.standalone.enabled": True, "server.standalone.config": FILE_STORAGE}

    assert render_chart(both) == render_chart({"server.standalone.enabled": False})


@pytest.mark.parametrize(
    ("replicas", "unavailable"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2), (7, 3)]
)
def test_the_disruption_budget_keeps_a_quorum(render_chart: Render, replicas: int, unavailable: int) -> None:
    rendered = render_chart({"server.ha.replicas": replicas})

    assert rendered[VAULT]["spec"]["replicas"] == replicas
    assert rendered["PodDisruptionBudget", "vault"]["spec"]["maxUnavailable"] == unavailable


@pytest.mark.parametrize(("part", "workload"), [("server", VAULT), ("injector", INJECTOR)])
def test_placement_is_an_object_or_a_template(
    render_chart: Render, part: str, workload: tuple[str, str]
) -> None:
    spread: dict[str, Any] = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    tolerations = [{"key": "dedicated", "operator": "Exists"}]
    for affinity in (spread, "podAntiAffinity:\n  preferredDuringSchedulingIgnoredDuringExecution: []\n"):
        pod = pod_of(
            render_chart(
                {
                    f"{part}.affinity": affinity,
                    f"{part}.tolerations": tolerations,
                    f"{part}.nodeSelector": "purpose: {{ .Release.Name }}\n",
                }
            )[workload]
        )
        assert pod["affinity"] == spread
        assert pod["tolerations"] == tolerations
        assert pod["nodeSelector"] == {"purpose": "vault"}
    for nothing in ("", None):
        assert "affinity" not in pod_of(render_chart({f"{part}.affinity": nothing})[workload])


def test_further_environment_comes_last_and_as_text(render_chart: Render) -> None:
    rendered = render_chart(
        {
            "server.logLevel": "debug",
            "server.enterpriseLicense": {"secretName": "paid", "secretKey": "vault.hclic"},
            "server.extraEnvironmentVars": {"vault.max_lease": 7, "AWS_REGION": "ap-northeast-2", "on": True},
            "server.extraSecretEnvironmentVars": [
                {"envName": "LICENCE", "secretName": "vault-licence", "secretKey": "text"}
            ],
        }
    )

    environment = container_of(rendered[VAULT])["env"]
    assert environment[-7:] == [
        {"name": "HOME", "value": "/home/vault"},
        {"name": "VAULT_LOG_LEVEL", "value": "debug"},
        {"name": "VAULT_LICENSE_PATH", "value": "/vault/license/vault.hclic"},
        {"name": "AWS_REGION", "value": "ap-northeast-2"},
        {"name": "ON", "value": "true"},
        {"name": "VAULT_MAX_LEASE", "value": "7"},
        {
            "name": "LICENCE",
            "valueFrom": {"secretKeyRef": {"name": "vault-licence", "key": "text"}},
        },
    ]


def test_parts_of_the_pod_are_passed_through(render_chart: Render) -> None:
    resources = {"requests": {"cpu": "250m", "memory": "256Mi"}}
    aliases = [{"ip": "10.0.0.1", "hostnames": ["kms.example.com"]}]
    rendered = render_chart(
        {
            "server.resources": resources,
            "injector.resources": resources,
            "server.hostAliases": aliases,
            "server.annotations": {"example.com/team": "platform"},
            "server.extraLabels": {"team": "platform"},
            "server.volumes": [{"name": "ca", "secret": {"secretName": "ca"}}],
            "server.volumeMounts": [{"name": "ca", "mountPath": "/vault/ca"}],
            "server.enterpriseLicense.secretName": "paid",
            "server.updateStrategyType": "RollingUpdate",
        }
    )

    vault = rendered[VAULT]
    assert vault["spec"]["updateStrategy"] == {"type": "RollingUpdate"}
    assert vault["spec"]["template"]["metadata"]["annotations"] == {"example.com/team": "platform"}
    assert vault["spec"]["template"]["metadata"]["labels"]["team"] == "platform"
    assert "team" not in vault["spec"]["selector"]["matchLabels"]
    assert container_of(vault)["resources"] == container_of(rendered[INJECTOR])["resources"] == resources
    assert pod_of(vault)["hostAliases"] == aliases
    assert [volume["name"] for volume in pod_of(vault)["volumes"]] == [
        "config",
        "ca",
        "vault-license",
        "home",
    ]
    mounts = [mount["mountPath"] for mount in container_of(vault)["volumeMounts"]]
    assert mounts == ["/vault/data", "/vault/config", "/vault/ca", "/vault/license", "/home/vault"]


def test_extra_volumes_are_mounted_by_their_name(render_chart: Render) -> None:
    extra = [
        {"type": "secret", "name": "tls"},
        {"type": "configMap", "name": "scripts", "path": "/opt", "defaultMode": 493},
    ]
    volume, mount = {"name": "plugins", "emptyDir": {}}, {"name": "plugins", "mountPath": "/plugins"}
    vault = render_chart(
        {"server.extraVolumes": extra, "server.volumes": [volume], "server.volumeMounts": [mount]}
    )[VAULT]

    assert pod_of(vault)["volumes"][1:4] == [
        {"name": "userconfig-tls", "secret": {"secretName": "tls", "defaultMode": 420}},
        {"name": "userconfig-scripts", "configMap": {"name": "scripts", "defaultMode": 493}},
        volume,
    ]
    assert container_of(vault)["volumeMounts"][2:5] == [
        {"name": "userconfig-tls", "mountPath": "/vault/userconfig/tls", "readOnly": True},
        {"name": "userconfig-scripts", "mountPath": "/opt/scripts", "readOnly": True},
        mount,
    ]


@pytest.mark.parametrize(("data", "audit"), [(True, True), (True, False), (False, True), (False, False)])
def test_storage_is_claimed_and_mounted_or_neither(render_chart: Render, data: bool, audit: bool) -> None:
    vault = render_chart({"server.dataStorage.enabled": data, "server.auditStorage.enabled": audit})[VAULT]

    claims = vault["spec"].get("volumeClaimTemplates", [])
    wanted = [name for name, enabled in (("data", data), ("audit", audit)) if enabled]
    assert [claim["metadata"]["name"] for claim in claims] == wanted
    mounted = [mount["name"] for mount in container_of(vault)["volumeMounts"]]
    assert sorted(set(mounted) & {"data", "audit"}) == sorted(wanted)
    for claim in claims:
        assert claim["spec"] == {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "10Gi"}},
        }


@pytest.mark.parametrize(
    ("mode", "active", "service"),
    [({}, True, "vault-active"), ({}, False, "vault"), (STANDALONE, True, "vault")],
)
def test_the_ingress_leads_to_the_active_pod_or_to_all(
    render_chart: Render, mode: dict[str, Any], active: bool, service: str
) -> None:
    rendered = render_chart(
        {
            **mode,
            "server.ingress": {
                "enabled": True,
                "activeService": active,
                "pathType": "Exact",
                "annotations": {"example.com/scheme": "internal"},
                "hosts": [{"host": "vault.example.com", "paths": ["/v1", "/ui"]}, {"host": "v.example.com"}],
                "tls": [{"secretName": "vault-tls", "hosts": ["vault.example.com"]}],
            },
        }
    )

    ingress = rendered["Ingress", "vault"]
    assert ingress["metadata"]["annotations"] == {"example.com/scheme": "internal"}
    assert "ingressClassName" not in ingress["spec"]
    assert ingress["spec"]["tls"] == [{"secretName": "vault-tls", "hosts": ["vault.example.com"]}]
    backend = {"service": {"name": service, "port": {"number": 8200}}}
    assert [
        (rule["host"], [(path["path"], path["pathType"], path["backend"]) for path in rule["http"]["paths"]])
        for rule in ingress["spec"]["rules"]
    ] == [
        ("vault.example.com", [("/v1", "Exact", backend), ("/ui", "Exact", backend)]),
        ("v.example.com", [("/", "Exact", backend)]),
    ]


@pytest.mark.parametrize(
    ("service_type", "policy"), [("ClusterIP", None), ("NodePort", "Cluster"), ("LoadBalancer", "Cluster")]
)
def test_the_ui_has_a_service_of_its_own(render_chart: Render, service_type: str, policy: str | None) -> None:
    rendered = render_chart({"ui": {"enabled": True, "serviceType": service_type, "externalPort": 80}})

    spec = rendered["Service", "vault-ui"]["spec"]
    assert (spec["type"], spec.get("externalTrafficPolicy")) == (service_type, policy)
    assert spec["ports"] == [{"name": "http", "port": 80, "targetPort": 8200}]
    assert spec["publishNotReadyAddresses"] is True


@pytest.mark.parametrize(
    ("account", "name", "delegated"),
    [
        ({"create": True, "name": ""}, "vault", True),
        ({"create": True, "name": "custom"}, "custom", True),
        ({"create": False, "name": "custom"}, "custom", True),
        ({"create": False, "name": ""}, "default", False),
    ],
)
def test_the_service_account_is_made_or_given(
    render_chart: Render, account: dict[str, Any], name: str, delegated: bool
) -> None:
    rendered = render_chart({"server.serviceAccount": account, "injector.enabled": False})

    assert pod_of(rendered[VAULT])["serviceAccountName"] == name
    accounts = [made for kind, made in rendered if kind == "ServiceAccount"]
    assert accounts == ([name] if account["create"] else [])
    assert (("ClusterRoleBinding", "vault-server-binding") in rendered) == delegated
    (subject,) = rendered["RoleBinding", "vault-discovery-rolebinding"]["subjects"]
    assert subject["name"] == name


def test_the_injector_listens_on_the_port_given(render_chart: Render) -> None:
    rendered = render_chart({"injector.port": 9443})

    injector = rendered[INJECTOR]
    assert environment_of(injector)["AGENT_INJECT_LISTEN"] == ":9443"
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        assert container_of(injector)[probe]["httpGet"]["port"] == 9443
    (port,) = rendered["Service", "vault-agent-injector-svc"]["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (443, 9443)


@pytest.mark.parametrize("host_network", [False, True])
def test_the_injector_may_have_its_nodes_network(render_chart: Render, host_network: bool) -> None:
    rendered = render_chart({"injector.hostNetwork": host_network})

    assert pod_of(rendered[INJECTOR])["hostNetwork"] is host_network
    # No port is declared, so the scheduler doesn't keep two such pods apart.
    assert "ports" not in container_of(rendered[INJECTOR])


@pytest.mark.parametrize("probe", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_one_value_of_an_injectors_probe_leaves_the_others_as_they_are(
    render_chart: Render, probe: str
) -> None:
    before = container_of(render_chart()[INJECTOR])
    after = container_of(render_chart({f"injector.{probe}.initialDelaySeconds": 1})[INJECTOR])

    assert after == {**before, probe: {**before[probe], "initialDelaySeconds": 1}}
    assert before[probe]["initialDelaySeconds"] == 5


@pytest.mark.parametrize(
    "settings",
    [{"injector.enabled": False}, {"injector.enabled": "-", "global.enabled": False, "server.enabled": True}],
)
def test_nothing_is_left_of_an_injector_that_is_off(render_chart: Render, settings: dict[str, Any]) -> None:
    rendered = render_chart(settings)

    assert VAULT in rendered
    assert [name for _, name in rendered if "injector" in name] == []


def test_a_listener_with_tls_changes_schemes_and_port_names(render_chart: Render) -> None:
    probe = {"server.readinessProbe.path": "/v1/sys/health"}
    rendered = render_chart({"global.tlsDisable": False, "ui.enabled": True, **probe})

    vault = rendered[VAULT]
    assert container_of(vault)["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert environment_of(vault)["VAULT_ADDR"] == "https://127.0.0.1:8200"
    assert environment_of(vault)["VAULT_API_ADDR"] == "https://$(POD_IP):8200"
    assert environment_of(rendered[INJECTOR])["AGENT_INJECT_VAULT_ADDR"] == "https://vault.vault.svc:8200"
    ports = [port["name"] for port in container_of(vault)["ports"]]
    assert ports == ["https", "https-internal", "https-rep"]
    for name in ("vault", "vault-active", "vault-standby", "vault-internal", "vault-ui"):
        assert rendered["Service", name]["spec"]["ports"][0]["name"] == "https"
