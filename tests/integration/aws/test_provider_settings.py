"""Settings of Pulumi's AWS provider, on the real engine: its plugin and the key store follow the same ones.

The tests are steps of one deployment and run in order. The keys in the environment are those of somebody
without any rights.
"""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from components.custody.key_store import KeyStoreError
from components.custody.stores.aws_secrets_manager import Store
from sandbox.aws.account import ACCOUNT_ID
from sandbox.layout import REPOSITORY
from sandbox.network import REGION
from tests.integration.aws.running_cloud import Cloud, allow, document
from tests.integration.plugin_stack import PluginStack
from tests.unit.fakes.key_records import TARGET, key_record

PROGRAM = f"""
import pulumi
import pulumi_aws as aws

from components.aws.cluster import look_up_eks_cluster
from components.aws.provider_settings import read_provider_settings
from components.config.reader import ConfigReader, configuration_of

problems = []
settings = read_provider_settings(
    ConfigReader(configuration_of("aws"), problems, path="aws"), region="{REGION}", kube_context=True
)
assert problems == []
cluster = look_up_eks_cluster(
    "{{cluster}}",
    "{REGION}",
    needs_oidc_provider=False,
    needs_pod_identity_agent=False,
    node_security_group_ids=(),
    provider_settings=settings,
)
provided = pulumi.ResourceOptions(provider=cluster.provider)
aws.kms.Key("key", tags={{{{"team": "one"}}}}, opts=provided)
aws.secretsmanager.Secret("secret", name="{{secret}}", opts=provided)
"""
EXTERNAL_ID = "tenant-1"
NAME = f"vault/{uuid4().hex[:8]}/operator-init"
OTHER_ACCOUNT = "999999999999"


@pytest.fixture(scope="module")
def role(cloud: Cloud) -> str:
    """A role that may do everything here, and be assumed by whoever knows the external id."""
    name = f"deployer-{uuid4().hex[:8]}"
    trust = allow(
        "sts:AssumeRole",
        Principal={"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"},
        Condition={"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
    )
    trust.pop("Resource")
    arn = cloud.iam().create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    rights = document(allow("eks:DescribeCluster", "kms:*", "secretsmanager:*"))
    cloud.iam().put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=rights)
    return arn


@pytest.fixture(scope="module")
def stack(cloud: Cloud, role: str, tmp_path_factory: pytest.TempPathFactory) -> PluginStack:
    folder: Path = tmp_path_factory.mktemp("stack")
    anybody = cloud.user(allow("sts:GetCallerIdentity"))
    deployer = cloud.user(allow("sts:AssumeRole", resource=role))
    profile = folder / "credentials"
    profile.write_text(
        "[deployer]\n"
        f"aws_access_key_id = {deployer.credentials.access_key_id}\n"
        f"aws_secret_access_key = {deployer.credentials.secret_access_key}\n"
    )
    stack = PluginStack(
        folder,
        {
            "AWS_ENDPOINT_URL": cloud.url,
            "AWS_ACCESS_KEY_ID": anybody.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": anybody.credentials.secret_access_key,
            "AWS_SHARED_CREDENTIALS_FILE": str(profile),
            "AWS_CONFIG_FILE": str(folder / "config"),
            "PYTHONPATH": str(REPOSITORY),
        },
    )
    stack.program(PROGRAM.format(cluster=cloud.seeded.cluster_name, secret=NAME))
    return stack


def configure(stack: PluginStack, **settings: object) -> None:
    """Set the provider's settings as a stack's file has them."""
    lines = (f"  aws:{name}: {json.dumps(value)}\n" for name, value in settings.items())
    kept = stack.folder / "Pulumi.test.yaml"
    salt = next(line for line in kept.read_text().splitlines() if line.startswith("encryptionsalt"))
    kept.write_text(f"{salt}\nconfig:\n{''.join(lines)}")


def assumed(role: str, *, external_id: str = EXTERNAL_ID) -> list[dict[str, str]]:
    return [{"roleArn": role, "externalId": external_id, "sessionName": "pulumi"}]


def test_without_settings_the_environment_decides(stack: PluginStack) -> None:
    assert "is not authorized to perform: eks:DescribeCluster" in stack.up(fails=True)


def test_role_is_assumed_as_its_trust_policy_wants(stack: PluginStack, role: str) -> None:
    configure(stack, assumeRoles=assumed(role))
    assert "is not authorized to perform: sts:AssumeRole" in stack.up(fails=True)
    configure(stack, profile="deployer", assumeRoles=assumed(role, external_id="tenant-2"))
    assert "is not authorized to perform: sts:AssumeRole" in stack.up(fails=True)
    configure(stack, profile="deployer", assumeRoles=assumed(role))
    name = role.rpartition("/")[2]
    caller = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{name}/pulumi"
    assert f"AWS account {ACCOUNT_ID}, region {REGION}, as {caller}" in stack.up()
    assert stack.foretold() == {}


def test_key_store_uses_the_same_credentials(
    stack: PluginStack, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    plain = Store(name=NAME, region=REGION, kms_key="own", readers=(role,))
    with pytest.raises(KeyStoreError, match="is not authorized to perform: secretsmanager:DescribeSecret"):
        plain.read(TARGET)
    store = Store(
        name=NAME,
        region=REGION,
        kms_key="own",
        readers=(role,),
        profile="deployer",
        assumed_role=role,
        external_id=EXTERNAL_ID,
        allowed_account_ids=(ACCOUNT_ID,),
    )
    store.write(key_record(), TARGET)
    assert store.read(TARGET) == key_record()


def test_accounts_are_judged_and_change_the_provider_alone(stack: PluginStack, role: str) -> None:
    used = {"profile": "deployer", "assumeRoles": assumed(role)}
    configure(stack, **used, allowedAccountIds=[OTHER_ACCOUNT])
    assert f"AWS account ID not allowed: {ACCOUNT_ID}" in stack.up(fails=True)
    configure(stack, **used, forbiddenAccountIds=[ACCOUNT_ID])
    assert f"AWS account ID not allowed: {ACCOUNT_ID}" in stack.up(fails=True)
    configure(stack, **used, allowedAccountIds=[ACCOUNT_ID], forbiddenAccountIds=[OTHER_ACCOUNT])
    assert stack.foretold() == {"aws": "update"}
    stack.up()


def test_default_tags_are_added_and_removed_in_place(stack: PluginStack, role: str, cloud: Cloud) -> None:
    used = {"profile": "deployer", "assumeRoles": assumed(role)}
    configure(stack, **used, defaultTags={"tags": {"team": "other", "owner": "ada"}})
    assert stack.foretold() == {"aws": "update", "key": "update", "secret": "update"}
    stack.up()
    assert tags_of_key(stack, cloud) == {"team": "one", "owner": "ada"}
    assert stack.foretold() == {}
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {}
    configure(stack, **used)
    stack.up()
    assert tags_of_key(stack, cloud) == {"team": "one"}
    assert stack.foretold() == {}


def tags_of_key(stack: PluginStack, cloud: Cloud) -> dict[str, str]:
    tags = cloud.kms().list_resource_tags(KeyId=stack.state()["key"]["id"])["Tags"]
    return {tag["TagKey"]: tag["TagValue"] for tag in tags}
