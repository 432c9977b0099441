"""An AWS account and an EKS cluster on Pulumi's mocks, and the whole program deployed into them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import MockResourceArgs

from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.recorded_deployment import READ_STATE, Answer, Deployment, deploy

REGION = "ap-northeast-2"
ACCOUNT = "123456789012"
ISSUER = f"https://oidc.eks.{REGION}.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
CONTROL_PLANE_GROUP = "sg-0aaaaaaaaaaaaaaaa"
NODE_GROUP = "sg-0bbbbbbbbbbbbbbbb"
KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
KEY_ID = KEY_ARN.rpartition("/")[2]
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/vault-auto-unseal-example"
ROOT_TOKEN = "hvs.root"
CLUSTER_UID = "0b7e6f2c-uid"
AUTHORITY_KEY = "key of the authority"
JOURNAL_SECRET = "a2V5IG9mIHRoZSBqb3VybmFs"

KEY = "aws:kms/key:Key"
ALIAS = "aws:kms/alias:Alias"
ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
NAMESPACE = "kubernetes:core/v1:Namespace"
RELEASE = "kubernetes:helm.sh/v3:Release"
INIT = "pulumi-python:dynamic/vault:OperatorInit"
POD_ROLLOUT = "pulumi-python:dynamic/vault:PodRollout"
QUORUM = "pulumi-python:dynamic/vault:RaftQuorum"
INJECTOR_ROLLOUT = "pulumi-python:dynamic/vault:InjectorRollout"
ADMISSION = "pulumi-python:dynamic/vault:InjectorAdmission"
IDENTITY = "pulumi-python:dynamic/vault:KubernetesIdentity"
INSTALLED = "pulumi-python:dynamic/vault:InstalledRelease"
AUTHORITY = "pulumi-python:dynamic/vault:CertificateAuthority"
OWN_CERTIFICATE = "pulumi-python:dynamic/vault:OwnCertificate"
GIVEN_CERTIFICATE = "pulumi-python:dynamic/vault:GivenCertificate"
GUARD = "pulumi-python:dynamic/vault:ReleaseGuard"
JOURNAL_KEY = "pulumi-python:dynamic/vault:JournalKey"
AUDIT_DEVICES = "pulumi-python:dynamic/vault:AuditDevices"
REVOCATION = "pulumi-python:dynamic/vault:RootTokenRevocation"
SNAPSHOT_ACCESS = "pulumi-python:dynamic/vault:SnapshotAccess"
FIRST_SNAPSHOT = "pulumi-python:dynamic/vault:FirstSnapshot"
SECRET = "aws:secretsmanager/secret:Secret"
UNSEAL = "pulumi-python:dynamic/vault:ShamirUnseal"
AWS_PROVIDER = "pulumi:providers:aws"
KUBERNETES_PROVIDER = "pulumi:providers:kubernetes"
KEY_COMPONENT = "vault-autounseal:aws:UnsealKey"
ROLE_COMPONENT = "vault-autounseal:aws:IrsaRole"
INGRESS_COMPONENT = "vault-autounseal:aws:WebhookIngress"
RELEASE_COMPONENT = "vault-autounseal:vault:Release"

GET_CALLER = "aws:index/getCallerIdentity:getCallerIdentity"
GET_CLUSTER = "aws:eks/getCluster:getCluster"
GET_OIDC_PROVIDER = "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider"
GET_SECURITY_GROUP = "aws:ec2/getSecurityGroup:getSecurityGroup"
GET_RULES = "aws:vpc/getSecurityGroupRules:getSecurityGroupRules"
GET_STATE = READ_STATE
GET_RULE = "aws:vpc/getSecurityGroupRule:getSecurityGroupRule"

CALLER_ARN = f"arn:aws:iam::{ACCOUNT}:user/ada"

ANSWERS: Mapping[str, Answer] = {
    GET_CALLER: {"accountId": ACCOUNT, "arn": CALLER_ARN},
    GET_CLUSTER: {
        "status": "ACTIVE",
        "arn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/example",
        "endpoint": "https://example.eks.amazonaws.com",
        "certificateAuthorities": [{"data": "Q0E="}],
        "identities": [{"oidcs": [{"issuer": ISSUER}]}],
        "vpcConfig": {"clusterSecurityGroupId": CONTROL_PLANE_GROUP},
    },
    GET_OIDC_PROVIDER: {
        "arn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER.removeprefix('https://')}",
    },
    GET_SECURITY_GROUP: {"id": NODE_GROUP},
    GET_RULES: {"ids": []},
}
EKS = {"clusterName": "example", "region": REGION, "nodeSecurityGroupId": NODE_GROUP}
PEERS = [{"node_id": f"vault-{ordinal}", "voter": True} for ordinal in range(3)]


def computed(args: MockResourceArgs) -> Mapping[str, Any]:
    """What the providers would answer beside the inputs."""
    by_type: Mapping[str, Mapping[str, Any]] = {
        KEY: {"arn": KEY_ARN, "keyId": KEY_ID},
        ROLE: {"arn": ROLE_ARN, "uniqueId": "AROAEXAMPLE"},
        POLICY: {"arn": f"arn:aws:iam::{ACCOUNT}:policy/vault-auto-unseal-example"},
        SECRET: {"arn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:vault/init-AbCdEf"},
        RULE: {"securityGroupRuleId": "sgr-0cccccccccccccccc"},
        RELEASE: {"status": {"revision": 1}},
        INSTALLED: {"missing": "", "revision": "5f/1/0"},
        IDENTITY: {"uid": CLUSTER_UID},
        AUTHORITY: {"certificate": "the authority", "key": AUTHORITY_KEY},
        OWN_CERTIFICATE: {"not_after": "2027-01-01T00:00:00+00:00"},
        GIVEN_CERTIFICATE: {"authority": "the authority", "not_after": "2027-01-01T00:00:00+00:00"},
        JOURNAL_KEY: {"key": JOURNAL_SECRET},
        INIT: {
            "cluster_initialized_here": True,
            "vault_version": "1.18.1",
            "deployment": f"{CLUSTER_UID}/vault/vault",
            "keys_location": "the stack's state",
            "keys_version": "",
            "keys_fingerprint": "sha256:0",
            "root_token": ROOT_TOKEN,
            "recovery_shares": ["share-1", "share-2"],
            "key_shares": ["key-share-1"],
        },
        POD_ROLLOUT: {"running": "1"},
        FIRST_SNAPSHOT: {"taken": "2027-01-01T00:00:00+00:00"},
        AUDIT_DEVICES: {"enabled": args.inputs.get("devices"), "problem": ""},
        QUORUM: {"peers": PEERS, "cluster_id": "7d", "vault_version": "1.18.1"},
    }
    return by_type.get(args.typ, {})


def up(
    configuration: Mapping[str, str], answers: Mapping[str, Answer] = ANSWERS, **options: Any
) -> Deployment:
    """The program, deployed with this configuration."""
    return deploy(configuration, answers=answers, outputs=computed, **options)


def shamir(**more: str) -> Deployment:
    """The program with the Shamir seal."""
    return up({"seal": "shamir", "kubeContext": "here", **more})


def provide_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A kubectl that reaches the API server, and the AWS CLI; no kubeconfig but the tests' own."""
    only_commands(monkeypatch, tmp_path / "commands", kubectl="echo '{}'", aws="exit 0")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps({"contexts": [{"name": "elsewhere"}, {"name": "here"}]}))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
