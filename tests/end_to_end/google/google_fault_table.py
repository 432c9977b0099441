"""The table of the faults on Google Cloud. `docs/faults.md` shows it after that of AWS."""

from tests.end_to_end.faults.expectations import Seen
from tests.end_to_end.faults.fault import Fault
from tests.end_to_end.faults.fault_table import LOCKED
from tests.end_to_end.google import google_faults

GOOGLE_FAULTS = (
    Fault(
        name="key version disabled",
        injected="Google: after the run the key's version is disabled, and the pod is restarted.",
        seen=(
            Seen(
                "The next run, before anything: the version `is DISABLED, so Vault can't be sealed with it`, "
                "and the command that enables it.",
                runs=(2,),
            ),
            Seen("Once it is enabled the pod unseals itself.", runs=(3,)),
        ),
        run=google_faults.key_version_disabled,
    ),
    Fault(
        name="rights withdrawn",
        injected="Google: after the run Vault's account loses its rights on the key; the pod is restarted.",
        seen=(
            Seen(
                "A run that changes the release: `Vault has no quorum`, with the pod's log: "
                "`PermissionDenied`.",
                runs=(2,),
            ),
            Seen("An update with --refresh gives the rights back, and the pod unseals itself.", runs=(3,)),
        ),
        run=google_faults.rights_withdrawn,
    ),
    Fault(
        name="ring and key there",
        injected="Google: before the first run somebody has made the ring, and the key in it.",
        seen=(
            Seen("Both are `imported`, and brought to the settings."),
            Seen("The next run changes nothing.", runs=(2,)),
        ),
        run=google_faults.ring_and_key_there,
    ),
    Fault(
        name="account made again",
        injected="Google: Vault's account is deleted and made again under the same name, which has no rights "
        "then; the pod is restarted.",
        seen=(
            Seen("A run that changes the release: `Vault has no quorum`.", runs=(2,)),
            Seen(
                "An update with --refresh gives the new account the rights, and the pod unseals itself.",
                runs=(3,),
            ),
        ),
        run=google_faults.account_made_again,
    ),
    Fault(
        name="look denied",
        injected="Google: at the first run Vault's account may use the key, and not look at it.",
        seen=(
            Seen("`cloudkms.cryptoKeys.get`, and that `this run has initialised nothing`."),
            Seen("With the right the next run ends well.", runs=(2,)),
        ),
        run=google_faults.look_denied,
    ),
    Fault(
        name="another key before the init",
        injected="Google: the first run can't use its store of keys, and `key.name` names another key before "
        "the next one.",
        seen=(
            Seen("`Can't try out`, and what."),
            Seen(
                "The next run: `Replacing`, of each pod that `isn't initialised and has an older "
                "configuration`, and then `Initialising Vault`, which unseals itself with the new key after "
                "a restart.",
                runs=(2,),
            ),
        ),
        run=google_faults.another_key_before_the_init,
    ),
    Fault(
        name="another key",
        injected="Google: after the run `key.name` names another key, which exists.",
        seen=(
            Seen("Preview: `Vault is sealed with the key`, and which key it would be.", runs=(2,)),
            Seen("Update: `Vault is sealed with the key`, and `Nothing was changed`.", runs=(3,)),
            Seen("With the name set back nothing changes.", runs=(4,)),
        ),
        run=google_faults.another_key,
    ),
    Fault(
        name="killed before the store, Google",
        injected="Google: every process of the run is killed when the keys are about to be stored.",
        seen=(
            LOCKED,
            Seen(
                "Then: `Keys of an interrupted run were found in the journal`, which the seal's key "
                "decrypts, and goes on with them.",
                runs=(4,),
            ),
        ),
        run=google_faults.kill_before_the_store,
    ),
)
