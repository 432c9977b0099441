"""The key of `key.arn`: described in its own region before anything is created."""

from collections.abc import Mapping
from typing import Any

import pulumi_aws
import pytest

from components.aws.existing_key import require_usable_key
from components.aws.settings import ExistingKeySettings
from components.errors import DeploymentError
from tests.unit.fakes.recorded_deployment import NOT_FOUND, Deployment, deploy

GET_KEY = "aws:kms/getKey:getKey"
ARN = "arn:aws:kms:us-west-2:999999999999:key/11111111-2222-3333-4444-555555555555"
USABLE: Mapping[str, Any] = {
    "keySpec": "SYMMETRIC_DEFAULT",
    "keyUsage": "ENCRYPT_DECRYPT",
    "keyState": "Enabled",
}


def required(answer: Mapping[str, Any]) -> Deployment:
    def program() -> None:
        require_usable_key(ExistingKeySettings(ARN), pulumi_aws.Provider("aws", region="eu-central-1"))

    return deploy({}, answers={GET_KEY: answer}, outputs=lambda _: {}, program=program)


def test_key_is_described_in_its_own_region() -> None:
    (call,) = required(USABLE).calls
    assert (call.token, call.args) == (GET_KEY, {"keyId": ARN, "region": "us-west-2"})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (NOT_FOUND, "may kms:DescribeKey on it; if the key is of another account, its key policy"),
        ({**USABLE, "keySpec": "RSA_2048"}, "Set key.arn to another key"),
        ({**USABLE, "keyUsage": "SIGN_VERIFY"}, "of the wrong kind"),
        ({**USABLE, "keyState": "Disabled"}, f"aws kms enable-key --key-id {ARN} --region us-west-2"),
        ({**USABLE, "keyState": "PendingDeletion"}, f"cancel-key-deletion --key-id {ARN}"),
        ({**USABLE, "keyState": "PendingImport"}, "is in the state PendingImport"),
    ],
)
def test_key_that_cannot_seal_is_refused_with_the_fix(answer: Mapping[str, Any], said: str) -> None:
    with pytest.raises(DeploymentError) as refused:
        required(answer)
    assert said in str(refused.value)
    assert ARN in str(refused.value)
