"""The account of the seal's key, without an EKS cluster to ask for it."""

import json

from components.aws.account import AwsAccount, look_up_account
from components.aws.provider_settings import AwsProviderSettings
from tests.unit.fakes.mocked_account import ACCOUNT, ANSWERS, AWS_PROVIDER, GET_CALLER, REGION
from tests.unit.fakes.recorded_deployment import deploy


def test_account_is_the_one_of_the_credentials_and_nothing_else_is_asked_for() -> None:
    found: list[AwsAccount] = []
    settings = AwsProviderSettings(default_tags={"team": "a"})
    deployment = deploy(
        {},
        answers=ANSWERS,
        outputs=lambda _: {},
        program=lambda: found.append(look_up_account(REGION, settings)),
    )
    account = found[0]
    assert (account.partition, account.account_id, account.region) == ("aws", ACCOUNT, REGION)
    assert [call.token for call in deployment.calls] == [GET_CALLER]
    provider = deployment.only(AWS_PROVIDER)
    assert provider.inputs["region"] == REGION
    assert json.loads(provider.inputs["defaultTags"]) == {"tags": {"team": "a"}}
