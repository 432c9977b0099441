"""What these tests try is what the documents have, no less."""

from components.permissions.aws import destroy_policy, preview_policy, up_policy
from tests.integration.aws.permissions.permission_stack import NewSettings, actions_of, changed, scope_of
from tests.integration.aws.permissions.tried_actions import (
    CHANGES,
    CREATIONS,
    DELETIONS,
    LOOK_UPS,
    READS,
    UNBINDING,
)


def test_every_action_is_tried(new_settings: NewSettings, boundaries: tuple[str, str]) -> None:
    settings = new_settings()
    update = changed(settings, boundaries[1])
    assert actions_of(preview_policy(scope_of(settings))) == {*LOOK_UPS, *READS}
    assert actions_of(up_policy(scope_of(settings))) | actions_of(up_policy(scope_of(update))) == {
        *LOOK_UPS,
        *READS,
        *CREATIONS,
        *CHANGES,
    }
    assert actions_of(up_policy(scope_of(changed(settings, None)))) >= {UNBINDING}
    deletion = destroy_policy(scope_of(settings, "11111111-2222-3333-4444-555555555555"))
    assert actions_of(deletion) == {action for _, action in DELETIONS}
