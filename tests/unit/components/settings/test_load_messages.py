"""How wrong settings are told: all at once, what was meant, and no secret value."""

import base64
from collections.abc import Mapping
from typing import Any

import pulumi
import pysequoia
import pytest

from components.errors import SettingsError
from tests.unit.fakes.stack_settings import EKS, PROJECT, SHAMIR, nested, parse, problems


def test_all_problems_at_once() -> None:
    found = problems(
        {
            "replicas": 2,
            "clusterNaem": "example",
            "init": {"shares": 3, "threshold": 4, "adpot": True},
            "image": {"tag": ""},
        }
    )
    keys = sorted(problem.split(" is ")[0].removeprefix(f"{PROJECT}:") for problem in found)
    # Without a cluster there is no key, role or place to deploy to either.
    assert keys == [
        *("clusterNaem", "clusterName", "image.tag", "init.adpot", "init.threshold", "kubeContext"),
        "replicas",
    ]


def test_message_lists_every_problem_and_says_that_nothing_happened() -> None:
    with pytest.raises(SettingsError) as raised:
        parse({**SHAMIR, "replicas": 2, "ui": "on"})
    first, *rest = str(raised.value).splitlines()
    assert first == "2 settings are wrong; nothing was created or changed:"
    assert rest == [f"  - {problem}" for problem in raised.value.problems]
    assert isinstance(raised.value, pulumi.RunError)


def test_message_counts_one_problem() -> None:
    with pytest.raises(SettingsError) as raised:
        parse({**SHAMIR, "replicas": 2})
    assert str(raised.value).startswith("1 setting is wrong; nothing was created or changed:\n  - ")


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("replica", "replicas"),
        ("clustername", "clusterName"),
        ("dataStorage.storageclass", "storageClass"),
        ("auditStorage.sise", "size"),
        ("chart.versoin", "version"),
        ("image.tags", "tag"),
        ("injector.ports", "port"),
        ("raft.retryjoin", "retryJoin"),
        ("init.treshold", "threshold"),
        ("deadlines.quorumSecond", "quorumSeconds"),
        ("ingress.hots", "host"),
    ],
)
def test_misspelt_key_is_told_with_what_was_meant(path: str, meant: str) -> None:
    configuration = {**SHAMIR, **nested(path, "x")}
    (problem,) = [text for text in problems(configuration) if "there is no such setting" in text]
    assert problem.startswith(f'{PROJECT}:{path} is "x": there is no such setting; did you mean {meant}? ')


@pytest.mark.parametrize("path", ["key.alais", "role.nmae"])
def test_misspelt_key_of_the_aws_seal(path: str) -> None:
    (problem,) = problems({**EKS, **nested(path, "x")})
    assert problem.startswith(f'{PROJECT}:{path} is "x": there is no such setting; did you mean ')


@pytest.mark.parametrize("key", ["hostPort", "namespaceSelector", "csi"])
def test_another_word_is_not_taken_for_a_misspelt_key(key: str) -> None:
    (problem,) = problems({**EKS, key: "x"})
    assert "there is no such setting; Known here are " in problem


def test_key_that_resembles_nothing_is_told_what_there_is() -> None:
    (problem,) = problems({**EKS, "zzz": "1"})
    assert "did you mean" not in problem
    for key in ("affinity", "clusterName", "ingress", "token", "key", "role"):
        assert f" {key}" in problem


def test_optional_sections_are_no_unknown_keys() -> None:
    assert (
        parse(
            {**SHAMIR, "ingress": {"host": "vault.example.com", "backendTls": "none"}, "affinity": {}}
        ).ingress
        is not None
    )


@pytest.mark.parametrize(
    ("configuration", "key"),
    [
        ({**SHAMIR, "podAddress": "hunter2"}, "podAddress"),
        ({**SHAMIR, "extraEnvironment": {"A": ["hunter2"]}}, "extraEnvironment"),
        ({**SHAMIR, "extraEnvironment": "hunter2"}, "extraEnvironment"),
        ({**SHAMIR, "image": {"tag": "hunter2!"}}, "image"),
        ({**SHAMIR, "image": {"hunter": "hunter2"}}, "image"),
        ({**SHAMIR, "unknown": "hunter2"}, "unknown"),
        ({**SHAMIR, "replicas": "hunter2"}, "replicas"),
        ({**SHAMIR, "ui": "hunter2"}, "ui"),
        ({**SHAMIR, "seal": "hunter2"}, "seal"),
        ({**SHAMIR, "ingress": {"host": "v.example.com", "annotations": {"a": ["hunter2"]}}}, "ingress"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_secret_value_is_not_shown(configuration: Mapping[str, Any], key: str) -> None:
    assert any("hunter2" in problem for problem in problems(configuration))
    found = problems(configuration, secret_keys=[key])
    assert not any("hunter2" in problem for problem in found)
    assert any(f"{PROJECT}:{key}" in problem and "is a secret value: " in problem for problem in found)


def test_shamir_pods_cannot_be_unsealed_by_pulumi_with_encrypted_shares() -> None:
    holder = pysequoia.Tsk.generate(user_id="Holder", profile=pysequoia.Profile.RFC4880)
    key = base64.b64encode(bytes(holder.extract_certificate())).decode()
    init = {"shares": 2, "threshold": 2, "pgpKeys": [key] * 2}
    (problem,) = problems({**SHAMIR, "init": init})
    assert problem.startswith(f'{PROJECT}:seal is "shamir": with init.pgpKeys only ')
