"""Values of the official chart that the sandbox's chart doesn't implement."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

Template = Callable[..., subprocess.CompletedProcess[str]]

STANDALONE = {"server.ha.enabled": False, "server.ha.raft.enabled": False}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"server.enabled": False}, "server.enabled: not implemented by the sandbox's chart"),
        ({"global.enabled": False}, "server.enabled: not implemented by the sandbox's chart"),
        (
            {"server.ha.enabled": False, "server.standalone.enabled": False},
            "server.standalone.enabled and server.ha.enabled are both false",
        ),
        ({"server.ha.enabled": False}, "server.ha.raft.enabled must be false in standalone mode"),
        ({**STANDALONE, "server.standalone.config": " \n"}, "server.standalone.config must be given"),
        (
            {**STANDALONE, "server.standalone.config": "{}"},
            "server.standalone.config: JSON is not implemented",
        ),
        ({"server.ha.raft.enabled": False}, "server.ha.raft.enabled must be true"),
        ({"server.ha.raft.config": " \n"}, "server.ha.raft.config must be given"),
        ({"server.ha.raft.config": '{"ui": true}'}, "server.ha.raft.config: JSON is not implemented"),
        ({"server.ha.raft.config": '{{ template "vault.mode" . }}'}, 'template "vault.mode" not defined'),
        ({"nameOverride": "other"}, "'/nameOverride': value must be '(absent: the sandbox"),
        ({"fullnameOverride": "other"}, "'/fullnameOverride': value must be '(absent: the sandbox"),
        ({"server.dev.enabled": True}, "'/server/dev': value must be '(absent: the sandbox"),
        ({"server.service.standby.enabled": False}, "'/server/service/standby': value must be '(absent"),
        ({"server.service.type": "ExternalName"}, "'/server/service/type'"),
        ({"server.ha.replicas": 0}, "'/server/ha/replicas'"),
        ({"server.image.tag": ""}, "'/server/image/tag'"),
        ({"server.dataStorage": None}, "missing property 'dataStorage'"),
    ],
)
def test_what_is_not_implemented_is_refused(
    template_chart: Template, settings: dict[str, Any], message: str
) -> None:
    result = template_chart(settings)

    assert result.returncode != 0
    assert result.stdout == ""
    assert message in result.stderr
