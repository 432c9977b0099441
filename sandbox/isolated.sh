#!/bin/sh
# isolated.sh <name> <command...>: run a command that brings up a sandbox beside all others of this machine.
#
# The command runs as root in network, mount and process namespaces of its own, with nothing but the loopback
# on the network and no way out of it. Inside, .sandbox is the folder .sandbox/isolated/<name>; the sandbox's
# logs can be read there from outside. When the command has ended, so has its sandbox and every process that
# it left.
set -eu

[ $# -ge 2 ] || {
    echo 'usage: sandbox/isolated.sh <name> <command...>' >&2
    exit 2
}
repository=$(cd "$(dirname "$0")/.." && pwd)
home=$repository/.sandbox/isolated/$1
shift
mkdir -p "$home"

# The first process inside takes up orphans, as the sandbox's processes are, and ends what is left.
# shellcheck disable=SC2016 # expanded inside
inside='
home=$1 repository=$2
shift 2
ip link set lo up
mount --bind "$home" "$repository/.sandbox"
export VAULT_SANDBOX_ISOLATED=yes
down() { "$repository/.venv/bin/python" -m sandbox down >/dev/null; }
down # what a command that was killed has left in the folder
status=0
"$@" || status=$?
down
exit $status
'
cd "$repository"
exec 9>"$home/lock"
flock --nonblock 9 || {
    echo "isolated.sh: another command runs in $home at the moment; wait for its end, or take another name" >&2
    exit 1
}
exec unshare --net --mount --pid --fork --kill-child --mount-proc \
    sh -euc "$inside" isolated "$home" "$repository" "$@"
