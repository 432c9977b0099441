"""The settings of the seal and of the one that Vault leaves."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.config.reader import ConfigReader
from components.seals import awskms, gcpckms, shamir, transit
from components.seals.seal import Seal
from components.settings.cloud import ClusterSettings
from components.settings.seal import read_migrate_from, read_seal, read_seal_type, report_other_seals_sections

EKS = ClusterSettings("example", None, "eu-central-1")
GKE = ClusterSettings("prod", "acme-prod", "europe-west3")
TRANSIT: Mapping[str, Any] = {"address": "https://vault.example.com:8200", "key": "autounseal"}
LEAVING = shamir.Seal()


def reader(values: Mapping[str, Any]) -> tuple[ConfigReader, list[str]]:
    problems: list[str] = []
    return ConfigReader(values, problems, path="vault-autounseal"), problems


@pytest.mark.parametrize(
    ("values", "taken"),
    [
        ({}, "awskms"),
        ({"project": "p"}, "gcpckms"),
        ({"project": "p", "seal": "shamir"}, "shamir"),
    ],
)
def test_seal_is_that_of_the_cloud_unless_it_is_set(values: Mapping[str, Any], taken: str) -> None:
    asked, problems = reader(values)
    assert (read_seal_type(asked), problems) == (taken, [])


def test_seal_of_aws_needs_a_cluster_for_its_default_name() -> None:
    asked, problems = reader({})
    seal = read_seal(asked, "awskms", EKS)
    assert isinstance(seal, awskms.Seal)
    assert seal.role is not None
    assert (seal.role.name, problems) == ("vault-auto-unseal-example", [])
    asked, problems = reader({})
    read_seal(asked, "awskms", None)
    assert [problem.split(":")[1].split(" ")[0] for problem in problems] == ["clusterName"]


def test_seal_of_no_cloud_needs_no_cluster() -> None:
    asked, problems = reader({"transit": TRANSIT})
    assert isinstance(read_seal(asked, "transit", None), transit.Seal)
    assert problems == []


def leaving(
    section: object, seal: Seal = LEAVING, cluster: ClusterSettings | None = None, project: str | None = None
) -> tuple[Seal | None, list[str]]:
    asked, problems = reader({} if section is None else {"migrateFrom": section})
    return read_migrate_from(asked, seal, cluster, project), problems


def test_no_migration() -> None:
    assert leaving(None) == (None, [])


def test_seal_that_vault_leaves() -> None:
    found, problems = leaving({"seal": "transit", "transit": TRANSIT})
    assert isinstance(found, transit.Seal)
    assert problems == []


@pytest.mark.parametrize("section", [{"seal": "shamir"}, {"seal": "other"}, {}])
def test_seal_that_vault_leaves_is_another(section: Mapping[str, Any]) -> None:
    found, problems = leaving(section)
    assert found is None
    assert len(problems) == 1
    assert "name the seal that Vault leaves: " in problems[0]
    assert "shamir" not in problems[0].partition("leaves: ")[2]


@pytest.mark.parametrize(
    ("seal", "cluster", "project"),
    [("awskms", None, None), ("awskms", GKE, "acme-prod"), ("gcpckms", EKS, None), ("gcpckms", None, None)],
)
def test_seal_of_another_cloud_cannot_be_left(
    seal: str, cluster: ClusterSettings | None, project: str | None
) -> None:
    found, problems = leaving({"seal": seal}, cluster=cluster, project=project)
    assert found is None
    assert "it belongs to another cloud than this stack" in problems[0]


def test_seal_of_the_own_cloud_can_be_left() -> None:
    found, problems = leaving({"seal": "awskms"}, cluster=EKS)
    assert isinstance(found, awskms.Seal)
    assert found.role is not None
    assert (found.role.name, problems) == ("vault-auto-unseal-example", [])
    found, _ = leaving({"seal": "gcpckms"}, cluster=GKE, project="acme-prod")
    assert isinstance(found, gcpckms.Seal)
    found, _ = leaving({"seal": "gcpckms"}, project="acme-prod")
    assert isinstance(found, gcpckms.Seal)


def test_misspelt_key_of_the_seal_that_vault_leaves() -> None:
    _, problems = leaving({"seal": "transit", "transit": TRANSIT, "trnsit": {}})
    assert ["trnsit" in problem and "there is no such setting" in problem for problem in problems] == [True]


def test_section_of_another_seal_is_reported() -> None:
    asked, problems = reader({"transit": TRANSIT, "replicas": 3})
    report_other_seals_sections(asked, LEAVING)
    assert len(problems) == 1
    assert problems[0].endswith("it belongs to seal transit, and the seal is shamir; remove it")
    assert asked.unread_keys() == ["replicas"]


def test_no_section_of_another_seal() -> None:
    asked, problems = reader({})
    report_other_seals_sections(asked, LEAVING)
    assert problems == []
