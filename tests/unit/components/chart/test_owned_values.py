import pytest

from components.chart.owned_values import OWNED, owned_problems
from tests.official_chart import VERSIONS, leaves, official_yaml


@pytest.mark.parametrize(
    ("values", "paths"),
    [
        ({}, []),
        ({"csi": {"enabled": True}, "server": {"tolerations": []}}, []),
        ({"server": {"image": {"pullPolicy": "Always"}}}, []),
        ({"server": {"dataStorage": {"accessMode": "ReadWriteMany"}}}, []),
        ({"server": {"image": {"tag": "2.0"}}}, ["server.image.tag"]),
        ({"server": {"ha": {"raft": {"config": "ui = true"}}}}, ["server.ha.raft"]),
        ({"server": {"standalone": {"enabled": True}}}, ["server.standalone"]),
        ({"nameOverride": None}, ["nameOverride"]),
        ({"injector": {"port": None}}, ["injector.port"]),
        ({"server": {"image": None}}, ["server.image.repository", "server.image.tag"]),
        (
            {"injector": {"webhook": {"failurePolicy": "Fail", "timeoutSeconds": 5}}},
            ["injector.webhook.failurePolicy"],
        ),
        ({"server": {"ha": "no"}}, [path for path in OWNED if path.startswith("server.ha.")]),
        ({"server": None}, [path for path in OWNED if path.startswith("server.")]),
        (
            {"global": {"tlsDisable": False}, "ui": {"enabled": True}},
            ["global.tlsDisable", "ui.enabled"],
        ),
    ],
)
def test_values_of_the_program_are_refused_however_they_are_replaced(
    values: object, paths: list[str]
) -> None:
    assert isinstance(values, dict)
    assert owned_problems(values) == [f"{path} can't be set here: {OWNED[path]}" for path in paths]


SEAL = "Vault would prefer it to the seal that the stack provides; use seal and its settings"


@pytest.mark.parametrize(
    ("server", "problems"),
    [
        ({"extraArgs": "-log-level=debug -no-config"}, []),
        ({"extraArgs": None, "extraSecretEnvironmentVars": None}, []),
        ({"extraSecretEnvironmentVars": [{"envName": "DATABASE_PASSWORD"}, {}, "text"]}, []),
        (
            {"extraArgs": "-log-level=debug -config=/vault/userconfig/hcl"},
            ["server.extraArgs can't have -config: the configuration is the program's; use extraConfig"],
        ),
        (
            {"extraArgs": "--dev-tls"},
            ["server.extraArgs can't have --dev-tls: the configuration is the program's; use extraConfig"],
        ),
        (
            {"extraSecretEnvironmentVars": [{"envName": "VAULT_AWSKMS_SEAL_KEY_ID", "secretKey": "hush"}]},
            [f"server.extraSecretEnvironmentVars can't have VAULT_AWSKMS_SEAL_KEY_ID: {SEAL}"],
        ),
    ],
)
def test_another_configuration_of_vault_is_refused(server: dict[str, object], problems: list[str]) -> None:
    assert owned_problems({"server": server}) == problems


@pytest.mark.parametrize("version", VERSIONS)
def test_every_owned_value_is_one_of_the_official_chart(version: str) -> None:
    defaults = official_yaml(version, "values.yaml")
    # Names of objects are no leaves, and nameOverride is in the chart's templates only.
    known = [*leaves(defaults), "nameOverride", "fullnameOverride"]
    missing = {path for path in OWNED if not any(f"{leaf}.".startswith(f"{path}.") for leaf in known)}
    # Chart 0.34 is the first that has a route.
    route = {path for path in OWNED if path.startswith("server.httproute.")}
    assert missing == (set() if version == "0.34.1" else route)
