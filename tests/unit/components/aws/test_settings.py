"""The parts of an existing key's and an existing role's ARN."""

from components.aws.settings import ExistingKeySettings, ExistingRoleSettings


def test_existing_key_has_the_region_and_id_of_its_arn() -> None:
    key = ExistingKeySettings("arn:aws-us-gov:kms:us-gov-west-1:210987654321:key/mrk-1234abcd")
    assert (key.region, key.key_id) == ("us-gov-west-1", "mrk-1234abcd")


def test_existing_role_has_the_account_and_name_of_its_arn() -> None:
    role = ExistingRoleSettings("arn:aws:iam::210987654321:role/teams/platform/vault")
    assert (role.account_id, role.name) == ("210987654321", "vault")
