"""Where the keys go, and what becomes of them afterwards: every store, new shares, revocation, adoption."""

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pysequoia

from tests.end_to_end.deployment import ONE_POD, Deployment

KEY_OUTPUTS = ("root_token", "recovery_shares", "key_shares")
SECRET_NAME = "vault/sandbox/init"


def generated_root_token(deployment: Deployment, *, stdin: str = "") -> str:
    """What the documented command prints."""
    result = subprocess.run(
        [sys.executable, "-m", "components", "generate-root"],
        cwd=deployment.stack.program,
        env={**deployment.stack.environment(), "PULUMI_STACK": deployment.stack.name},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def token_works(deployment: Deployment, token: str) -> bool:
    return deployment.vault.read("auth/token/lookup-self", token) is not None


def assert_unlocks(deployment: Deployment) -> None:
    """The stored shares make a root token of this Vault."""
    assert token_works(deployment, generated_root_token(deployment))


def assert_unchanged(deployment: Deployment) -> None:
    result = deployment.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


def forget_the_init(deployment: Deployment) -> None:
    """Takes the init and all that depends on it out of the state, as a restored older copy would."""
    state = json.loads(deployment.stack.pulumi("stack", "export", quiet=True))
    resources = state["deployment"]["resources"]
    kinds = ("OperatorInit", "RaftQuorum", "RootTokenRevocation", "JournalKey")
    state["deployment"]["resources"] = [
        resource for resource in resources if not resource["type"].endswith(kinds)
    ]
    subprocess.run(
        deployment.stack.command(("stack", "import", "--force")),
        cwd=deployment.stack.program,
        env=deployment.stack.environment(),
        input=json.dumps(state),
        text=True,
        capture_output=True,
        check=True,
    )


def deploy(deployment: Deployment, settings: Mapping[str, object]) -> Mapping[str, Any]:
    """Deploys, and returns the outputs; the keys may not be among them."""
    deployment.configure({**ONE_POD, **settings})
    deployment.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    outputs = deployment.outputs()
    assert not any(outputs[name] for name in KEY_OUTPUTS)
    assert outputs["keys_fingerprint"].startswith("sha256:")
    return outputs


def test_kubernetes_secret(fresh: Deployment) -> None:
    fresh.cluster.kubectl("create", "namespace", "vault-custody")
    custody = {"custody": {"store": "kubernetes-secret", "namespace": "vault-custody"}}
    try:
        outputs = deploy(fresh, custody)
        assert "vault-custody" in outputs["keys_location"]
        secret = fresh.cluster.get("secret", outputs["custody"]["options"]["name"], "-n", "vault-custody")
        record = json.loads(base64.b64decode(secret["data"]["record.json"]))
        assert token_works(fresh, record["root_token"])
        assert record["cluster_id"] == outputs["cluster_id"]
        assert_unlocks(fresh)
        assert_unchanged(fresh)
        # The journal is done with.
        secrets = fresh.cluster.get("secrets", fresh.in_namespace)["items"]
        names = [found["metadata"]["name"] for found in secrets]
        assert f"{fresh.name}-operator-init" not in names

        forget_the_init(fresh)
        result = fresh.stack.run("up", "--yes", "--skip-preview")
        assert result.returncode == 0, result.stdout
        assert "Keys of this Vault were found" in result.stdout
        assert fresh.outputs()["keys_fingerprint"] == outputs["keys_fingerprint"]
    finally:
        fresh.cluster.kubectl("delete", "namespace", "vault-custody", "--wait=false")


def test_aws_secrets_manager_and_the_end_of_the_root_token(fresh: Deployment) -> None:
    deployer = fresh.aws("sts").get_caller_identity()["Arn"]
    custody = {
        "store": "aws-secrets-manager",
        "name": SECRET_NAME,
        "region": "ap-northeast-2",
        "readers": [deployer],
    }
    outputs = deploy(fresh, {"custody": custody})
    secrets = fresh.aws("secretsmanager")
    record = json.loads(secrets.get_secret_value(SecretId=outputs["secret_arn"])["SecretString"])
    assert token_works(fresh, record["root_token"])
    assert_unlocks(fresh)

    fresh.configure({**ONE_POD, "custody": custody, "init": {"rootToken": "revoke"}})
    preview = fresh.stack.run("preview")
    assert "root-token-revocation" in preview.stdout
    assert token_works(fresh, record["root_token"])
    fresh.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    after = json.loads(secrets.get_secret_value(SecretId=outputs["secret_arn"])["SecretString"])
    assert after["root_token"] == ""
    assert after["recovery_shares"] == record["recovery_shares"]
    assert not token_works(fresh, record["root_token"])
    assert_unlocks(fresh)
    assert_unchanged(fresh)

    # An update that verifies again has no token to ask for voters with.
    changed = {
        **ONE_POD,
        "custody": custody,
        "init": {"rootToken": "revoke"},
        "raft": {"performanceMultiplier": 2},
    }
    fresh.configure(changed)
    result = fresh.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode == 0, result.stdout
    assert "the voters weren't verified" in result.stdout


def test_new_shares(fresh: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    custody = {"custody": {"store": "file", "path": str(path)}}
    before = deploy(fresh, custody)
    old = json.loads(path.read_text())

    fresh.configure({**ONE_POD, **custody, "init": {"shares": 3, "threshold": 2}})
    preview = fresh.stack.run("preview", "--diff")
    assert "shares" in preview.stdout
    assert "threshold" in preview.stdout
    fresh.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    new = json.loads(path.read_text())
    assert (len(new["recovery_shares"]), new["threshold"]) == (3, 2)
    assert not set(new["recovery_shares"]) & set(old["recovery_shares"])
    assert fresh.outputs()["keys_fingerprint"] != before["keys_fingerprint"]
    assert_unlocks(fresh)
    assert_unchanged(fresh)


def test_shares_and_root_token_that_only_their_holders_can_read(fresh: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    names = ("ada", "grace", "root")
    holders = [pgp_key(name) for name in names]
    files = [str(tmp_path / f"{name}.asc") for name in names]
    for file, secret in zip(files, holders, strict=True):
        Path(file).write_text(str(secret.extract_certificate()))
    deploy(
        fresh,
        {
            "custody": {"store": "file", "path": str(path)},
            "init": {"shares": 2, "threshold": 2, "pgpKeys": files[:2], "rootTokenPgpKey": files[2]},
        },
    )
    record = json.loads(path.read_text())
    assert token_works(fresh, decrypted(record["root_token"], holders[2]))
    shares = [
        decrypted(message, secret)
        for message, secret in zip(record["recovery_shares"], holders, strict=False)
    ]
    assert token_works(fresh, generated_root_token(fresh, stdin="\n".join(shares)))
    assert_unchanged(fresh)


def test_adoption_with_keys(fresh: Deployment, tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    deploy(fresh, {"custody": {"store": "file", "path": str(first)}})
    record = json.loads(first.read_text())
    forget_the_init(fresh)
    given = tmp_path / "init.json"
    given.write_text(
        json.dumps(
            {
                "root_token": record["root_token"],
                "recovery_keys_b64": record["recovery_shares"],
                "recovery_keys_threshold": record["threshold"],
            }
        )
    )
    adopt = {"init": {"adopt": True, "adoptedKeysFile": str(given)}}
    outputs = deploy(fresh, {"custody": {"store": "file", "path": str(second)}, **adopt})
    assert outputs["keys_location"] == f"file {second}"
    assert json.loads(second.read_text())["recovery_shares"] == record["recovery_shares"]
    assert_unlocks(fresh)


def pgp_key(name: str) -> pysequoia.Tsk:
    return pysequoia.Tsk.generate(user_id=f"{name} <{name}@example.com>", profile=pysequoia.Profile.RFC4880)


def decrypted(message: str, secret: pysequoia.Tsk) -> str:
    content = pysequoia.decrypt(base64.b64decode(message), decryptor=secret.decryptor()).bytes
    assert content is not None
    return content.decode()
