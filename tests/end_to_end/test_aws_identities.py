"""Vault's identities in AWS besides a role of the stack's own with IRSA, which all other tests have."""

import json
from typing import Any

from components.aws.policies import document, service_account_trust
from tests.end_to_end.deployment import ONE_POD, Deployment
from tests.end_to_end.running_vault import poll
from tests.end_to_end.scheduled_snapshots import client_of_job_by_agent, objects_of, own_bucket, refusals


def require_unseals_itself(deployment: Deployment) -> None:
    """Delete the pod, and wait until the new one is unsealed; a second update has nothing to do."""
    vault = deployment.vault
    (status,) = vault.seal_statuses()
    assert (status["type"], status["sealed"]) == ("awskms", False)
    vault.delete_pods()
    poll("unsealed by itself", 60, lambda: vault.unsealed() == 1)
    result = deployment.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


def test_pods_get_the_role_from_the_agent(fresh: Deployment) -> None:
    """So do the pods of the snapshots' job, whose bucket has a key of its own."""
    key = fresh.aws("kms").create_key()["KeyMetadata"]["Arn"]
    snapshots = own_bucket(fresh, kmsKey=key)
    fresh.configure({**ONE_POD, "identity": {"kind": "pod-identity"}, "snapshots": snapshots})
    fresh.up()
    s3, bucket, job = fresh.aws("s3"), str(snapshots["bucket"]), fresh.outputs()["snapshot_job"]
    kept = objects_of(s3, bucket)
    assert [s3.head_object(Bucket=bucket, Key=name)["SSEKMSKeyId"] for name in kept] == [key] * 2
    only_writes = client_of_job_by_agent(fresh, job)
    only_writes.put_object(Bucket=bucket, Key="own/another", Body=b"")
    assert set(refusals(only_writes, bucket, kept[0]).values()) == {"AccessDenied"}
    service_account = fresh.cluster.get("serviceaccount", "vault", fresh.in_namespace)
    assert "eks.amazonaws.com/role-arn" not in service_account["metadata"].get("annotations", {})
    require_unseals_itself(fresh)
    eks = fresh.aws("eks")
    associations = eks.list_pod_identity_associations(clusterName="vault-sandbox", namespace=fresh.name)
    assert sorted(each["serviceAccount"] for each in associations["associations"]) == ["vault", job]
    fresh.ensure_nothing()
    associations = eks.list_pod_identity_associations(clusterName="vault-sandbox", namespace=fresh.name)
    assert associations["associations"] == []


def test_pods_have_a_users_key_on_another_cluster(fresh: Deployment) -> None:
    iam = fresh.aws("iam")
    user = iam.create_user(UserName=fresh.name)["User"]["Arn"]
    key = iam.create_access_key(UserName=fresh.name)["AccessKey"]
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "vault-aws-key", "namespace": fresh.name},
        "stringData": {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        },
    }
    fresh.cluster.kubectl("create", "namespace", fresh.name)
    fresh.cluster.kubectl("create", "--filename=-", stdin=json.dumps(secret))
    fresh.configure(
        {
            **ONE_POD,
            "clusterName": None,
            "nodeSecurityGroupId": None,
            "createNamespace": False,
            "identity": {"kind": "static", "userArn": user},
        }
    )
    fresh.up()
    require_unseals_itself(fresh)
    objects = fresh.cluster.kubectl("get", "configmap,statefulset", fresh.in_namespace, "--output=yaml")
    state = fresh.stack.pulumi("stack", "export", quiet=True)
    assert key["SecretAccessKey"] not in objects + state


def role_of(deployment: Deployment) -> Any:
    """Return the role of the deployment's name, as IAM describes it."""
    return deployment.aws("iam").get_role(RoleName=deployment.name)["Role"]


def require_moves_to_its_own_role_and_back(deployment: Deployment, given: str) -> None:
    """Have the stack make a role, and take the given one again: the pod has the one that the settings name.

    The role that the stack made lives until no pod has it any more.
    """
    own = f"{deployment.name}-own"
    for role, arn in (({"name": own}, f":role/{own}"), ({"arn": given}, given)):
        deployment.configure({**ONE_POD, "role": role})
        preview = deployment.stack.run("preview").stdout
        assert "Pods of Vault that will be replaced, so that Vault serves nobody until it is back" in preview
        said = deployment.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
        (pod,) = deployment.vault.pods()
        environment = {each["name"]: each.get("value", "") for each in pod["spec"]["containers"][0]["env"]}
        assert environment["AWS_ROLE_ARN"].endswith(arn)
        assert deployment.vault.unsealed() == 1
    assert said.index("Every pod of Vault runs with the settings of the release") < said.index("deleted")
    roles = [role["RoleName"] for role in deployment.aws("iam").list_roles()["Roles"]]
    assert own not in roles


def test_pods_assume_a_role_that_exists(fresh: Deployment) -> None:
    """Its trust names other pods; with the statement that the preview prints it lets Vault's in."""
    iam = fresh.aws("iam")
    (provider,) = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    cluster = fresh.aws("eks").describe_cluster(name="vault-sandbox")["cluster"]
    others = service_account_trust(
        oidc_provider_arn=provider["Arn"],
        issuer=cluster["identity"]["oidc"]["issuer"],
        namespace=fresh.name,
        service_account="default",
    )
    arn = iam.create_role(RoleName=fresh.name, AssumeRolePolicyDocument=document(others))["Role"]["Arn"]
    fresh.configure({**ONE_POD, "role": {"arn": arn}})
    refused = fresh.stack.run("preview")
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0, said
    subjects = [f"system:serviceaccount:{fresh.name}:{name}" for name in ("default", "vault")]
    assert "the subject has to be StringEquals {}, and it is {}".format(*subjects) in said
    assert not fresh.has_key()
    printed = said[said.index("Add this statement to it") :]
    statement, _ = json.JSONDecoder().raw_decode(printed, printed.index("{"))
    trust = document({**others, "Sid": "Others"}, statement)
    iam.update_assume_role_policy(RoleName=fresh.name, PolicyDocument=trust)

    fresh.up()
    service_account = fresh.cluster.get("serviceaccount", "vault", fresh.in_namespace)
    assert service_account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == arn
    require_unseals_itself(fresh)
    used = role_of(fresh)
    require_moves_to_its_own_role_and_back(fresh, arn)
    fresh.ensure_nothing()
    assert not fresh.has_key()
    assert role_of(fresh) == used
    assert used["AssumeRolePolicyDocument"] == json.loads(trust)
    assert iam.list_role_policies(RoleName=fresh.name)["PolicyNames"] == []
    assert iam.list_attached_role_policies(RoleName=fresh.name)["AttachedPolicies"] == []
