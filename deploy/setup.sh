#!/bin/sh
# Makes sure that everything is there which `make demo` and `make test` need: Rust, a C linker, Postgres and Redis; for
# the tests also Chromium with its driver, which open the dashboard.
#
# Rust and the linker are yours to install; when one is missing this says how and stops. Postgres and Redis are only
# needed as programs: sigmabatch starts private ones and never uses servers that are running. On Debian and Ubuntu they
# are installed from the distribution's packages if this may be done (as root, or with a sudo that asks nothing);
# otherwise this names the packages and stops. So with Chromium, but without it the tests go on, and say that those of
# the browser are skipped. Nothing else is installed, and nothing when all is there.
#
# With DATABASE_URL and REDIS_URL both set, those servers are used, and none need to be installed.
set -eu

cd "$(dirname "$0")/.."
rust_version=$(sed -n 's/^channel *= *"\(.*\)".*/\1/p' rust-toolchain.toml)

stop() {
    printf 'set-up: %s\n' "$@" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

check_rust() {
    if ! has cargo; then
        # rustup puts cargo there; a shell that was opened before does not know it yet.
        if [ -x "${HOME:-/nonexistent}/.cargo/bin/cargo" ]; then
            stop "cargo is installed but not on PATH; run this, then try again:" "  . \"\$HOME/.cargo/env\""
        fi
        stop "Rust is missing (cargo $rust_version). Install it with rustup, see https://rustup.rs:" \
            "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
    fi
    # With rustup, the version of rust-toolchain.toml is fetched here if it is not installed.
    if ! rustc_version=$(rustc --version 2>&1); then
        printf '%s\n' "$rustc_version" >&2
        stop "Rust $rust_version, which rust-toolchain.toml asks for, is not usable. Install it with:" \
            "  rustup toolchain install $rust_version --profile minimal --component rustfmt,clippy"
    fi
    found=$(printf '%s\n' "$rustc_version" | sed -n 's/^rustc \([0-9]*\.[0-9]*\).*/\1/p')
    if [ "$(minor_of "$found")" -lt "$(minor_of "$rust_version")" ]; then
        stop "Rust $found is too old, $rust_version is needed. Install rustup, which selects it: https://rustup.rs"
    fi
    if [ "${1:-}" = test ] && ! { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1; then
        stop "rustfmt or clippy is missing. Install them with:" "  rustup component add rustfmt clippy"
    fi
}

minor_of() { # of «1.95» or «1.95.0»
    rest=${1#*.}
    minor=${rest%%.*}
    printf '%s\n' "${minor:-0}"
}

check_linker() {
    if ! has cc; then
        stop "a C linker (cc) is missing. Install one with:" \
            "  apt-get install gcc libc6-dev    (Debian, Ubuntu)" \
            "  dnf install gcc                  (Fedora)" \
            "  xcode-select --install           (macOS)"
    fi
}

# The same places as in src/embedded/binaries.rs.
has_postgres() {
    if has initdb && has postgres; then return 0; fi
    for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin \
        /usr/local/opt/postgresql@*/bin /opt/homebrew/bin /usr/local/bin; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then return 0; fi
    done
    return 1
}

has_redis() {
    for program in redis-server valkey-server; do
        if has "$program"; then return 0; fi
        for folder in /opt/homebrew/bin /usr/local/bin /usr/bin /usr/local/sbin /usr/sbin; do
            if [ -x "$folder/$program" ]; then return 0; fi
        done
    done
    return 1
}

missing_packages() { # names of Debian
    has_postgres || printf ' postgresql'
    has_redis || printf ' redis-server'
}

# Prints what to put before a command that root has to run; fails if that is not possible without a question.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        return 0
    fi
    has sudo && sudo -n true 2>/dev/null && printf 'sudo'
}

install_with_apt() {
    sudo=$1
    shift
    printf 'set-up: installing from Debian packages: %s\n' "$*"
    # Debian starts a server as soon as it is installed; we only want the programs. The documented way to say so is a
    # policy-rc.d, which is put there for the moment, unless there is one already (containers have one).
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap '$sudo rm -f "$policy"' EXIT
        trap 'exit 130' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
        $sudo chmod 755 "$policy"
    fi
    log=$(mktemp)
    if ! { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        stop "apt-get could not install $*; see above"
    fi
    rm -f "$log"
    if [ -d /run/systemd/system ]; then
        printf 'set-up: Debian will start its own servers at the next boot; sigmabatch does not need them:\n'
        printf 'set-up:   systemctl disable postgresql redis-server\n'
    fi
}

check_servers() {
    if [ -n "${DATABASE_URL:-}" ] && [ -n "${REDIS_URL:-}" ]; then
        return 0
    fi
    packages=$(missing_packages)
    if [ -z "$packages" ]; then
        return 0
    fi
    if has apt-get && sudo=$(as_root); then
        # shellcheck disable=SC2086 # a list of names
        install_with_apt "$sudo" $packages
        packages=$(missing_packages)
        if [ -z "$packages" ]; then
            return 0
        fi
        stop "installed, and still not found:$packages"
    fi
    stop "missing, and not installed for you (that needs apt-get, and root or a sudo that asks nothing):$packages" \
        "Install both, then try again:" \
        "  apt-get install postgresql redis-server      (Debian, Ubuntu)" \
        "  dnf install postgresql-server redis          (Fedora; valkey will do as well)" \
        "  brew install postgresql@17 redis             (macOS)" \
        "Or set DATABASE_URL and REDIS_URL to servers of your own."
}

has_browser() {
    has chromedriver && { has chromium || has chromium-browser || has google-chrome; }
}

# Tests in a browser are worth a package, not a stop: only CI insists on them.
check_browser() {
    if has_browser; then
        return 0
    fi
    if has apt-get && sudo=$(as_root); then
        (install_with_apt "$sudo" chromium chromium-driver fonts-dejavu-core) || true
        if has_browser; then
            return 0
        fi
    fi
    printf 'set-up: %s\n' "Chromium and its driver are missing: THE TESTS IN A BROWSER ARE SKIPPED. To have them:" \
        "  apt-get install chromium chromium-driver     (Debian)"
}

check_rust "${1:-}"
check_linker
check_servers
if [ "${1:-}" = test ]; then
    check_browser
fi
