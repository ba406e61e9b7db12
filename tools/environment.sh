#!/bin/sh
# Makes the environment that the Makefile's targets run in, or says in a sentence why it cannot and what to do.
#
#     sh tools/environment.sh core    what `make demo` needs: mecopt alone
#     sh tools/environment.sh all     what `make test` needs: the extras, the test tools and Sphinx as well
#
# Settings, from the caller's environment:
#     VENV          folder of the environment (.venv)
#     PYTHON        interpreter to make it with (the first suitable one on PATH)
#     EXTRAS        extras of mecopt that `all` installs (learn,scip,matlab,cluster); ecos comes with them where it has a wheel
#     DEPENDENCIES  pinned (constraints.txt), lowest (the versions pyproject.toml names) or newest (what the index has)
#
# An environment is kept as long as it can be used, and made anew where its Python is gone, too old or not the one asked for,
# where it has no pip, where its folder was moved, or where an installation was cut short.
set -eu
cd "$(dirname "$0")/.."

level=${1:?core or all}
VENV=${VENV:-.venv}
PYTHON=${PYTHON:-}
EXTRAS=${EXTRAS-learn,scip,matlab,cluster}
DEPENDENCIES=${DEPENDENCIES:-pinned}
python=$VENV/bin/python
newest=14 # of Python 3: the last one for which every package of the core has wheels
supported="Python 3.11 to 3.$newest"

say() { echo "mecopt: $*" >&2; }
fail() { say "$@"; exit 1; }

# "3 12 1 /usr" of an interpreter, nothing where it does not run. Old Pythons must understand the question.
identity() {
    "$1" -c 'import sys; print("%d %d %d %s" % (sys.version_info[:3] + (getattr(sys, "base_prefix", sys.prefix),)))' 2>/dev/null || true
}
number() { identity "$1" | { read -r major minor patch _ && echo "$major.$minor.$patch"; } || true; }
is_supported() { identity "$1" | { read -r major minor _ && [ "$major" = 3 ] && [ "$minor" -ge 11 ]; }; }
is_tried() { is_supported "$1" && identity "$1" | { read -r _ minor _ && [ "$minor" -le $newest ]; }; }
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# ---------------------------------------------------------------------------------------------------------- which Python

without_venv() {
    version=$(number "$1")
    say "$1 is Python $version, but without the modules venv and ensurepip, which some systems pack apart."
    fail "On Debian and Ubuntu: sudo apt install python${version%.*}-venv; or name another Python: make PYTHON=/path/to/python."
}

# Sets `chosen`: the interpreter that was asked for, or python3 where it will do, or the newest other one on PATH that does.
choose() {
    if [ -n "$PYTHON" ]; then
        version=$(number "$PYTHON")
        [ -n "$version" ] || fail "PYTHON=$PYTHON cannot be run; name a Python that is installed, such as PYTHON=python3.12."
        is_supported "$PYTHON" || fail "PYTHON=$PYTHON is Python $version; mecopt needs $supported."
        has_venv "$PYTHON" || without_venv "$PYTHON"
        is_tried "$PYTHON" || say "Python $version is newer than what mecopt was tried with ($supported); packages may have no wheels for it."
        chosen=$PYTHON
        return
    fi
    seen='' bare=''
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        version=$(number "$candidate")
        [ -n "$version" ] || continue
        seen="$seen${seen:+, }$candidate is $version"
        is_tried "$candidate" || continue
        if has_venv "$candidate"; then
            chosen=$candidate
            return
        fi
        bare=${bare:-$candidate}
    done
    [ -z "$bare" ] || without_venv "$bare"
    say "no suitable Python on PATH (${seen:-none at all}); mecopt needs $supported."
    fail "Install one (from python.org, your system's packages, pyenv or uv), then: make demo PYTHON=/path/to/python3.12"
}

# ---------------------------------------------------------------------------------------------- what stands, and its state

# What a finished installation was made of: it is done again where this changes.
record() {
    case $1 in all) extras=$EXTRAS ;; *) extras= ;; esac
    echo "$DEPENDENCIES $extras $(cat pyproject.toml constraints.txt tools/environment.sh | cksum)"
}

is_current() { [ -e "$VENV/$level" ] && [ "$(cat "$VENV/$level")" = "$(record "$level")" ]; }

# Prints why the environment cannot be used; nothing where it can.
unusable() {
    version=$(number "$python")
    if [ -z "$version" ]; then
        echo "its Python does not run"
    elif ! is_supported "$python"; then
        echo "it is of Python $version"
    elif [ -n "$PYTHON" ] && [ "$(identity "$python")" != "$(identity "$PYTHON")" ]; then
        echo "it is of another Python ($version) than PYTHON=$PYTHON"
    elif [ -e "$VENV/unfinished" ]; then
        echo "its installation was cut short"
    elif [ -e "$VENV/made-in" ] && [ "$(cat "$VENV/made-in")" != "$PWD" ]; then
        echo "it was made in another folder"
    elif [ "$DEPENDENCIES" = lowest ] && ! is_current; then
        echo "what it was made of has changed, and uv keeps what is newer"
    elif ! "$python" -m pip --version >/dev/null 2>&1; then
        echo "it has no pip that works"
    fi
}

make_anew() {
    choose
    rm -rf "$VENV"
    say "$VENV is made with $chosen (Python $(number "$chosen")), and what it needs is installed; this takes a few minutes."
    if ! "$chosen" -m venv "$VENV"; then
        rm -rf "$VENV"
        fail "$chosen could not make $VENV; its own words are above."
    fi
    echo "$PWD" >"$VENV/made-in"
}

# ------------------------------------------------------------------------------------------------------------ installation

# A path entry instead of an import hook: else Python started beside a clone called `mecopt` takes the clone for the package.
# Setuptools says whenever it is asked for one that it may end some day; that is no news to who builds an environment.
editable="--config-settings editable_mode=compat --editable"
export PYTHONWARNINGS="${PYTHONWARNINGS:+$PYTHONWARNINGS,}ignore:Compat editable installs"

pip_install() { "$python" -m pip install --quiet --disable-pip-version-check --constraint "$VENV/constraints.txt" "$@"; }

install_chosen() {
    case $DEPENDENCIES in
    pinned) pip_install "$@" ;;
    newest) pip_install --upgrade --upgrade-strategy eager "$@" ;;
    lowest) "$python" -m uv pip install --quiet --python "$python" --resolution lowest-direct \
        --constraint "$VENV/constraints.txt" "$@" ;;
    esac
}

install() {
    case $DEPENDENCIES in
    pinned) cp constraints.txt "$VENV/constraints.txt" ;;
    lowest | newest) # the tools' own versions, and torch, which is large
        grep -E '^(pip|torch|uv)==' constraints.txt >"$VENV/constraints.txt"
        ;;
    *) fail "DEPENDENCIES=$DEPENDENCIES is none of pinned, lowest, newest." ;;
    esac
    case $level in
    core) what=. groups= ;;
    all) what=".${EXTRAS:+[$EXTRAS]}" groups="--group dev --group docs" ;;
    *) fail "$level is neither core nor all." ;;
    esac
    pip_install --upgrade 'pip>=25.1'
    if [ "$DEPENDENCIES" = lowest ]; then
        pip_install uv
        # Alone, since uv would take a larger build of it; what it rests on is chosen below.
        case $level,$EXTRAS, in all,*learn,*) pip_install --no-deps torch ;; esac
    fi
    install_chosen $editable "$what" $groups
    if [ "$level" = all ] && ! install_chosen --only-binary ecos $editable '.[ecos]' 2>/dev/null; then
        say "ecos has no wheel for this Python and system: its benches are left out, and its tests are skipped."
    fi
}

why=
[ ! -e "$VENV" ] && [ ! -L "$VENV" ] || why=$(unusable)
if [ -n "$why" ]; then
    say "$VENV cannot be used: $why."
    make_anew
elif [ ! -e "$VENV" ]; then
    make_anew
fi
! is_current || exit 0
touch "$VENV/unfinished"
set +e # a failure is told below
(set -e && install)
status=$?
set -e
rm "$VENV/unfinished" # pip came to an end by itself, and then leaves no package half installed
if [ $status != 0 ]; then
    say "the packages could not be installed; the words above say why."
    fail "Without a net, pip takes wheels from a folder: PIP_NO_INDEX=1 PIP_FIND_LINKS=/folder/of/wheels make demo"
fi
record core >"$VENV/core"
[ "$level" = core ] || record all >"$VENV/all"
