# shellcheck shell=bash
# What the commands in this folder share. Sourced, not run; works with bash 3.2 and newer.

set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

say() {
    printf '==> %s\n' "$*" >&2
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Whether all of these programs are on the path.
has() {
    local program
    for program in "$@"; do command -v "$program" >/dev/null || return 1; done
}

# Runs a command as root where that needs no password; fails otherwise.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif has sudo && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

# A shell that was open while Rust was installed does not know the way to it yet.
if ! has cargo && [ -x "${HOME:-}/.cargo/bin/cargo" ]; then
    PATH=$HOME/.cargo/bin:$PATH
fi

# shellcheck disable=SC2034  # used by those who source this
# Where Postgres is placed. The program looks at the same two places. As root, Postgres runs as
# another user, who can rarely enter root's home folder.
if [ -n "${MARQUEE_POSTGRES_DIR:-}" ]; then
    postgres_dir=$MARQUEE_POSTGRES_DIR
elif [ "$(id -u)" = 0 ]; then
    postgres_dir=/opt/marquee/postgres
else
    postgres_dir=${XDG_DATA_HOME:-${HOME:?is not set, so there is no place for Postgres}/.local/share}/marquee/postgres
fi
# shellcheck disable=SC2034  # likewise
# Where a Redis is placed that is not the system's.
redis_dir=$(dirname -- "$postgres_dir")/redis

# Prints the way to a Redis server; fails where there is none.
redis_server() {
    command -v redis-server || {
        [ -x "$redis_dir/redis-server" ] && printf '%s\n' "$redis_dir/redis-server"
    }
}

# shellcheck disable=SC2034  # likewise
# The folder where cargo builds.
target_dir=${CARGO_TARGET_DIR:-target}
