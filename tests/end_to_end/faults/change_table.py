"""The table of the faults of a Vault that has its keys. `docs/faults.md` shows it as its second part."""

from tests.end_to_end.faults import holder_changes, other_vault, share_changes, two_machines
from tests.end_to_end.faults.expectations import Keys, Seen
from tests.end_to_end.faults.fault import Change
from tests.end_to_end.faults.shared_vault import (
    InFile,
    InFileThreePods,
    InKubernetesSecret,
    InSecretsManager,
    InState,
    ShamirInState,
)

_OWN = "`Ending a change of shares that was begun earlier and not finished`"
_TAKEN = "`New shares of an interrupted run are valid already; they are stored now`"
_MADE = "new ones are made `in place of` the old ones"
_PREVIEW = Seen("Preview: `An interrupted change of shares will be settled by pulumi up`.", runs=(3,))
_FOREIGN = "`A change of shares that this program didn't begin is in progress`, and it `is left alone`"
_ROOT_TOKEN = "`Another attempt to make a root token is running`, and how to `end it`"
_ENDED = "Once a person has ended it, "

# A run that was killed says nothing, and `pulumi cancel` is the second one.
_OLD_ONES_COUNT = (Seen(f"The next run: {_OWN}. Then {_MADE}.", runs=(3,)),)
_NEW_ONES_COUNT = (Seen(f"The next run: {_TAKEN}.", runs=(3,)),)

_FILE = (
    Change(
        vault=InFile,
        name="killed once the rekey is noted",
        injected="Every process is killed when Vault has begun the change, and the Lease shows that it is "
        "this program's.",
        seen=_OLD_ONES_COUNT,
        run=share_changes.killed_once_noted,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InFile,
        name="killed before the verification",
        injected="Every process is killed when the new shares are in the journal, before Vault's "
        "verification step makes the old ones void.",
        seen=_OLD_ONES_COUNT,
        run=share_changes.killed_before_the_verification,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InFile,
        name="verification's answer lost",
        injected="The connection breaks with Vault's answer that the new shares are valid.",
        seen=(Seen("Nothing of it: the run asks Vault which shares are valid, and ends well."),),
        run=share_changes.answer_lost,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InFile,
        name="killed after the new shares' store",
        injected="Every process is killed when the new shares are stored and the engine hasn't heard of it.",
        seen=_NEW_ONES_COUNT,
        run=share_changes.killed_after_the_store,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InFile,
        name="killed, and the store fails",
        injected="Two at once: every process is killed when the new shares are valid and not stored, and the "
        "store refuses every write until it is fixed.",
        seen=(
            Seen(
                "The next run: `The new shares are valid, and safe in the journal, encrypted`, and where.",
                runs=(3,),
            ),
            Seen(f"Then: {_TAKEN}.", runs=(4,)),
        ),
        run=share_changes.store_fails_after_the_kill,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InFile,
        name="killed, and the Secret deleted",
        injected="Two at once: every process is killed when the new shares are valid and not stored, and the "
        "journal's Secret is deleted.",
        seen=_NEW_ONES_COUNT,
        run=share_changes.secret_deleted,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InFile,
        name="killed after the holders' store",
        injected="Every process is killed when shares encrypted to their holders (`init.pgpKeys`) are stored "
        "and the engine hasn't heard of it.",
        seen=_NEW_ONES_COUNT,
        run=holder_changes.encrypted_and_killed_after_the_store,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InFile,
        name="holder's key expired",
        injected="The PGP key of a holder expires, to which a share is encrypted.",
        seen=(
            Seen(
                "`expired on`, as a warning, and `Nothing is encrypted to it now, and it still decrypts`; "
                "the run changes nothing."
            ),
        ),
        run=holder_changes.key_expired_with_its_share,
        keys=Keys.SAME_SHARES,
    ),
)

_STATE = (
    Change(
        vault=InState,
        name="killed before the rekey",
        injected="Every process is killed as the change is about to reach Vault.",
        seen=(Seen(f"The next run: {_MADE}.", runs=(3,)),),
        run=share_changes.killed_unbegun,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InState,
        name="killed with the new shares",
        injected="Every process is killed when Vault has answered with the new shares and nothing has its "
        "answer yet.",
        seen=_OLD_ONES_COUNT,
        run=share_changes.killed_with_the_new_shares,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InState,
        name="killed before the state",
        injected="Every process is killed when the new shares are valid and the state doesn't have them yet.",
        seen=_NEW_ONES_COUNT,
        run=share_changes.killed_before_the_state,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InState,
        name="state unwritable at a change",
        injected="From the moment on at which the new shares are valid the engine can't write its state.",
        seen=(
            Seen("`failed to save snapshot`, from the engine."),
            Seen(f"The next run: {_TAKEN}.", runs=(2,)),
        ),
        run=share_changes.state_unwritable,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InState,
        name="set back after the verification",
        injected="Every process is killed when the new shares are valid and not stored, and the person sets "
        "the settings back.",
        seen=(
            _PREVIEW,
            Seen(f"Update: {_TAKEN}.", runs=(4,)),
            Seen(f"The one after it, to the numbers of the settings: {_MADE}.", runs=(5,)),
        ),
        run=share_changes.set_back_after_the_verification,
        keys=Keys.NEW_SHARES,
    ),
)

_SHAMIR = (
    Change(
        vault=ShamirInState,
        name="killed as the rekey has begun",
        injected="Every process is killed when Vault has begun the change, and nothing shows yet that it is "
        "this program's.",
        seen=(
            Seen(f"The next run: {_FOREIGN}.", runs=(3,)),
            Seen(f"{_ENDED}{_MADE}.", runs=(4,)),
        ),
        run=share_changes.killed_begun,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=ShamirInState,
        name="killed before the verification, Shamir",
        injected="Every process is killed when the new shares are in the journal, before the old ones, which "
        "unseal Vault, are void.",
        seen=_OLD_ONES_COUNT,
        run=share_changes.killed_before_the_verification_with_shamir,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=ShamirInState,
        name="killed, and the machine lost",
        injected="Two at once: every process is killed when the new shares are valid and the state doesn't "
        "have them yet, and the machine is gone, with the journal's file.",
        seen=(Seen(f"The next run, on another machine: {_TAKEN}.", runs=(3,)),),
        run=share_changes.machine_lost,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=ShamirInState,
        name="killed, and Vault sealed",
        injected="Two at once: every process is killed when the new shares are valid and the state doesn't "
        "have them yet, and the pod is restarted, which seals Vault.",
        seen=(Seen(f"The next run unseals it with the journal's shares: {_TAKEN}.", runs=(3,)),),
        run=share_changes.restarted_with_shamir,
        keys=Keys.NEW_SHARES,
    ),
)

_KUBERNETES = (
    Change(
        vault=InKubernetesSecret,
        name="killed before the Kubernetes Secret",
        injected="Every process is killed when the new shares are valid and not stored.",
        seen=_NEW_ONES_COUNT,
        run=share_changes.killed_before_the_kubernetes_secret,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InKubernetesSecret,
        name="two changes at once",
        injected="Two people on two machines, each with a copy of the state, change the shares at once.",
        seen=(
            Seen(
                f"One changes them. The other: `{two_machines.WAITS}`; it waits and takes the same: "
                f"{_TAKEN}.",
                runs=(1, 2),
            ),
        ),
        run=two_machines.two_changes_at_once,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InKubernetesSecret,
        name="run slept",
        injected="A run sleeps, longer than its Lease lasts, with the new shares on their way to it; on "
        "another machine the shares are changed meanwhile; and it wakes up.",
        seen=(
            Seen(f"The other machine: {_OWN}. Then {_MADE}."),
            Seen("The run that slept: `Another run has taken`, and it `does nothing more`.", runs=(2,)),
            Seen(f"The one after it: {_TAKEN}. The shares of the run that slept `may be valid`.", runs=(3,)),
            Seen("The last one finds that they aren't, and deletes them.", runs=(4,)),
        ),
        run=two_machines.slept,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InKubernetesSecret,
        name="holder's key expired before",
        injected="A share is to be encrypted to a PGP key that has expired.",
        seen=(
            Seen("`expired on`, and that `its holder has to extend or replace it`. Nothing is changed."),
            Seen("With the settings set back nothing changes.", runs=(2,)),
        ),
        run=holder_changes.key_expired_before_its_share,
        keys=Keys.SAME_SHARES,
    ),
    Change(
        vault=InKubernetesSecret,
        name="holders' shares set back before the verification",
        injected="Every process is killed when shares encrypted to their holders are in the journal, before "
        "the old ones are void, and the person sets the settings back.",
        seen=(_PREVIEW, Seen(f"Update: {_OWN}. The old shares stay.", runs=(4,))),
        run=holder_changes.encrypted_and_set_back_before_the_verification,
        keys=Keys.SAME_SHARES,
    ),
    Change(
        vault=InKubernetesSecret,
        name="holders' shares set back after the verification",
        injected="Every process is killed when shares encrypted to their holders are valid and not stored, "
        "and the person sets the settings back.",
        seen=(
            Seen(
                "The next run: whose PGP keys the shares are for, and that `init.pgpKeys has others`; to "
                "set these `as they were when the shares were made`.",
                runs=(3,),
            ),
            Seen(f"With these: {_TAKEN}.", runs=(4,)),
        ),
        run=holder_changes.encrypted_and_set_back_after_the_verification,
        keys=Keys.NEW_SHARES,
    ),
)

_SECRETS_MANAGER = (
    Change(
        vault=InSecretsManager,
        name="killed before Secrets Manager",
        injected="Every process is killed when the new shares are valid and not stored.",
        seen=_NEW_ONES_COUNT,
        run=share_changes.killed_before_secrets_manager,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InSecretsManager,
        name="set back before the verification",
        injected="Every process is killed when the new shares are in the journal, before the old ones are "
        "void, and the person sets the settings back.",
        seen=(_PREVIEW, Seen(f"Update: {_OWN}. The old shares stay.", runs=(4,))),
        run=share_changes.set_back_before_the_verification,
        keys=Keys.SAME_SHARES,
    ),
    Change(
        vault=InSecretsManager,
        name="killed while it proves",
        injected="Every process is killed while Vault tries the shares that are to be replaced.",
        seen=(
            Seen(
                "The next run: `Ending an attempt at a root token that a run of this program left`. Then "
                f"{_MADE}.",
                runs=(3,),
            ),
        ),
        run=share_changes.killed_while_it_proves,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InSecretsManager,
        name="rekey of a person",
        injected="Somebody has begun a change of shares with `vault operator rekey`.",
        seen=(
            Seen(f"{_FOREIGN}, as it still is when the run has ended."),
            Seen(f"{_ENDED}{_MADE}.", runs=(2,)),
        ),
        run=share_changes.rekey_of_a_person,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InSecretsManager,
        name="root token of a person",
        injected="Somebody is about to make a root token with `vault operator generate-root`.",
        seen=(
            Seen(f"{_ROOT_TOKEN}; the run leaves it alone."),
            Seen(f"{_ENDED}{_MADE}.", runs=(2,)),
        ),
        run=share_changes.root_token_of_a_person,
        keys=Keys.NEW_SHARES,
    ),
    Change(
        vault=InSecretsManager,
        name="reader removed",
        injected="Somebody is taken out of `custody.readers`.",
        seen=(Seen("The secret's policy is `updated`, and denies the one who is gone.", runs=(2,)),),
        run=holder_changes.reader_removed,
        keys=Keys.SAME_SHARES,
    ),
)

_THREE_PODS = (
    Change(
        vault=InFileThreePods,
        name="blank pod joins",
        injected="The init's state is lost, and pod 0 gets a new volume.",
        seen=(
            Seen(
                "Nothing of it: pod 0 joins the others, and the run takes the keys that `were found in` "
                "their store."
            ),
        ),
        run=other_vault.blank_pod_joins,
        keys=Keys.SAME_SHARES,
    ),
    Change(
        vault=InFileThreePods,
        name="blank pod apart",
        injected="The same while pod 0 can't reach the others.",
        seen=(
            Seen("The run initialises nothing: `A Vault exists on`, and both ways out."),
            Seen("Once pod 0 has joined: the keys `were found in` their store.", runs=(2,)),
        ),
        run=other_vault.blank_pod_apart,
        keys=Keys.SAME_SHARES,
    ),
    Change(
        vault=InFileThreePods,
        name="blank pod joins at an adoption",
        injected="The init's state is lost, and pod 0 gets a new volume; the settings are `init.adopt` and "
        "the keys to adopt, and none are in the store.",
        seen=(Seen("Nothing of it: pod 0 joins the others. `Adopting Vault`, with its keys."),),
        run=other_vault.blank_pod_joins_at_an_adoption,
        keys=Keys.SAME_SHARES,
    ),
    Change(
        vault=InFileThreePods,
        name="blank pod apart at an adoption",
        injected="The same while pod 0 can't reach the others.",
        seen=(
            Seen("The run initialises nothing: `A Vault exists on`, and both ways out."),
            Seen("Once pod 0 has joined: `Adopting Vault`, with its keys.", runs=(2,)),
        ),
        run=other_vault.blank_pod_apart_at_an_adoption,
        keys=Keys.SAME_SHARES,
    ),
)

CHANGES = (*_FILE, *_STATE, *_SHAMIR, *_KUBERNETES, *_SECRETS_MANAGER, *_THREE_PODS)
