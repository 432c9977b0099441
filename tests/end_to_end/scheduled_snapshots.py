"""What a deployment with snapshots on a schedule keeps, and what its job's identity may do."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.end_to_end.deployment import Deployment

SCHEDULE = "0 0 1 1 *"
"""None of its times comes while a test runs."""

AGENT, AGENT_AUDIENCE = "http://169.254.170.23/v1/credentials", "pods.eks.amazonaws.com"


def own_bucket(deployment: Deployment, **more: str) -> Mapping[str, object]:
    """Settings of snapshots into a bucket that the stack creates, with names that only it has."""
    name = f"{deployment.name}-snapshots"
    return {
        "schedule": SCHEDULE,
        "bucket": name,
        "createBucket": True,
        "prefix": "own/",
        "roleName": name,
        **more,
    }


def objects_of(client: Any, bucket: str) -> Sequence[str]:
    """The names of all objects in a bucket of S3."""
    return [str(found["Key"]) for found in client.list_objects_v2(Bucket=bucket).get("Contents", ())]


def fetched(client: Any, bucket: str, folder: Path) -> Path:
    """The newest snapshot of a bucket of S3, fetched with its record."""
    snapshot = max(name for name in objects_of(client, bucket) if name.endswith(".snap"))
    path = folder / snapshot.rpartition("/")[2]
    for suffix in ("", ".json"):
        client.download_file(bucket, f"{snapshot}{suffix}", f"{path}{suffix}")
    return path


def fetched_from_volume(deployment: Deployment, folder: Path, version: str) -> Path:
    """The newest snapshot of that version of Vault on the volume, fetched as the documents say."""
    page = (deployment.stack.program / "docs" / "snapshots.md").read_text(encoding="utf-8")
    (pod,) = re.findall(r"```yaml\n(apiVersion: v1\nkind: Pod\n.*?)```", page, re.DOTALL)
    namespace = deployment.in_namespace
    deployment.cluster.kubectl("apply", "--filename=-", namespace, stdin=pod)
    deployment.cluster.kubectl("wait", "--for=condition=Ready", "pod/fetch", namespace, "--timeout=60s")
    deployment.cluster.kubectl("cp", "fetch:/volume", str(folder), namespace)
    deployment.cluster.kubectl("delete", "pod", "fetch", namespace, "--grace-period=0", "--force")
    records = {path: json.loads(path.read_text()) for path in folder.glob("*.snap.json")}
    newest = max(path for path, record in records.items() if record["vault_version"] == version)
    return newest.with_suffix("")


def client_of_job(deployment: Deployment, account: str, role_arn: str) -> Any:
    """A client of S3 with what the job's pods get from AWS for a token of their service account."""
    token = deployment.cluster.kubectl(
        "create", "token", account, deployment.in_namespace, "--audience=sts.amazonaws.com"
    )
    answer = deployment.aws("sts").assume_role_with_web_identity(
        RoleArn=role_arn, RoleSessionName="job", WebIdentityToken=token.strip()
    )["Credentials"]
    return _client(deployment, answer, answer["SessionToken"])


def client_of_job_by_agent(deployment: Deployment, account: str) -> Any:
    """As :func:`client_of_job`, with what EKS Pod Identity's agent gives for a token of one of its pods."""
    listed = deployment.cluster.get("pods", deployment.in_namespace, "--selector=job-name")["items"]
    pod = listed[0]["metadata"]["name"]
    bound = ("--bound-object-kind=Pod", f"--bound-object-name={pod}", f"--audience={AGENT_AUDIENCE}")
    token = deployment.cluster.kubectl("create", "token", account, deployment.in_namespace, *bound)
    # It is at an address of the node, which pods alone reach.
    fetch = f'read -r token && wget -q -O - --header "Authorization: $token" {AGENT}'
    inside = ("exec", "--stdin", f"{deployment.name}-0", deployment.in_namespace, "--container=vault")
    said = deployment.cluster.kubectl(*inside, "--", "/bin/sh", "-c", fetch, stdin=f"{token.strip()}\n")
    answer = json.loads(said)
    return _client(deployment, answer, answer["Token"])


def _client(deployment: Deployment, key: Mapping[str, str], session_token: str) -> Any:
    environment = deployment.stack.cloud_environment
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=session_token,
    )


def refusals(client: Any, bucket: str, key: str) -> Mapping[str, str]:
    """What S3 says to an identity that reads, lists, deletes, and writes elsewhere."""
    calls: Mapping[str, Callable[[], object]] = {
        "read": lambda: client.get_object(Bucket=bucket, Key=key),
        "list": lambda: client.list_objects_v2(Bucket=bucket),
        "delete": lambda: client.delete_object(Bucket=bucket, Key=key),
        "write elsewhere": lambda: client.put_object(Bucket=bucket, Key="elsewhere", Body=b""),
    }
    found = {}
    for name, call in calls.items():
        try:
            call()
        except ClientError as error:
            found[name] = str(error.response["Error"]["Code"])
        else:
            found[name] = "allowed"
    return found


def take_now(deployment: Deployment, cron_job: str) -> None:
    """Let the job take a snapshot at once, and wait until it is kept."""
    cluster, there = deployment.cluster, deployment.in_namespace
    cluster.kubectl("create", "job", "now", f"--from=cronjob/{cron_job}", there)
    cluster.kubectl("wait", "job/now", there, "--for=condition=complete", "--timeout=60s")


def make_stale(deployment: Deployment, cron_job: str) -> None:
    """Let the last success be of years ago, and no job be left that says otherwise."""
    cluster, there = deployment.cluster, deployment.in_namespace
    cluster.kubectl("patch", "cronjob", cron_job, there, "--patch", '{"spec": {"suspend": true}}')
    cluster.kubectl("delete", "jobs", "--all", there, "--cascade=foreground")
    status = json.dumps({"status": {"lastSuccessfulTime": "2020-01-01T00:00:00Z"}})
    cluster.kubectl(
        "patch", "cronjob", cron_job, there, "--subresource=status", "--type=merge", "--patch", status
    )
