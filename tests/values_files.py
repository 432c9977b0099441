"""What people set in values files of the official chart, and how a stack says the same.

Counted in 35 files of public repositories, which were compared with the defaults of chart 0.29.1. Each row
is a group of values that are set for one purpose, with the number of files that have it.
"""

from collections.abc import Sequence

from tests.value_groups import ExpressibleGroup, OtherGroup, chart, container, pod

KEY_ARN = "arn:aws:kms:ap-northeast-2:123456789012:key/0f0f0f0f-2222-3333-4444-555555555555"
ROLE_ARN = "arn:aws:iam::123456789012:role/platform/vault"
VAULT = ("StatefulSet", "vault")
INJECTOR = ("Deployment", "vault-agent-injector")

_READINESS = {"path": "/v1/sys/health?standbyok=true&sealedcode=204&uninitcode=204", "port": 8200}
_LIVENESS = {"enabled": True, "path": "/v1/sys/health?standbyok=true", "initialDelaySeconds": 60}
_RESOURCES = {"requests": {"memory": "256Mi", "cpu": "250m"}, "limits": {"memory": "512Mi"}}
_EXTRA_VOLUME = {"type": "secret", "name": "vault-ha-tls"}
_VOLUME = {"name": "plugins", "persistentVolumeClaim": {"claimName": "vault-plugins"}}
_MOUNT = {"name": "plugins", "mountPath": "/vault/plugins", "readOnly": True}
_SECRET_VARIABLES = [
    {"envName": "AWS_ACCESS_KEY_ID", "secretName": "eks-creds", "secretKey": "AWS_ACCESS_KEY_ID"},
    {"envName": "AWS_SECRET_ACCESS_KEY", "secretName": "eks-creds", "secretKey": "AWS_SECRET_ACCESS_KEY"},
    {"envName": "DATABASE_PASSWORD", "secretName": "database", "secretKey": "password"},
]
_POD_CONTEXT = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, "fsGroup": 1000}
_CONTAINER_CONTEXT = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
_TOLERATION = {"key": "dedicated", "operator": "Equal", "value": "platform", "effect": "NoSchedule"}
_SHORT_TOLERATION = {
    "key": "node.kubernetes.io/unreachable",
    "operator": "Exists",
    "effect": "NoExecute",
    "tolerationSeconds": 10,
}
_SPREAD = {
    "maxSkew": 1,
    "topologyKey": "topology.kubernetes.io/zone",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {
        "matchLabels": {
            "app.kubernetes.io/name": "vault",
            "app.kubernetes.io/instance": "vault",
            "component": "server",
        }
    },
}
_AFFINITY = {
    "podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 100,
                "podAffinityTerm": {
                    "topologyKey": "kubernetes.io/hostname",
                    "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "vault-agent-injector"}},
                },
            }
        ]
    }
}
_TELEMETRY = 'telemetry {\n  prometheus_retention_time = "30s"\n  disable_hostname = true\n}'
_INTERNAL = {"service.beta.kubernetes.io/aws-load-balancer-internal": "true"}
_CSI = {"enabled": True, "resources": {"limits": {"memory": "128Mi"}}}

EXPRESSIBLE: Sequence[ExpressibleGroup] = (
    ExpressibleGroup(
        values=["server.readinessProbe"],
        files=12,
        settings=chart(server={"readinessProbe": _READINESS}),
        given={"server": {"readinessProbe": _READINESS}},
        rendered={VAULT: container(readinessProbe={"httpGet": {**_READINESS, "scheme": "HTTPS"}})},
    ),
    ExpressibleGroup(
        values=["server.livenessProbe"],
        files=10,
        settings=chart(server={"livenessProbe": _LIVENESS}),
        given={"server": {"livenessProbe": _LIVENESS}},
        rendered={
            VAULT: container(
                livenessProbe={
                    "httpGet": {"path": _LIVENESS["path"], "scheme": "HTTPS"},
                    "initialDelaySeconds": 60,
                }
            )
        },
    ),
    ExpressibleGroup(
        values=["injector.resources"],
        files=10,
        settings={"injector": {"resources": _RESOURCES}},
        given={"injector": {"resources": _RESOURCES}},
        rendered={INJECTOR: container(resources=_RESOURCES)},
    ),
    ExpressibleGroup(
        values=["server.extraVolumes", "server.volumes", "server.volumeMounts"],
        files=11,
        settings=chart(
            server={"extraVolumes": [_EXTRA_VOLUME], "volumes": [_VOLUME], "volumeMounts": [_MOUNT]}
        ),
        given={"server": {"extraVolumes": [_EXTRA_VOLUME], "volumes": [_VOLUME], "volumeMounts": [_MOUNT]}},
        rendered={
            VAULT: pod(
                volumes=[
                    {"name": "userconfig-vault-ha-tls", "secret": {"secretName": "vault-ha-tls"}},
                    _VOLUME,
                ],
                containers=[
                    {
                        "volumeMounts": [
                            {
                                "name": "userconfig-vault-ha-tls",
                                "mountPath": "/vault/userconfig/vault-ha-tls",
                                "readOnly": True,
                            },
                            _MOUNT,
                        ]
                    }
                ],
            )
        },
    ),
    ExpressibleGroup(
        values=["global.tlsDisable", "tls_cert_file"],
        # Nine turn TLS on and eight name a certificate; how many of these are the same wasn't counted.
        files=9,
        settings={"tls": {"source": "secret", "secret": "vault-ha-tls"}},
        given={"global": {"tlsDisable": False}},
        configuration="""
            tls_cert_file = "/vault/tls/tls.crt"
            tls_key_file = "/vault/tls/tls.key"
        """,
        rendered={
            VAULT: pod(
                containers=[{"env": [{"name": "VAULT_ADDR", "value": "https://127.0.0.1:8200"}]}],
                volumes=[{"secret": {"secretName": "vault-ha-tls"}}],
            )
        },
    ),
    ExpressibleGroup(
        values=["server.service.type", "server.service.annotations", "ui.serviceType", "ui.annotations"],
        files=8,
        settings={
            "service": {"type": "NodePort", "annotations": {"example.com/team": "platform"}},
            "uiService": {"type": "LoadBalancer", "annotations": _INTERNAL},
        },
        given={
            "server": {"service": {"type": "NodePort", "annotations": {"example.com/team": "platform"}}},
            "ui": {"serviceType": "LoadBalancer", "annotations": _INTERNAL},
        },
        rendered={
            ("Service", "vault"): {
                "metadata": {"annotations": {"example.com/team": "platform"}},
                "spec": {"type": "NodePort"},
            },
            ("Service", "vault-ui"): {
                "metadata": {"annotations": _INTERNAL},
                "spec": {"type": "LoadBalancer"},
            },
        },
    ),
    ExpressibleGroup(
        values=["telemetry"],
        files=6,
        settings={"extraConfig": _TELEMETRY},
        configuration=_TELEMETRY,
    ),
    ExpressibleGroup(
        values=["unauthenticated_metrics_access"],
        files=2,
        settings={"listener": {"unauthenticatedMetricsAccess": True}},
        configuration="telemetry {\nunauthenticated_metrics_access = true\n}",
    ),
    ExpressibleGroup(
        values=["injector.image"],
        files=6,
        settings={
            "injector": {"image": {"repository": "registry.example.com/vault-k8s", "tag": "1.7.0"}},
        },
        given={"injector": {"image": {"repository": "registry.example.com/vault-k8s", "tag": "1.7.0"}}},
        rendered={INJECTOR: container(image="registry.example.com/vault-k8s:1.7.0")},
    ),
    ExpressibleGroup(
        values=["server.extraSecretEnvironmentVars"],
        files=5,
        settings={
            "identity": {
                "kind": "static",
                "secret": "eks-creds",
                "userArn": "arn:aws:iam::123456789012:user/vault",
            },
            **chart(server={"extraSecretEnvironmentVars": _SECRET_VARIABLES[2:]}),
        },
        given={"server": {"extraSecretEnvironmentVars": _SECRET_VARIABLES}},
        rendered={
            VAULT: container(
                env=[
                    {
                        "name": variable["envName"],
                        "valueFrom": {
                            "secretKeyRef": {"name": variable["secretName"], "key": variable["secretKey"]}
                        },
                    }
                    for variable in _SECRET_VARIABLES
                ]
            )
        },
    ),
    ExpressibleGroup(
        values=["csi.enabled"],
        files=4,
        settings=chart(csi=_CSI),
        given={"csi": _CSI},
        not_in_sandbox="/csi",
    ),
    ExpressibleGroup(
        values=["server.enterpriseLicense"],
        files=3,
        settings={
            "image": {"repository": "hashicorp/vault-enterprise", "tag": "1.18.1-ent"},
            "license": {"secret": "vault-ent-license"},
        },
        given={"server": {"enterpriseLicense": {"secretName": "vault-ent-license"}}},
        rendered={
            VAULT: container(env=[{"name": "VAULT_LICENSE_PATH", "value": "/vault/license/license"}]),
        },
    ),
    ExpressibleGroup(
        values=["server.statefulSet.securityContext"],
        files=2,
        settings=chart(
            server={
                "statefulSet": {"securityContext": {"pod": _POD_CONTEXT, "container": _CONTAINER_CONTEXT}}
            }
        ),
        given={
            "server": {
                "statefulSet": {"securityContext": {"pod": _POD_CONTEXT, "container": _CONTAINER_CONTEXT}}
            }
        },
        rendered={
            VAULT: pod(securityContext=_POD_CONTEXT, containers=[{"securityContext": _CONTAINER_CONTEXT}])
        },
    ),
    ExpressibleGroup(
        values=["injector.securityContext"],
        files=2,
        settings=chart(injector={"securityContext": {"pod": _POD_CONTEXT, "container": _CONTAINER_CONTEXT}}),
        given={"injector": {"securityContext": {"pod": _POD_CONTEXT, "container": _CONTAINER_CONTEXT}}},
        rendered={
            INJECTOR: pod(securityContext=_POD_CONTEXT, containers=[{"securityContext": _CONTAINER_CONTEXT}])
        },
    ),
    ExpressibleGroup(
        values=["server.tolerations", "injector.tolerations"],
        files=2,
        settings={
            "tolerations": [_TOLERATION, _SHORT_TOLERATION],
            "injector": {"tolerations": [_TOLERATION]},
        },
        given={
            "server": {"tolerations": [_TOLERATION, _SHORT_TOLERATION]},
            "injector": {"tolerations": [_TOLERATION]},
        },
        rendered={
            VAULT: pod(tolerations=[_TOLERATION, _SHORT_TOLERATION]),
            INJECTOR: pod(tolerations=[_TOLERATION]),
        },
    ),
    ExpressibleGroup(
        values=["server.topologySpreadConstraints"],
        files=2,
        settings={"topologySpread": {"whenUnsatisfiable": "DoNotSchedule"}},
        given={"server": {"topologySpreadConstraints": [_SPREAD]}},
        rendered={VAULT: pod(topologySpreadConstraints=[_SPREAD])},
    ),
    ExpressibleGroup(
        values=["injector.replicas"],
        files=2,
        settings={"injector": {"replicas": 2}},
        given={"injector": {"replicas": 2}},
        rendered={INJECTOR: {"spec": {"replicas": 2}}},
    ),
    ExpressibleGroup(
        values=["injector.affinity"],
        files=2,
        settings={"injector": {"affinity": _AFFINITY}},
        given={"injector": {"affinity": _AFFINITY}},
        rendered={INJECTOR: pod(affinity=_AFFINITY)},
    ),
    ExpressibleGroup(
        values=["cluster_name"],
        files=5,
        settings={"extraConfig": 'cluster_name = "vault-production"'},
        configuration='cluster_name = "vault-production"',
    ),
    ExpressibleGroup(
        values=["plugin_directory"],
        files=1,
        settings={
            "extraConfig": 'plugin_directory = "/vault/plugins"',
            **chart(server={"volumes": [_VOLUME], "volumeMounts": [_MOUNT]}),
        },
        given={"server": {"volumes": [_VOLUME], "volumeMounts": [_MOUNT]}},
        configuration='plugin_directory = "/vault/plugins"',
        rendered={VAULT: pod(volumes=[_VOLUME], containers=[{"volumeMounts": [_MOUNT]}])},
    ),
    ExpressibleGroup(
        values=["x_forwarded_for_authorized_addrs"],
        files=1,
        settings={"listener": {"forwardedFor": {"authorizedAddresses": ["10.42.0.0/16"]}}},
        configuration='x_forwarded_for_authorized_addrs = ["10.42.0.0/16"]',
    ),
    ExpressibleGroup(
        values=["log_level", "log_format", "server.logLevel", "server.logFormat"],
        files=1,
        settings={"logLevel": "debug", "logFormat": "json"},
        given={"server": {"logLevel": "debug", "logFormat": "json"}},
        rendered={
            VAULT: container(
                env=[
                    {"name": "VAULT_LOG_LEVEL", "value": "debug"},
                    {"name": "VAULT_LOG_FORMAT", "value": "json"},
                ]
            )
        },
    ),
    ExpressibleGroup(
        values=["server.extraEnvironmentVars"],
        files=2,
        settings={"extraEnvironment": {"VAULT_LOG_LEVEL": "debug"}},
        given={"server": {"extraEnvironmentVars": {"VAULT_LOG_LEVEL": "debug"}}},
        rendered={VAULT: container(env=[{"name": "VAULT_LOG_LEVEL", "value": "debug"}])},
    ),
    ExpressibleGroup(
        values=["server.annotations"],
        files=1,
        settings={"podAnnotations": {"backup.velero.io/backup-volumes": "data"}},
        given={"server": {"annotations": {"backup.velero.io/backup-volumes": "data"}}},
        rendered={
            VAULT: {
                "spec": {
                    "template": {"metadata": {"annotations": {"backup.velero.io/backup-volumes": "data"}}}
                }
            }
        },
    ),
    ExpressibleGroup(
        values=["kms_key_id"],
        files=3,
        settings={"key": {"arn": KEY_ARN}},
        configuration=f'kms_key_id = "{KEY_ARN}"',
    ),
    ExpressibleGroup(
        values=["server.serviceAccount.annotations"],
        files=2,
        settings={"role": {"arn": ROLE_ARN}},
        given={"server": {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": ROLE_ARN}}}},
        rendered={
            ("ServiceAccount", "vault"): {
                "metadata": {"annotations": {"eks.amazonaws.com/role-arn": ROLE_ARN}}
            }
        },
    ),
)

_OTHER_STORAGE = "remove storage: mode chooses the storage, and raft.* tune it"

OTHER: Sequence[OtherGroup] = (
    OtherGroup(
        values=['storage "consul"'],
        files=5,
        settings=chart(server={"ha": {"config": 'storage "consul" {\n  path = "vault"\n}'}}),
        message="server.ha.config can't be set here: Vault's storage is raft; use raft",
        by_design=True,
    ),
    OtherGroup(
        values=['storage "dynamodb"'],
        files=1,
        settings={"extraConfig": 'storage "dynamodb" {\n  table = "vault"\n}'},
        message=_OTHER_STORAGE,
        by_design=True,
    ),
    OtherGroup(
        values=['storage "oci"'],
        files=1,
        settings={"extraConfig": 'storage "oci" {\n  bucket_name = "vault"\n}'},
        message=_OTHER_STORAGE,
        by_design=True,
    ),
)


def expressible_share() -> float:
    """Return the share of the counted values that settings can say, of all that aren't refused by design."""
    said = sum(group.files for group in EXPRESSIBLE)
    missing = sum(group.files for group in OTHER if not group.by_design)
    return said / (said + missing)
