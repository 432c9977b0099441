"""The program on Google Cloud, run by accounts that have just the permissions that the command prints."""

import base64
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import requests
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from sandbox.google.project import DEPLOYER
from sandbox.layout import REPOSITORY
from sandbox.stack import SandboxStack
from tests.end_to_end.deployment import ONE_POD
from tests.end_to_end.google.conftest import IAM, PROJECT, GoogleDeployment
from tests.end_to_end.scheduled_snapshots import SCHEDULE

PROJECT_POLICY = f"cloudresourcemanager.googleapis.com/v1/{PROJECT}"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
CUSTODY = {
    "store": "gcp-secret-manager",
    "secret": f"{PROJECT}/secrets/of-few-rights",
    "readers": [f"serviceAccount:{DEPLOYER}"],
}
SNAPSHOTS = {
    "schedule": SCHEDULE,
    "bucket": "vault-snapshots-of-few-rights",
    "createBucket": True,
    "prefix": "few/",
}
SETTINGS = {**ONE_POD, "injector": {"enabled": True}, "custody": CUSTODY, "snapshots": SNAPSHOTS}


def printed(google: GoogleDeployment, document: str) -> dict[str, object]:
    """The role that the command prints for the sandbox's stack."""
    stack = google.stack
    result = subprocess.run(
        [sys.executable, "-m", "components", "google-role", document, "--json"],
        cwd=stack.layout.stack_configuration,
        env={**stack.environment(), "PYTHONPATH": str(REPOSITORY), "PULUMI_STACK": stack.name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    role: dict[str, object] = json.loads(result.stdout)
    return role


def held_by_somebody(google: GoogleDeployment, document: str, folder: Path) -> SandboxStack:
    """The stack as it is run by a new service account with that role in the project and nothing else."""
    role = google.google(
        "POST", f"{IAM}/{PROJECT}/roles", {"roleId": f"few_{document}", "role": printed(google, document)}
    )
    account = google.google("POST", f"{IAM}/{PROJECT}/serviceAccounts", {"accountId": f"bearer-{document}"})
    policy = google.google("POST", f"{PROJECT_POLICY}:getIamPolicy", {})
    policy["bindings"].append({"role": role["name"], "members": [f"serviceAccount:{account['email']}"]})
    google.google("POST", f"{PROJECT_POLICY}:setIamPolicy", {"policy": policy})
    made = google.google("POST", f"{IAM}/{account['name']}/keys", {})
    credentials_file = folder / f"{document}.json"
    credentials_file.write_bytes(base64.b64decode(made["privateKeyData"]))
    credentials_file.chmod(0o600)
    environment = google.stack.cloud_environment
    credentials = service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]
        str(credentials_file), scopes=[SCOPE]
    )
    with requests.Session() as session:
        # The machine may have an authority of its own for its proxy.
        session.trust_env = False
        session.proxies = {"https": environment["HTTPS_PROXY"]}
        session.verify = environment["SSL_CERT_FILE"]
        credentials.refresh(Request(session))
    return replace(
        google.stack,
        cloud_environment={
            **environment,
            "GOOGLE_OAUTH_ACCESS_TOKEN": credentials.token,
            "GOOGLE_APPLICATION_CREDENTIALS": str(credentials_file),
        },
    )


def test_each_command_needs_no_more_than_its_permissions(empty: GoogleDeployment, tmp_path: Path) -> None:
    # For the accounts and roles of this test itself.
    empty.enable("iam.googleapis.com")
    empty.configure(SETTINGS)
    previewer = held_by_somebody(empty, "preview", tmp_path)
    previewer.pulumi("preview", quiet=True)

    deployer = held_by_somebody(empty, "up", tmp_path)
    deployer.pulumi("up", "--yes", "--skip-preview", quiet=True)
    assert empty.vault.unsealed() == 1
    previewer.pulumi("preview", "--refresh", "--expect-no-changes", quiet=True)

    # Of the key, the bucket, and every other resource that has labels.
    changed = {"tags": {"team": "few"}, "snapshots": {**SNAPSHOTS, "keep": {"days": 7}}}
    empty.configure({**SETTINGS, **changed})
    deployer.pulumi("up", "--yes", "--skip-preview", quiet=True)
    bucket = empty.google("GET", f"storage.googleapis.com/storage/v1/b/{SNAPSHOTS['bucket']}")
    assert bucket["labels"] == {"team": "few"}
    assert bucket["lifecycle"]["rule"][0]["condition"]["age"] == 7
    previewer.pulumi("preview", "--expect-no-changes", quiet=True)

    destroyer = held_by_somebody(empty, "destroy", tmp_path)
    destroyer.pulumi("destroy", "--yes", "--skip-preview", quiet=True)
    assert not empty.has_namespace()
