"""The whole program on Pulumi's mocks: which resources it asks for, in which order, how protected."""

import json
from pathlib import Path

import pytest

from components.resource_types import NETWORK_POLICY
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.mocked_account import (
    ACCOUNT,
    ADMISSION,
    ALIAS,
    ANSWERS,
    ATTACHMENT,
    AUDIT_DEVICES,
    AUTHORITY,
    AWS_PROVIDER,
    CLUSTER_UID,
    EKS,
    GET_OIDC_PROVIDER,
    GET_STATE,
    GUARD,
    IDENTITY,
    INGRESS_COMPONENT,
    INIT,
    INJECTOR_ROLLOUT,
    ISSUER,
    JOURNAL_KEY,
    KEY,
    KEY_ARN,
    KEY_COMPONENT,
    KEY_ID,
    KUBERNETES_PROVIDER,
    NAMESPACE,
    OWN_CERTIFICATE,
    PEERS,
    POD_ROLLOUT,
    POLICY,
    QUORUM,
    REGION,
    RELEASE,
    RELEASE_COMPONENT,
    ROLE,
    ROLE_ARN,
    ROLE_COMPONENT,
    RULE,
    UNSEAL,
    shamir,
    up,
)
from tests.unit.fakes.recorded_deployment import Deployment, Secret, deploy

pytestmark = pytest.mark.usefixtures("program_commands")


def test_awskms_asks_for_every_resource(awskms: Deployment) -> None:
    components = [KEY_COMPONENT, ROLE_COMPONENT, INGRESS_COMPONENT, RELEASE_COMPONENT]
    providers = [AWS_PROVIDER, KUBERNETES_PROVIDER]
    resources = [
        KEY,
        ALIAS,
        ROLE,
        POLICY,
        ATTACHMENT,
        RULE,
        NAMESPACE,
        RELEASE,
        INJECTOR_ROLLOUT,
        ADMISSION,
        INIT,
        POD_ROLLOUT,
        QUORUM,
        AUDIT_DEVICES,
    ]
    of_state = [IDENTITY, GUARD, JOURNAL_KEY, AUTHORITY, OWN_CERTIFICATE]
    assert awskms.types == sorted([*components, *providers, *resources, *of_state])


@pytest.mark.parametrize(
    ("child", "component"),
    [
        (KEY, KEY_COMPONENT),
        (ALIAS, KEY_COMPONENT),
        (ROLE, ROLE_COMPONENT),
        (POLICY, ROLE_COMPONENT),
        (ATTACHMENT, ROLE_COMPONENT),
        (RULE, INGRESS_COMPONENT),
        (RELEASE, RELEASE_COMPONENT),
    ],
)
def test_children_are_under_their_component(awskms: Deployment, child: str, component: str) -> None:
    assert awskms.only(child).parent == awskms.only(component).urn


def test_every_resource_has_an_explicit_provider(awskms: Deployment) -> None:
    aws, kubernetes = awskms.only(AWS_PROVIDER).urn, awskms.only(KUBERNETES_PROVIDER).urn
    checked = [
        (entry.type, entry.provider.startswith(f"{aws if entry.type.startswith('aws:') else kubernetes}::"))
        for entry in awskms.registrations
        if entry.type.startswith(("aws:", "kubernetes:"))
    ]
    assert len(checked) == 8
    assert [type_ for type_, explicit in checked if not explicit] == []


def test_kubernetes_provider_comes_from_the_eks_cluster(awskms: Deployment) -> None:
    inputs = awskms.only(KUBERNETES_PROVIDER).inputs
    kubeconfig = json.loads(inputs["kubeconfig"])
    assert inputs["context"] == "example"
    assert kubeconfig["clusters"][0]["cluster"]["server"] == "https://example.eks.amazonaws.com"
    assert inputs["clusterIdentifier"] == f"eks:aws:{ACCOUNT}:{REGION}:example"


def test_release_comes_after_all_that_vault_needs_to_start(awskms: Deployment) -> None:
    needed = {NAMESPACE, GUARD, KEY, ALIAS, ROLE, POLICY, ATTACHMENT, RULE}
    assert needed <= awskms.prerequisites(awskms.only(RELEASE))


def test_release_comes_after_the_network_policy_in_its_namespace() -> None:
    deployment = up({**EKS, "networkPolicy": "{}"})
    policy = deployment.only(NETWORK_POLICY)
    assert policy.inputs["metadata"] == {"name": "vault-server", "namespace": "vault"}
    assert NAMESPACE in deployment.prerequisites(policy)
    assert NETWORK_POLICY in deployment.prerequisites(deployment.only(RELEASE))
    assert deployment.outputs["network_policy"] == "vault-server"


@pytest.mark.parametrize("type_", [KEY, ALIAS, NAMESPACE, INIT])
@pytest.mark.parametrize("protect", [True, False])
def test_what_cannot_be_had_again_is_protected(awskms: Deployment, type_: str, protect: bool) -> None:
    deployment = awskms if protect else up({**EKS, "protect": "false"})
    assert deployment.only(type_).protect is protect


@pytest.mark.parametrize(
    "type_", [ROLE, POLICY, ATTACHMENT, RULE, RELEASE, QUORUM, INJECTOR_ROLLOUT, ADMISSION]
)
def test_what_can_be_made_again_is_not_protected(awskms: Deployment, type_: str) -> None:
    assert awskms.only(type_).protect is False


def test_key_stays_when_the_stack_is_destroyed(awskms: Deployment) -> None:
    assert [entry.type for entry in awskms.registrations if entry.retain_on_delete] == [KEY]


def test_key_policy_names_the_role_that_the_stack_makes() -> None:
    deployment = up({**EKS, "role": json.dumps({"name": "unsealer", "path": "/vault/"})})
    statements = json.loads(deployment.only(KEY).inputs["policy"])["Statement"]
    used_by = [statement["Condition"] for statement in statements if "Condition" in statement]
    role_arn = f"arn:aws:iam::{ACCOUNT}:role/vault/unsealer"
    assert used_by == [{"StringEquals": {"aws:PrincipalArn": role_arn}}]
    role = deployment.only(ROLE).inputs
    assert (role["path"], role["name"]) == ("/vault/", "unsealer")
    assert deployment.only(POLICY).inputs["path"] == "/vault/"


def test_role_trusts_the_service_account_of_the_release() -> None:
    deployment = up({**EKS, "namespace": "secrets", "serviceAccount": "unsealer"})
    (statement,) = json.loads(deployment.only(ROLE).inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Federated": ANSWERS[GET_OIDC_PROVIDER]["arn"]}
    issuer = ISSUER.removeprefix("https://")
    subject = statement["Condition"]["StringEquals"][f"{issuer}:sub"]
    assert subject == "system:serviceaccount:secrets:unsealer"
    release = deployment.only(RELEASE).inputs
    assert release["namespace"] == "secrets"
    assert release["values"]["server"]["serviceAccount"]["name"] == "unsealer"


def test_tags_are_on_every_aws_resource_that_takes_them() -> None:
    deployment = up({**EKS, "tags": json.dumps({"team": "blue"})})
    tagged = [entry.type for entry in deployment.registrations if entry.inputs.get("tags")]
    assert sorted(tagged) == sorted([KEY, ROLE, POLICY, RULE])


def test_release_knows_role_and_key(awskms: Deployment) -> None:
    server = awskms.only(RELEASE).inputs["values"]["server"]
    assert server["serviceAccount"]["annotations"] == {"eks.amazonaws.com/role-arn": ROLE_ARN}
    assert f'kms_key_id = "{KEY_ID}"' in server["ha"]["raft"]["config"]
    assert f'region = "{REGION}"' in server["ha"]["raft"]["config"]


def test_another_release_name_reaches_every_part() -> None:
    deployment = up({**EKS, "releaseName": "blue", "namespace": "secrets"})
    assert deployment.only(RELEASE).inputs["name"] == "blue"
    configuration = deployment.only(RELEASE).inputs["values"]["server"]["ha"]["raft"]["config"]
    assert "https://blue-vault-active.secrets.svc:8200" in configuration
    assert deployment.only(INIT).inputs["access"]["statefulset"] == "blue-vault"
    assert deployment.only(ADMISSION).inputs["deployment"] == "blue-vault-agent-injector"


def test_outputs(awskms: Deployment) -> None:
    plain = {name: value for name, value in awskms.outputs.items() if not isinstance(value, Secret)}
    access = plain.pop("pod_access")
    assert access["statefulset"] == "vault"
    assert plain == {
        "key_id": KEY_ID,
        "key_arn": KEY_ARN,
        "key_alias": "alias/vault-auto-unseal",
        "policy_arn": f"arn:aws:iam::{ACCOUNT}:policy/vault-auto-unseal-example",
        "role_arn": ROLE_ARN,
        "role_name": "vault-auto-unseal-example",
        "role_path": "/",
        "role_unique_id": "AROAEXAMPLE",
        "ingress_rule_id": "sgr-0cccccccccccccccc",
        "namespace": "vault",
        "release_name": "vault",
        "mode": "ha",
        "seal_key": KEY_ARN,
        "seal_type": "awskms",
        "migrate_from": "",
        "vault_version": "1.18.1",
        "cluster_id": "7d",
        "peers": PEERS,
        "user_interface": (
            "kubectl --namespace vault port-forward service/vault-active 8200:8200, "
            "then https://127.0.0.1:8200/ui"
        ),
        "replicas": 3,
        "threshold": 3,
        "custody": {"store": "state"},
        "audit_devices": ["file", "stdout"],
        "audit_problem": "",
        "deployment": f"{CLUSTER_UID}/vault/vault",
        "keys_location": "the stack's state",
        "keys_version": "",
        "keys_fingerprint": "sha256:0",
        "tls_ca": "the authority",
        "tls_not_after": "2027-01-01T00:00:00+00:00",
    }


def test_shamir_needs_nothing_of_aws() -> None:
    deployment = shamir()
    resources = [
        *(IDENTITY, GUARD, NAMESPACE, RELEASE, INJECTOR_ROLLOUT, ADMISSION, JOURNAL_KEY),
        *(INIT, UNSEAL, POD_ROLLOUT, QUORUM, AUDIT_DEVICES, AUTHORITY, OWN_CERTIFICATE),
    ]
    assert deployment.types == sorted([KUBERNETES_PROVIDER, RELEASE_COMPONENT, *resources])
    assert {call.token for call in deployment.calls} == {GET_STATE}
    assert any("this isn't an EKS or GKE cluster" in line for line in deployment.log)
    release = deployment.only(RELEASE).inputs["values"]["server"]
    assert "seal" not in release["ha"]["raft"]["config"]
    assert release["serviceAccount"]["annotations"] == {}
    assert not {name for name in deployment.outputs if name.startswith(("key_id", "role", "policy"))}


def test_namespace_that_is_there_is_not_made() -> None:
    deployment = shamir(createNamespace="false")
    assert deployment.of_type(NAMESPACE) == []
    assert deployment.only(RELEASE).inputs["namespace"] == "vault"
    assert deployment.outputs["namespace"] == "vault"


def test_shamir_on_eks_makes_the_rule_and_no_key() -> None:
    deployment = up({**EKS, "seal": "shamir"})
    assert deployment.of_type(RULE)
    assert not deployment.of_type(KEY) + deployment.of_type(ROLE)


def test_named_context_is_the_one_that_is_used(tmp_path: Path) -> None:
    deployment = shamir()
    provider = deployment.only(KUBERNETES_PROVIDER)
    # Pulumi's SDK itself fills in KUBECONFIG where no kubeconfig is given.
    assert provider.inputs == {
        "context": "here",
        "clusterIdentifier": "context:here",
        "kubeconfig": str(tmp_path / "kubeconfig"),
        # A Secret is changed in place.
        "enableSecretMutable": "true",
    }
    assert deployment.only(INIT).inputs["access"]["target"]["context"] == "here"


def test_preview_shows_every_resource_without_reaching_anything(
    awskms: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    called = tmp_path / "called"
    only_commands(
        monkeypatch, tmp_path / "preview", kubectl=f"echo called > '{called}'; exit 1", aws="exit 1"
    )
    # A preview knows no computed value.
    preview = deploy(EKS, answers=ANSWERS, outputs=lambda _args: {}, preview=True)
    assert preview.types == awskms.types
    assert not called.exists()
    assert not {"key_id", "root_token", "peers"} & preview.outputs.keys()
    assert preview.outputs["seal_type"] == "awskms"
