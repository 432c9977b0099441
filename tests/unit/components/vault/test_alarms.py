"""Which alarms there are. Whether they sound is tested on recordings of real servers, with Prometheus."""

from typing import Any

import pytest

from components.vault.alarms import alarm_rules, alarms
from tests.unit.fakes.stack_settings import EKS, SHAMIR, parse

ON = {"metrics": {"enabled": True}}
ALWAYS = {
    "VaultSealed",
    "VaultAbsent",
    "VaultAuditFailing",
    "VaultAuditDeviceFailing",
    "VaultDataVolumeFull",
    "VaultAuditVolumeFull",
    "VaultPodOutdated",
    "VaultSnapshotOld",
}
HTTP = {"source": "none"}
SEVERAL = {"VaultPodAbsent", "VaultNoLeader", "VaultTwoLeaders"}
VOTERS = {"VaultFailureToleranceLost", "VaultVoterUnhealthy"}


def names(configuration: dict[str, Any]) -> set[str]:
    found = [alarm.name for alarm in alarms(parse({"tls": HTTP, **configuration, **ON}), "vault")]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({**EKS}, ALWAYS | SEVERAL | VOTERS | {"VaultSealKeyUnreachable"}),
        ({**SHAMIR}, ALWAYS | SEVERAL | VOTERS),
        ({**SHAMIR, "replicas": 1}, ALWAYS),
        ({**SHAMIR, "mode": "standalone"}, ALWAYS),
        ({**SHAMIR, "replicas": 1, "auditStorage": {"enabled": False}}, ALWAYS - {"VaultAuditVolumeFull"}),
        ({**SHAMIR, "replicas": 1, "tls": {"source": "own"}}, ALWAYS | {"VaultCertificateExpires"}),
    ],
)
def test_alarms_fit_the_settings(configuration: dict[str, Any], expected: set[str]) -> None:
    assert names(configuration) == expected


def test_rules_are_of_one_release() -> None:
    settings = parse({**EKS, **ON, "tls": HTTP, "namespace": "secrets", "releaseName": "main", "replicas": 5})
    (group,) = alarm_rules(settings, "main-vault")["groups"]
    assert group["name"] == "main-vault.secrets"
    for rule in group["rules"]:
        assert rule["labels"]["namespace"] == "secrets"
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["runbook"] == f"docs/alarms.md#{rule['alert'].lower()}"
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["for"]
        assert 'namespace="secrets"' in rule["expr"]
        assert "main-vault" in rule["expr"]
    absent = next(rule for rule in group["rules"] if rule["alert"] == "VaultPodAbsent")
    assert absent["expr"].endswith("< 5")


@pytest.mark.parametrize(
    ("tls", "not_after", "expected"),
    [
        ({"source": "own", "lifetimeDays": 60}, 1_900_000_000, "vector(1900000000) - time() < 864000"),
        (
            {"source": "cert-manager", "issuer": {"name": "internal"}, "lifetimeDays": 60},
            None,
            'max by (name) (certmanager_certificate_expiration_timestamp_seconds{name="vault-server-tls",'
            'exported_namespace="vault"} or certmanager_certificate_expiration_timestamp_seconds{'
            'name="vault-server-tls",exported_namespace="",namespace="vault"}) - time() < 864000',
        ),
        (
            {"source": "secret", "secret": "given"},
            None,
            "(min by (instance) (probe_ssl_earliest_cert_expiry{instance=~"
            '"(https://)?vault(-active)?[.]vault[.]svc(:.*|/.*)?"}) or '
            "min by (instance) (last_over_time(probe_ssl_earliest_cert_expiry{instance=~"
            '"(https://)?vault(-active)?[.]vault[.]svc(:.*|/.*)?"}[14d]))) - time() < 1209600',
        ),
    ],
)
def test_certificate_is_watched_by_what_knows_of_its_renewal(
    tls: dict[str, Any], not_after: int | None, expected: str
) -> None:
    found = alarms(parse({**SHAMIR, **ON, "tls": tls}), "vault", not_after)
    assert found[-1].name == "VaultCertificateExpires"
    assert found[-1].expression == expected
