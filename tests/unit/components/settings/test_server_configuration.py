"""HCL of the user's own, and the listener's parameters."""

from typing import Any

import pytest

from components.settings.server_configuration import (
    OWNED,
    OWNED_BY_LISTENER,
    OWNED_BY_RAFT,
    ListenerSettings,
)
from tests.unit.fakes.stack_settings import SHAMIR, parse, problems

NAME = "vault-autounseal:extraConfig is set: "
TELEMETRY = 'telemetry {\n  prometheus_retention_time = "30s"\n}\n'


def configured(**settings: Any) -> dict[str, Any]:
    return {**SHAMIR, **settings}


def test_hcl_is_taken_as_it_is() -> None:
    extra = parse(configured(extraConfig=TELEMETRY)).extra_configuration
    assert (extra.text, extra.secret) == (TELEMETRY, False)
    extra = parse(SHAMIR).extra_configuration
    assert (extra.text, extra.secret) == ("", False)


def test_a_secret_stays_one_and_is_in_no_text() -> None:
    settings = parse(configured(extraConfig=TELEMETRY), secret_keys=["extraConfig"])
    assert settings.extra_configuration.secret
    assert "prometheus_retention_time" not in repr(settings)
    (problem,) = problems(configured(extraConfig='x = "hidden'), secret_keys=["extraConfig"])
    assert "extraConfig is a secret value: Vault couldn't read it: line 1: " in problem
    assert "hidden" not in problem


@pytest.mark.parametrize("name", [*OWNED])
@pytest.mark.parametrize("written", ["{}", '"{}"', "upper"])
def test_what_the_program_owns_is_refused_with_the_setting(name: str, written: str) -> None:
    key = name.upper() if written == "upper" else written.format(name)
    text = f"{TELEMETRY}{key} {{}}\n"
    assert problems(configured(extraConfig=text)) == [f"{NAME}line 4: remove {name}: {OWNED[name]}"]


def test_every_owned_name_is_reported_at_once() -> None:
    found = problems(configured(extraConfig='ui = true\nseal "awskms" {}\nseal "transit" {}'))
    assert [problem.removeprefix(NAME)[:16] for problem in found] == [
        "line 1: remove u",
        "line 2: remove s",
        "line 3: remove s",
    ]


def test_an_owned_name_within_a_stanza_is_somebody_elses() -> None:
    assert parse(configured(extraConfig='x "seal" { storage = 1 }')).extra_configuration.text


def test_calls_without_a_token_are_named_in_one_place() -> None:
    text = 'enable_unauthenticated_access = ["rekey"]'
    tag = {"image": {"tag": "2.0.4"}}
    assert parse(configured(extraConfig=text, **tag)).extra_configuration.text == text
    (problem,) = problems(configured(extraConfig=text, **tag, init={"unauthenticatedGenerateRoot": True}))
    assert problem.endswith("init.unauthenticatedGenerateRoot sets it")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("a {", "Vault couldn't read it: line 1: the brace that is opened here isn't closed"),
        ('{"ui": true}', "Vault couldn't read it: line 1: there has to be a parameter or a stanza"),
        (
            'a = 1\nb = "{{ .Release.Name }}"',
            "line 2: Helm would evaluate what begins with {{; write what it stands for",
        ),
        ("", "give HCL of at most 100000 characters"),
        (" \n", "give HCL of at most 100000 characters"),
        ("#" * 100_001, "give HCL of at most 100000 characters"),
        (["a"], "Vault couldn't read it: line 1: there has to be a parameter or a stanza"),
    ],
)
def test_wrong_hcl(value: Any, problem: str) -> None:
    assert problems(configured(extraConfig=value)) == [NAME + problem]


def test_listener() -> None:
    forwarded = {
        "authorizedAddresses": ["10.0.0.0/8", "fd00::1"],
        "hopSkips": 1,
        "rejectNotAuthorized": False,
    }
    settings = parse(
        configured(listener={"forwardedFor": forwarded, "unauthenticatedMetricsAccess": True})
    ).listener
    assert settings == ListenerSettings(("10.0.0.0/8", "fd00::1"), 1, False, True)
    assert parse(SHAMIR).listener == ListenerSettings()


@pytest.mark.parametrize(
    ("listener", "problem"),
    [
        ({"forwardedFor": {"authorizedAddresses": ["proxy"]}}, "give a list of addresses or ranges"),
        ({"forwardedFor": {"authorizedAddresses": "10.0.0.0/8"}}, "give a list of addresses or ranges"),
        ({"forwardedFor": {"hopSkips": 1}}, "only with authorizedAddresses"),
        ({"forwardedFor": {"rejectNotAuthorized": False}}, "only with authorizedAddresses"),
        ({"forwardedFor": {"authorizedAddresses": ["::1"], "hopSkips": -1}}, "give a number of proxies"),
        ({"address": "[::]:1"}, "there is no such setting"),
        ({"forwardedFor": {"rejectNotPresent": True}}, "there is no such setting"),
    ],
)
def test_wrong_listener(listener: dict[str, Any], problem: str) -> None:
    (found,) = problems(configured(listener=listener))
    assert problem in found


STANZAS = {"listener": OWNED_BY_LISTENER, "raft": OWNED_BY_RAFT}


@pytest.mark.parametrize(
    ("stanza", "text"),
    [("listener", 'proxy_protocol_behavior = "use_always"'), ("raft", "trailing_logs = 5")],
)
def test_stanza_takes_more_parameters(stanza: str, text: str) -> None:
    for secret in (False, True):
        settings = parse(
            configured(**{stanza: {"extraConfig": text}}), secret_keys=[stanza] if secret else []
        )
        extra = getattr(settings, stanza).extra
        assert (extra.text, extra.secret, settings.secret_configuration) == (text, secret, secret)
        assert text not in repr(settings)


@pytest.mark.parametrize(
    ("stanza", "name"), [(stanza, name) for stanza, owned in STANZAS.items() for name in owned]
)
def test_stanzas_own_parameters_are_refused_with_what_to_use(stanza: str, name: str) -> None:
    found = problems(configured(**{stanza: {"extraConfig": f"a = 1\n{name} = 2"}}))
    begin = f"vault-autounseal:{stanza}.extraConfig is set: line 2: remove {name}: "
    assert found == [f"{begin}{STANZAS[stanza][name]}"]


def test_stanza_can_not_be_left() -> None:
    (problem,) = problems(configured(listener={"extraConfig": '}\nseal "transit" {'}))
    assert "Vault couldn't read it: line 1" in problem
