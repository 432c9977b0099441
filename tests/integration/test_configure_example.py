"""The example of a first configuration, with a real Vault and a real engine, in the order of its README."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import hvac
import pytest
from hvac.exceptions import Forbidden, InvalidRequest

from components.vault.client import VaultClient
from sandbox.layout import REPOSITORY
from tests.built_tools import VAULT, built_vault
from tests.integration.control_plane import ControlPlane, run_control_plane
from tests.integration.identity_provider import REDIRECT, IdentityProvider, identity_provider
from tests.integration.plugin_stack import PluginStack
from tests.integration.vault_servers import vault_servers, wait_until

EXAMPLE = REPOSITORY / "examples" / "configure"
CLIENT_SECRET = "secret-of-the-client-4711"
WORKLOADS = {"shop": {"namespace": "shop", "serviceAccount": "shop"}}


class RunningVault:
    """A Vault of one server, initialised."""

    def __init__(self, address: str) -> None:
        client = VaultClient(address)
        answer = client.initialize(shares=1, threshold=1, recovery=False)
        client.submit_key_share(answer.key_shares[0])
        self.address, self.root_token = address, answer.root_token

    def client(self, token: str) -> Any:
        return hvac.Client(url=self.address, token=token)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningVault]:
    folder = tmp_path_factory.mktemp("vault")
    with vault_servers(built_vault(VAULT), folder, replicas=1, seal=None) as servers:
        running = RunningVault(servers[0].address)
        wait_until("vault-0 is active", 30, servers[0].is_active)
        yield running


@pytest.fixture(scope="module")
def people() -> Iterator[IdentityProvider]:
    with identity_provider("vault", CLIENT_SECRET) as provider:
        yield provider


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster with the service accounts of two workloads, which may ask it whose a token is."""
    with run_control_plane(tmp_path_factory.mktemp("cluster")) as plane:
        for name in ("shop", "billing"):
            plane.kubectl("create", "namespace", name)
            plane.kubectl("create", "serviceaccount", name, f"--namespace={name}")
            plane.kubectl(
                *("create", "clusterrolebinding", f"{name}-reviews", "--clusterrole=system:auth-delegator"),
                f"--serviceaccount={name}:{name}",
            )
        yield plane


@pytest.fixture(scope="module")
def stack(
    vault: RunningVault,
    people: IdentityProvider,
    cluster: ControlPlane,
    tmp_path_factory: pytest.TempPathFactory,
) -> PluginStack:
    """The example's stack, beside one that has deployed Vault."""
    made = PluginStack(tmp_path_factory.mktemp("configure"), providers=["vault"])
    made.variables |= {"VAULT_ADDR": vault.address, "VAULT_TOKEN": vault.root_token}
    made.program("import pulumi\npulumi.export('deployment', '5f/vault/vault')\n")
    made.up()
    made.pulumi("stack", "init", "configuration")
    for name in ("__main__.py", "administrator.hcl"):
        shutil.copy(EXAMPLE / name, made.folder)
    administrators = {
        "issuer": people.issuer,
        "clientId": people.client_id,
        "group": "vault-administrators",
        "redirectUris": [REDIRECT],
    }
    settings = {
        "vaultStack": "organization/plugins/test",
        "administrators": json.dumps(administrators),
        "workloads": json.dumps(WORKLOADS),
        "cluster": json.dumps(
            {"host": cluster.server, "certificates": cluster.authority.certificate.read_text()}
        ),
    }
    plain = [part for key, value in settings.items() for part in ("--plaintext", f"{key}={value}")]
    made.pulumi("config", "set-all", *plain, "--secret", f"oidcClientSecret={CLIENT_SECRET}")
    return made


def logged_in(vault: RunningVault, cluster: ControlPlane, account: str, *, role: str) -> str:
    """What a pod of the service account gets from Vault, by its token."""
    token = cluster.kubectl("create", "token", account, f"--namespace={account}").strip()
    answer = vault.client("").write_data("auth/kubernetes/login", data={"role": role, "jwt": token})
    return str(answer["auth"]["client_token"])


def test_first_configuration_and_the_end_of_the_root_token(
    stack: PluginStack, vault: RunningVault, people: IdentityProvider, cluster: ControlPlane
) -> None:
    stack.up()
    # Neither in a second run nor in what Vault says of it is anything another than wanted.
    stack.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
    exported = stack.pulumi("stack", "export")
    assert not [hidden for hidden in (vault.root_token, vault.address, CLIENT_SECRET) if hidden in exported]

    with pytest.raises((Forbidden, InvalidRequest)):
        people.log_in(vault.address, user="eve", groups=["developers"])
    token = people.log_in(vault.address, user="ada", groups=["developers", "vault-administrators"])

    vault.client(vault.root_token).auth.token.revoke_self()
    administrator = vault.client(token)
    stack.variables["VAULT_TOKEN"] = token
    more = {**WORKLOADS, "billing": {"namespace": "billing", "serviceAccount": "billing"}}
    stack.pulumi("config", "set", "workloads", json.dumps(more))
    stack.up()

    for name in more:
        administrator.write_data(f"secret/data/{name}/database", data={"data": {"password": name}})
    shop = vault.client(logged_in(vault, cluster, "shop", role="shop"))
    with pytest.raises((Forbidden, InvalidRequest)):
        logged_in(vault, cluster, "billing", role="shop")
    assert shop.read("secret/data/shop/database")["data"]["data"] == {"password": "shop"}
    with pytest.raises(Forbidden):
        shop.read("secret/data/billing/database")
    with pytest.raises(Forbidden):
        shop.write_data("secret/data/shop/database", data={"data": {}})
    role = administrator.read("auth/kubernetes/role/shop")["data"]
    assert role["bound_service_account_namespaces"] == ["shop"]
    assert (role["token_policies"], role["token_ttl"], role["token_max_ttl"]) == (["shop"], 3600, 3600)
    with pytest.raises(Forbidden):
        administrator.delete("sys/audit/file")
