"""The ingress rules for the injector's webhook, as the engine is asked for them."""

from collections.abc import Mapping, Sequence

import pulumi
import pytest

from components.aws.cluster import look_up_eks_cluster
from components.aws.provider_settings import AwsProviderSettings
from components.aws.webhook_rule import WebhookIngress, WebhookIngressArgs, needed_rules
from components.errors import DeploymentError
from components.stack_state import IMPORTING
from tests.unit.fakes.mocked_account import (
    ANSWERS,
    CONTROL_PLANE_GROUP,
    GET_RULE,
    GET_RULES,
    INGRESS_COMPONENT,
    NODE_GROUP,
    REGION,
    RULE,
)
from tests.unit.fakes.recorded_deployment import REFUSAL, Answer, Deployment, deploy

OTHER_GROUP = "sg-0dddddddddddddddd"
OWN, FOREIGN = "sgr-0aaaaaaaaaaaaaaaa", "sgr-0ffffffffffffffff"
EQUAL: Answer = {
    "isEgress": False,
    "ipProtocol": "tcp",
    "fromPort": 9443,
    "toPort": 9443,
    "referencedSecurityGroupId": CONTROL_PLANE_GROUP,
}


@pytest.mark.parametrize("tags", [{"team": "blue"}, {}])
def test_rule_lets_the_control_plane_reach_one_port_of_the_nodes(tags: Mapping[str, str]) -> None:
    def program() -> None:
        args = WebhookIngressArgs(
            control_plane_security_group_id=CONTROL_PLANE_GROUP,
            node_security_group_ids={"webhook-ingress": NODE_GROUP},
            port=9443,
            tags=tags,
        )
        pulumi.export("rule_ids", WebhookIngress("webhook", args).rule_ids)

    deployment = deploy(
        {}, answers={}, outputs=lambda _: {"securityGroupRuleId": "sgr-0cccccccccccccccc"}, program=program
    )
    rule = deployment.only(RULE)
    assert rule.inputs == {
        "securityGroupId": NODE_GROUP,
        "referencedSecurityGroupId": CONTROL_PLANE_GROUP,
        "ipProtocol": "tcp",
        "fromPort": 9443,
        "toPort": 9443,
        "description": (
            "Allow ingress mutating webhook traffic from kube-apiserver to vault-agent-injector pod"
        ),
        # An empty map shows as a change after a refresh.
        **({"tags": tags} if tags else {}),
    }
    assert rule.name == "webhook-ingress"
    assert rule.parent == deployment.only(INGRESS_COMPONENT).urn
    assert deployment.component_outputs == {INGRESS_COMPONENT: deployment.outputs}
    assert deployment.outputs == {"rule_ids": ["sgr-0cccccccccccccccc"]}


def needed(
    groups: Sequence[str] = (NODE_GROUP,),
    *,
    live: Sequence[str] = (),
    rule: Answer = EQUAL,
    recorded: Mapping[str, str] | None = None,
    answers: Mapping[str, Answer] | None = None,
) -> tuple[Mapping[str, str], Deployment]:
    """The rules that are needed, if every group has the ``live`` ones and ``recorded`` are the stack's own.

    ``recorded`` has the groups by the name of their rule, each of the id ``OWN``.
    """
    found: list[Mapping[str, str]] = []
    outputs = {
        name: {"securityGroupId": group, "securityGroupRuleId": OWN}
        for name, group in (recorded or {}).items()
    }

    def program() -> None:
        cluster = look_up_eks_cluster(
            "example",
            REGION,
            needs_oidc_provider=False,
            needs_pod_identity_agent=False,
            node_security_group_ids=(),
            provider_settings=AwsProviderSettings(),
        )
        found.append(needed_rules(groups, 9443, cluster, outputs))

    told = {**ANSWERS, GET_RULES: {"ids": [*live]}, GET_RULE: rule, **(answers or {})}
    deployment = deploy({}, answers=told, outputs=lambda _: {}, program=program)
    return found[0], deployment


def test_first_rule_has_the_name_of_earlier_versions_and_others_that_of_their_group() -> None:
    rules, deployment = needed([NODE_GROUP, OTHER_GROUP])
    assert rules == {"webhook-ingress": NODE_GROUP, f"webhook-ingress-{OTHER_GROUP}": OTHER_GROUP}
    asked = [call.args for call in deployment.calls if call.token == GET_RULES]
    assert asked == [
        {"filters": [{"name": "group-id", "values": [group]}]} for group in (NODE_GROUP, OTHER_GROUP)
    ]


def test_equal_rule_of_somebody_else_is_enough_and_the_log_says_so() -> None:
    rules, deployment = needed(live=[FOREIGN])
    assert rules == {}
    assert [line for line in deployment.log if f"the rule {FOREIGN} is there already" in line]


def test_import_looks_for_an_equal_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(IMPORTING, "true")
    assert needed(live=[FOREIGN])[0] == {"webhook-ingress": NODE_GROUP}


@pytest.mark.parametrize(
    "difference",
    [
        {"isEgress": True},
        {"ipProtocol": "udp"},
        {"fromPort": 9442},
        {"toPort": 9444},
        {"referencedSecurityGroupId": OTHER_GROUP},
        {"referencedSecurityGroupId": f"999999999999/{CONTROL_PLANE_GROUP}"},
    ],
)
def test_rule_that_differs_is_another_rule(difference: Answer) -> None:
    assert needed(live=[FOREIGN], rule={**EQUAL, **difference})[0] == {"webhook-ingress": NODE_GROUP}


def test_own_rule_stays_the_stacks_at_every_later_run() -> None:
    rules, deployment = needed(live=[FOREIGN, OWN], recorded={"webhook-ingress": NODE_GROUP})
    assert rules == {"webhook-ingress": NODE_GROUP}
    assert not [line for line in deployment.log if OWN in line or FOREIGN in line]
    assert GET_RULE not in [call.token for call in deployment.calls]


@pytest.mark.parametrize("groups", [[NODE_GROUP, OTHER_GROUP], [OTHER_GROUP, NODE_GROUP]])
def test_own_rule_keeps_its_name_when_groups_are_added(groups: Sequence[str]) -> None:
    rules, _ = needed(groups, live=[OWN], recorded={"webhook-ingress": NODE_GROUP}, rule={})
    assert rules == {"webhook-ingress": NODE_GROUP, f"webhook-ingress-{OTHER_GROUP}": OTHER_GROUP}


def test_rule_of_another_group_takes_no_name_that_is_recorded() -> None:
    """Else the engine would replace the rule that is about to be deleted by the new one."""
    rules, _ = needed([OTHER_GROUP], recorded={"webhook-ingress": NODE_GROUP})
    assert rules == {f"webhook-ingress-{OTHER_GROUP}": OTHER_GROUP}


def test_own_rule_that_somebody_deleted_is_told() -> None:
    rules, deployment = needed(recorded={"webhook-ingress": NODE_GROUP})
    assert rules == {"webhook-ingress": NODE_GROUP}
    (line,) = [line for line in deployment.log if OWN in line]
    assert f"The rule {OWN}, which this stack created in {NODE_GROUP}, is gone" in line
    assert "Run pulumi up --refresh" in line


def test_own_rule_that_its_groups_owner_replaced_by_an_equal_one_leaves_the_stack() -> None:
    rules, deployment = needed(live=[FOREIGN], recorded={"webhook-ingress": NODE_GROUP})
    assert rules == {}
    assert [line for line in deployment.log if FOREIGN in line]


@pytest.mark.parametrize(
    ("token", "fix"), [(GET_RULES, "ec2:DescribeSecurityGroupRules"), (GET_RULE, "run the command again")]
)
def test_rules_that_cannot_be_read(token: str, fix: str) -> None:
    with pytest.raises(DeploymentError) as raised:
        needed(live=[FOREIGN], answers={token: {REFUSAL: "UnauthorizedOperation"}})
    for part in ("can't be read in ap-northeast-2: ", "UnauthorizedOperation", fix):
        assert part in str(raised.value)
