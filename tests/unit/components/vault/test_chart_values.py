"""The chart's values, held against the official chart's own schemas.

Where the schemas and example renderings come from: ``tests/official_chart.py``.
"""

import copy
import itertools
import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest

from components.seals.seal import PodRequirements, SecretMount, TokenMount, seal_types
from components.settings.deployed_vault import DeployedVault
from components.vault.chart_values import chart_fullname, chart_values
from tests.official_chart import VERSIONS, official_file, official_rendering, unknown_values
from tests.unit.fakes.chart_stacks import AFFINITY, AUTHORITY, CONFIGURATION, INGRESS, SEALS, STACKS, values
from tests.unit.fakes.stack_settings import EKS, GKE, SHAMIR, parse

# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted; with the ids of the images.
RESTRICTED_POD = {
    "runAsNonRoot": True,
    "runAsUser": 100,
    "runAsGroup": 1000,
    "fsGroup": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESTRICTED_CONTAINER = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@pytest.fixture(scope="module", params=VERSIONS)
def schema(request: pytest.FixtureRequest) -> Any:
    """The values schema of one version of the official chart."""
    return json.loads(official_file(str(request.param), "values.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("stack", STACKS)
def test_official_schema_takes_the_values(schema: Any, stack: str) -> None:
    jsonschema.Draft7Validator(schema).validate(values(STACKS[stack]))


def test_official_schema_refuses_wrong_values(schema: Any) -> None:
    wrong = values(EKS)
    wrong["server"]["ha"]["replicas"] = "three"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate(wrong)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("stack", STACKS)
def test_official_chart_knows_every_key(version: str, stack: str) -> None:
    assert unknown_values(version, values(STACKS[stack])) == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", ["ha", "standalone"])
@pytest.mark.parametrize("seal", SEALS)
def test_official_chart_takes_what_every_seal_needs_in_every_mode(version: str, mode: str, seal: str) -> None:
    """A key that a version doesn't know would be left out without a word."""
    stack, pods = SEALS[seal]
    schema = json.loads(official_file(version, "values.schema.json").read_text(encoding="utf-8"))
    for injector, affinity in itertools.product((True, False), ({}, AFFINITY)):
        settings = parse({**stack, "mode": mode, "injector": {"enabled": injector}, "affinity": affinity})
        given = chart_values(settings, configuration=CONFIGURATION, pods=pods)

        jsonschema.Draft7Validator(schema).validate(given)
        assert unknown_values(version, given) == []
        assert given["injector"]["enabled"] is injector


def test_no_seal_is_left_out() -> None:
    assert {parse(stack).seal.type for stack, _ in SEALS.values()} == set(seal_types())


@pytest.mark.parametrize("stack", [stack for stack in STACKS if not stack.startswith("TLS")])
def test_without_tls_the_values_are_those_of_a_version_that_knew_none(stack: str) -> None:
    """Another value would be an update of every stack, and a restart of its pods."""
    plain = values(STACKS[stack], DeployedVault("1.18.1", "0.29.1", "none"))
    declared = values({"image": {"tag": "1.18.1"}, **STACKS[stack], "tls": {"source": "none"}})
    assert plain == declared
    assert plain["global"]["tlsDisable"] is True
    assert "apiAddr" not in plain["server"]["ha"]
    assert "postStart" not in plain["server"]
    assert "extraEnvironmentVars" not in plain["injector"]
    assert "VAULT_CACERT" not in json.dumps(plain)


def test_tls_changes_schemes_addresses_and_the_agents_trust() -> None:
    plain, tls = values({**EKS, "tls": {"source": "none"}}), values({**EKS, "tls": {"source": "secret"}})
    assert tls["global"].pop("tlsDisable") is False
    assert plain["global"].pop("tlsDisable") is True
    assert tls["injector"].pop("extraEnvironmentVars") == {"AGENT_INJECT_VAULT_CACERT_BYTES": AUTHORITY}
    assert "watch-certificate" in tls["server"].pop("postStart")
    address = tls["server"]["ha"].pop("apiAddr")
    assert address == "https://$(VAULT_K8S_POD_NAME).vault-internal.vault.svc:8200"
    assert tls == plain


def test_values_are_the_whole_of_what_the_settings_say() -> None:
    settings = {"tls": {"source": "none"}, "ingress": INGRESS, "replicas": 5, "injector": {"port": 9443}}
    assert values({**EKS, **settings}) == {
        "global": {"enabled": True, "tlsDisable": True},
        "injector": {
            "enabled": True,
            "port": 9443,
            "agentImage": {"repository": "hashicorp/vault", "tag": "1.21.2"},
            "startupProbe": {"initialDelaySeconds": 1, "periodSeconds": 1, "failureThreshold": 60},
            "readinessProbe": {"initialDelaySeconds": 1},
            "securityContext": {"pod": RESTRICTED_POD},
        },
        "server": {
            "image": {"repository": "hashicorp/vault", "tag": "1.21.2"},
            "statefulSet": {"securityContext": {"pod": RESTRICTED_POD, "container": RESTRICTED_CONTAINER}},
            "serviceAccount": {
                "create": True,
                "name": "vault",
                "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/vault"},
            },
            "dataStorage": {"enabled": True, "size": "10Gi"},
            "auditStorage": {"enabled": True, "size": "10Gi"},
            "ingress": {
                "enabled": True,
                "activeService": True,
                "pathType": "Exact",
                "hosts": [{"host": "vault.example.com", "paths": ["/"]}],
                "ingressClassName": "nginx",
                "annotations": {"example.com/a": "b"},
                "tls": [{"secretName": "vault-tls", "hosts": ["vault.example.com"]}],
            },
            "standalone": {"enabled": False},
            "ha": {
                "enabled": True,
                "replicas": 5,
                "raft": {"enabled": True, "setNodeId": True, "config": CONFIGURATION},
            },
            "service": {"publishNotReadyAddresses": False},
            "readinessProbe": {
                "path": "/v1/sys/health"
                "?standbyok=true&perfstandbyok=true&drsecondarycode=200&haunhealthycode=200",
                "periodSeconds": 2,
            },
            "livenessProbe": {
                "enabled": True,
                "path": "/v1/sys/init",
                "initialDelaySeconds": 300,
                "periodSeconds": 10,
                "timeoutSeconds": 10,
                "failureThreshold": 6,
            },
        },
        "ui": {"enabled": True, "publishNotReadyAddresses": False},
    }


@pytest.mark.parametrize("stack", STACKS)
def test_update_strategy_is_left_to_the_chart(stack: str) -> None:
    assert "updateStrategyType" not in values(STACKS[stack])["server"]


@pytest.mark.parametrize(("affinity", "value"), [({}, ""), (AFFINITY, AFFINITY)])
def test_affinity(affinity: Mapping[str, Any], value: Any) -> None:
    assert values({**SHAMIR, "affinity": affinity})["server"]["affinity"] == value


def test_network_of_the_injector_is_the_charts_own_unless_set() -> None:
    assert "hostNetwork" not in values(EKS)["injector"]
    assert values({**EKS, "injector": {"hostNetwork": True}})["injector"]["hostNetwork"] is True


def test_affinity_is_the_charts_own_unless_set() -> None:
    assert "affinity" not in values(SHAMIR)["server"]


@pytest.mark.parametrize("resources", [{"limits": {"memory": "1Gi"}}, {}])
def test_resources_are_the_charts_own_unless_set(resources: Mapping[str, Any]) -> None:
    server = values({**SHAMIR, "resources": resources})["server"]
    assert server.get("resources", {}) == resources
    assert ("resources" in server) is bool(resources)


def test_licence_is_an_entry_of_a_secret() -> None:
    licence = values(STACKS["licence"])["server"]["enterpriseLicense"]
    assert licence == {"secretName": "paid", "secretKey": "v.hclic"}
    assert "enterpriseLicense" not in values(EKS)["server"]


def test_one_mode_is_enabled() -> None:
    plain = {**SHAMIR, "tls": {"source": "none"}}
    standalone, ha = (values({**plain, "mode": mode})["server"] for mode in ("standalone", "ha"))
    assert standalone["standalone"] == {"enabled": True, "config": CONFIGURATION}
    assert standalone["ha"] == {"enabled": False}
    assert ha["standalone"] == {"enabled": False}
    raft = {"enabled": True, "setNodeId": True, "config": CONFIGURATION}
    assert ha["ha"] == {"enabled": True, "replicas": 3, "raft": raft}


def test_secrets_of_the_seal_are_mounted_read_only() -> None:
    mount = SecretMount("ca", "ca-of-the-other-vault", "/vault/ca")
    server = chart_values(
        parse(SHAMIR), configuration=CONFIGURATION, pods=PodRequirements(secret_mounts=(mount,))
    )["server"]
    assert server["volumeMounts"] == [{"name": "ca", "mountPath": "/vault/ca", "readOnly": True}]
    secret = {"secretName": "ca-of-the-other-vault", "defaultMode": 0o440}
    assert server["volumes"] == [{"name": "ca", "secret": secret}]


def test_ingress_is_off_unless_set() -> None:
    assert values(SHAMIR)["server"]["ingress"] == {"enabled": False}


def test_storage() -> None:
    server = values({**SHAMIR, "dataStorage": {"size": "100Gi", "storageClass": "gp3"}})["server"]
    assert server["dataStorage"] == {"enabled": True, "size": "100Gi", "storageClass": "gp3"}
    without_audit = values({**SHAMIR, "auditStorage": {"enabled": False, "size": "5Gi"}})["server"]
    assert without_audit["auditStorage"] == {"enabled": False}


def test_values_are_the_same_each_time_and_share_nothing() -> None:
    settings = parse(STACKS["environment"])
    annotations: dict[str, str] = {}
    arguments: dict[str, Any] = {
        "configuration": CONFIGURATION,
        "pods": PodRequirements(service_account_annotations=annotations),
    }
    first = chart_values(settings, **arguments)
    before = copy.deepcopy(first)
    first["server"]["extraEnvironmentVars"]["MORE"] = "1"
    first["server"]["serviceAccount"]["annotations"]["more"] = "1"
    assert chart_values(settings, **arguments) == before
    assert annotations == {}


@pytest.mark.parametrize(
    ("release", "fullname"),
    [
        ("vault", "vault"),
        ("my-vault", "my-vault"),
        ("vaulted", "vaulted"),
        ("blue", "blue-vault"),
        ("vaul", "vaul-vault"),
        ("r" * 38, "r" * 38 + "-vault"),
    ],
)
def test_chart_fullname(release: str, fullname: str) -> None:
    assert chart_fullname(release) == fullname


@pytest.mark.parametrize(
    ("version", "example"), [("0.27.0", "seed-b-ha"), ("0.29.1", "seed-a"), ("0.34.1", "seed-a")]
)
def test_chart_fullname_is_what_the_official_chart_renders(version: str, example: str) -> None:
    """The examples were rendered as release `vault`."""
    objects = official_rendering(version, example)
    fullname = chart_fullname("vault")
    assert ("StatefulSet", fullname) in objects
    assert ("Service", f"{fullname}-active") in objects
    assert ("Service", f"{fullname}-internal") in objects


def test_a_token_of_the_pods_service_account_is_a_file() -> None:
    pods = PodRequirements(token_mounts=(TokenMount("google-token", "https://pool.example.com", "/token"),))
    server = chart_values(parse(GKE), configuration=CONFIGURATION, pods=pods)["server"]
    source = {"audience": "https://pool.example.com", "expirationSeconds": 3600, "path": "token"}
    assert server["volumes"] == [
        {"name": "google-token", "projected": {"sources": [{"serviceAccountToken": source}]}}
    ]
    assert server["volumeMounts"] == [{"name": "google-token", "mountPath": "/token", "readOnly": True}]
