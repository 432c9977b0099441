#!/bin/sh
# Makes .venv and installs everything that the program, the sandbox and the tests need into it.
# Does nothing when that was done for these requirements; run again after an interruption it goes on.
# pip installs only uv: for the rest it takes two minutes of processor time, and uv six seconds.
set -eu
cd "$(dirname "$0")/.."

requirements='requirements.txt sandbox/requirements.txt tests/requirements.txt'
lock=tests/requirements.lock
stamp=.venv/.installed-requirements
place=.venv/.made-in

fail() {
    echo "virtual_environment.sh: $1" >&2
    exit 1
}

# shellcheck disable=SC2086 # a list of files
wanted=$(cat $requirements $lock | sha256sum)

works() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null
}

# The scripts in .venv/bin hold its path, and pip would leave them as they are: a moved .venv is of no use.
usable() {
    works .venv/bin/python && [ -e "$place" ] && [ "$(cat "$place")" = "$(pwd)" ]
}

if usable && [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

# shellcheck disable=SC2086 # a list of files
sed -n 's/\[.*\]//; /==/p' $requirements | tr 'A-Z_' 'a-z-' | while read -r pin; do
    grep -qx "$pin" "$lock" || fail "$pin is required, but $lock has another version or none. Renew it: \
.venv/bin/uv pip compile --universal --python-version 3.11 --output-file $lock tests/requirements.txt"
done

python=
for candidate in python3 python3.11; do
    if works "$candidate"; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || fail "Python 3.11 is needed and neither python3 nor python3.11 on PATH is one. \
Debian 12 has it (apt-get install python3); elsewhere install it and put python3.11 on PATH."

if ! usable; then
    # Debian splits venv off: without its package ensurepip, which puts pip in, is missing.
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        command -v apt-get >/dev/null || fail "$python cannot make virtual environments (no module ensurepip). Install it."
        [ "$(id -u)" = 0 ] || fail "Debian's package python3-venv is missing and only root can install it: \
apt-get install python3-venv"
        echo 'Installing the Debian package python3-venv ...'
        # dpkg refuses to work without the sbin folders, which a root shell made by `su` lacks.
        PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
        apt-get -q -o DPkg::Lock::Timeout=120 update
        DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends python3-venv
        "$python" -c 'import ensurepip, venv' 2>/dev/null ||
            fail "$python still has no module ensurepip: Debian's python3-venv serves Debian's own Python only."
    fi
    echo 'Making .venv ...'
    "$python" -m venv --clear .venv
    # Written after it is complete: an interrupted run can leave a .venv without pip.
    pwd >"$place"
fi

echo 'Installing Python packages into .venv ...'
.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint "$lock" uv
.venv/bin/uv pip sync --quiet --python .venv/bin/python "$lock" ||
    fail "uv could not install them. It takes a package index of your own from UV_DEFAULT_INDEX, not from pip's settings."
printf '%s\n' "$wanted" >"$stamp"
