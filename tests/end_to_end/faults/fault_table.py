"""The table of the faults. `docs/faults.md` shows it; `tests/end_to_end/test_faults.py` runs each row."""

from collections.abc import Sequence

from tests.end_to_end.faults import (
    lost_runs,
    program_changes,
    seal_faults,
    store_faults,
    vault_faults,
    wrong_cluster,
)
from tests.end_to_end.faults.expectations import Keys, Seen
from tests.end_to_end.faults.fault import Fault

_NOBODY = (
    "the `keys went to nobody`, and the lines that `delete pvc/` and `delete pod/`, which the person types"
)
_BEGUN_ANEW = "Then: `Initialising Vault`."
_JOURNAL = "`Keys of an interrupted run were found in the journal`"
LOCKED = Seen("The next run: `the stack is currently locked`, and how `pulumi cancel` ends that.", runs=(2,))
"""A run that was killed says nothing, and `pulumi cancel` is the third one."""


def _lost_answer(run: int) -> Sequence[Seen]:
    """What the given run and the one after it say if Vault's answer is lost."""
    return (
        Seen(f"The run after: {_NOBODY}.", runs=(run,)),
        Seen(_BEGUN_ANEW, runs=(run + 1,)),
    )


FAULTS = (
    Fault(
        name="killed before init",
        injected="Every process of the run is killed as `sys/init` is about to reach Vault.",
        seen=(LOCKED, Seen("Then: `Initialising Vault`.", runs=(4,))),
        run=lost_runs.kill_before_init,
        replicas=3,
    ),
    Fault(
        name="killed with the answer",
        injected="Every process of the run is killed when Vault has answered and nothing has its answer yet.",
        seen=(LOCKED, *_lost_answer(4)),
        run=lost_runs.kill_with_the_answer,
        keys=Keys.NEVER_GIVEN,
        replicas=3,
    ),
    Fault(
        name="killed before the store",
        injected="Every process of the run is killed when the keys are about to be stored.",
        seen=(LOCKED, Seen(f"Then: {_JOURNAL}, and goes on with them.", runs=(4,))),
        run=lost_runs.kill_before_the_store,
        replicas=3,
    ),
    Fault(
        name="killed before the store, Shamir",
        injected="The same with seal shamir: a key in the stack's state encrypts the journal.",
        seen=(LOCKED, Seen(f"Then: {_JOURNAL}, and goes on with them.", runs=(4,))),
        run=lost_runs.kill_before_the_store_with_shamir,
    ),
    Fault(
        name="killed after the store",
        injected="Every process is killed when the keys are stored and the engine hasn't heard of it.",
        seen=(LOCKED, Seen(f"Then: {_JOURNAL}, which are those in the store.", runs=(4,))),
        run=lost_runs.kill_after_the_store,
        replicas=3,
    ),
    Fault(
        name="engine killed",
        injected="The engine alone is killed before Vault's answer is there; its state was to keep the keys.",
        seen=(LOCKED, Seen(f"Then: {_JOURNAL}, and goes on with them.", runs=(4,))),
        run=lost_runs.kill_the_engine,
    ),
    Fault(
        name="state unwritable",
        injected="From the init on the engine can't write its state, which was to keep the keys.",
        seen=(
            Seen("`failed to save snapshot`, from the engine."),
            Seen(f"The next run: {_JOURNAL}, and goes on with them.", runs=(2,)),
        ),
        run=lost_runs.state_unwritable,
    ),
    Fault(
        name="two runs of one stack",
        injected="A second run of the same stack begins while the first one initialises Vault.",
        seen=(Seen("The second: `the stack is currently locked`."), Seen("The first goes on.", runs=(2,))),
        run=lost_runs.two_runs_of_one_stack,
    ),
    Fault(
        name="two runs of two copies",
        injected="Two people on two machines, each with a copy of the state, run `pulumi up` at once.",
        seen=(
            Seen(
                "One initialises Vault. The other: `Another run initialises this Vault at the moment`; it "
                "waits and takes the same keys, which `were found in` their store or the journal.",
                runs=(4, 5),
            ),
        ),
        run=lost_runs.two_runs_of_two_copies,
    ),
    Fault(
        name="store fails once",
        injected="The store refuses the first write.",
        seen=(Seen("`didn't take the keys, trying again: the disk is full`, and the same run ends well."),),
        run=store_faults.fails_once,
    ),
    Fault(
        name="store fails for good",
        injected="The store refuses every write until it is fixed after the run.",
        seen=(
            Seen("`The keys are safe: they are in the journal, encrypted`, and where that is."),
            Seen(f"The next run: {_JOURNAL}, and goes on with them.", runs=(2,)),
        ),
        run=store_faults.fails_for_good,
    ),
    Fault(
        name="store slow",
        injected="The store takes five seconds for the first write.",
        seen=(Seen("`Initialising Vault`, and then nothing until the store has them; the run ends well."),),
        run=store_faults.slow,
    ),
    Fault(
        name="connection cut before init",
        injected="The connection breaks before Vault has the request.",
        seen=(
            Seen("`no answer from Vault`, and `Run pulumi up again: it goes on where this run stopped`."),
            Seen("It does.", runs=(2,)),
        ),
        run=vault_faults.connection_cut_before_init,
    ),
    Fault(
        name="tunnel cut during init",
        injected="The port-forward is killed when Vault has made its keys and hasn't answered yet.",
        seen=(
            Seen("`no answer from Vault`, with the pod's last log lines."),
            *_lost_answer(2),
        ),
        run=vault_faults.tunnel_cut_during_init,
        keys=Keys.NEVER_GIVEN,
    ),
    Fault(
        name="tunnel cut during verification",
        injected="The port-forward is killed through which three pods are asked for their quorum.",
        seen=(Seen("Nothing of it: the run makes a new one and ends well."),),
        run=vault_faults.tunnel_cut_during_verification,
        replicas=3,
    ),
    Fault(
        name="pod deleted before the answer",
        injected="Pod 0 is deleted when Vault has made its keys; the answer and the pod's log go with it.",
        seen=(
            Seen("`no answer from Vault`."),
            Seen(
                "The next run: the `keys went to nobody`, but `That it is empty can't be proven`, so it "
                "names no volume: the person deletes it, who knows that nothing is in it.",
                runs=(2,),
            ),
        ),
        run=vault_faults.pod_deleted_before_the_answer,
        keys=Keys.NEVER_GIVEN,
    ),
    Fault(
        name="pod deleted after the answer",
        injected="Pod 0 is deleted while Vault's answer is on its way to the program.",
        seen=(Seen("Nothing of it: the run waits for the new pod, which unseals itself, and ends well."),),
        run=vault_faults.pod_deleted_after_the_answer,
    ),
    Fault(
        name="Vault restarted",
        injected="All three pods are deleted after the run.",
        seen=(Seen("Nothing: they unseal themselves, and the next run changes nothing."),),
        run=vault_faults.vault_restarted,
        replicas=3,
    ),
    Fault(
        name="KMS denies Encrypt",
        injected="Vault's role may not use `kms:Encrypt` at the first run.",
        seen=(
            Seen("`kms:Encrypt`, and that `this run has initialised nothing`."),
            Seen("With the right back the next run ends well.", runs=(2,)),
        ),
        run=seal_faults.encrypt_denied,
    ),
    Fault(
        name="KMS denies Encrypt without preflight",
        injected="The same with `init.preflight` off, so that Vault finds out in the middle of its init.",
        seen=(
            Seen("`init.preflight is off`, and from Vault `is not authorized to perform: kms:Encrypt`."),
            Seen(f"With the right back: {_NOBODY}.", runs=(2,)),
            Seen(_BEGUN_ANEW, runs=(3,)),
        ),
        run=seal_faults.encrypt_denied_without_preflight,
        keys=Keys.NEVER_GIVEN,
    ),
    Fault(
        name="KMS denies Decrypt later",
        injected="After the run Vault's role loses `kms:Decrypt`, and the pod is restarted.",
        seen=(
            Seen(
                "A run that changes the release: `Vault has no quorum`, with the pod's log, which names "
                "`kms:Decrypt`.",
                runs=(2,),
            ),
            Seen("With the right given back the pod unseals itself.", runs=(3,)),
        ),
        run=seal_faults.decrypt_denied_later,
    ),
    Fault(
        name="KMS unreachable",
        injected="AWS answers nothing from the moment on at which Vault begins its init, until the next run "
        "has begun.",
        seen=(
            Seen("Vault itself gives up: `context deadline exceeded`."),
            Seen(f"The next run waits until AWS is there again. Then {_NOBODY}.", runs=(2,)),
            Seen(_BEGUN_ANEW, runs=(3,)),
        ),
        run=seal_faults.unreachable_during_init,
        alone=True,
        keys=Keys.NEVER_GIVEN,
    ),
    Fault(
        name="configuration changed before the init",
        injected="The first run fails before its init, and a setting of Vault's configuration is changed "
        "before the next one.",
        seen=(
            Seen("`kms:Encrypt`, and that `this run has initialised nothing`."),
            Seen(
                "The next run: `Replacing`, of each pod that `isn't initialised and has an older "
                "configuration`, and then `Initialising Vault`.",
                runs=(2,),
            ),
        ),
        run=seal_faults.configuration_changed_before_init,
    ),
    Fault(
        name="wrong context",
        injected="Behind the same context another cluster answers, with a Vault of the same name in it.",
        seen=(
            Seen(
                "Preview: `This stack was deployed to the Kubernetes cluster`, and which one answers.",
                runs=(2,),
            ),
            Seen(
                "Update: `This stack was deployed to the Kubernetes cluster`, and "
                "`Nothing was changed there`.",
                runs=(3,),
            ),
        ),
        run=wrong_cluster.wrong_context,
    ),
    Fault(
        name="code edited",
        injected="A run is killed when the keys are stored, and every module is edited before the next one.",
        seen=(
            LOCKED,
            Seen(f"Then, as without the edit: {_JOURNAL}; the run after changes nothing.", runs=(4,)),
        ),
        run=program_changes.code_edited,
    ),
    Fault(
        name="SDK upgraded",
        injected="The first run uses an older Pulumi SDK (3.259.0), the next one that of the requirements.",
        seen=(Seen("Nothing of it: the next run changes nothing."),),
        run=program_changes.sdk_upgraded,
    ),
    Fault(
        name="resource renamed",
        injected="The resource of the init gets another name, with the old one as an alias.",
        seen=(Seen("Nothing of it: the next run neither replaces nor initialises."),),
        run=program_changes.resource_renamed,
    ),
    Fault(
        name="provider module moved",
        injected="The module of the init's provider gets another name; the state still names the old one.",
        seen=(Seen("Nothing of it: updates and a refresh work, and the keys stay."),),
        run=program_changes.provider_module_moved,
    ),
)
