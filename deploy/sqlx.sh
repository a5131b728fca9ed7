#!/bin/sh
# The data in .sqlx, from which the checked queries are compiled without a database.
#   sh deploy/sqlx.sh check      compares it with what the queries need now
#   sh deploy/sqlx.sh refresh    brings it up to date
# DATABASE_URL is a Postgres on which a database for the purpose may be made. Needs no further tool: when sqlx's macros
# see a database and SQLX_OFFLINE_DIR, they write what they learn into that folder.
set -eu

cd "$(dirname "$0")/.."
mode=${1:-check}
: "${DATABASE_URL:?is not set; run «make sqlx», which starts a Postgres}"
target=${CARGO_TARGET_DIR:-target}
sigmabatch=${SIGMABATCH:-$target/debug/sigmabatch}

find_psql() {
    for folder in '' /usr/lib/postgresql/*/bin/ /usr/pgsql-*/bin/ /opt/homebrew/opt/postgresql@*/bin/ \
        /usr/local/opt/postgresql@*/bin/ /opt/homebrew/opt/libpq/bin/ /usr/local/opt/libpq/bin/; do
        if command -v "${folder}psql" >/dev/null 2>&1; then
            printf '%s\n' "${folder}psql"
            return 0
        fi
    done
    return 1
}

# The same server, another database: the name is what follows the last slash, up to parameters.
other_database() { # name
    address=${DATABASE_URL%%\?*}
    parameters=${DATABASE_URL#"$address"}
    printf '%s/%s%s\n' "${address%/*}" "$1" "$parameters"
}

database=''
written=$(mktemp -d "${TMPDIR:-/tmp}/sigmabatch-sqlx.XXXXXX")
tidy_up() {
    rm -rf "$written"
    if [ -n "$database" ]; then
        "$psql" -X -q "$DATABASE_URL" -c "drop database if exists $database with (force)" >/dev/null 2>&1 || true
    fi
}
trap tidy_up EXIT
trap 'exit 130' HUP INT TERM

# From the files and not with «sigmabatch migrate», because after a change of both a query and the schema the program cannot be
# compiled before the data are fresh. Without psql it has to do, on the database that was given.
if psql=$(find_psql); then
    database=sigmabatch_sqlx_$$
    "$psql" -X -q "$DATABASE_URL" -c "create database $database"
    url=$(other_database "$database")
    for migration in migrations/*.sql; do
        case $migration in *.down.sql) continue ;; esac
        "$psql" -X -q -v ON_ERROR_STOP=1 --single-transaction -f "$migration" "$url" >/dev/null
    done
else
    url=$DATABASE_URL
    DATABASE_URL=$url "$sigmabatch" migrate >/dev/null
fi

# A target folder of its own, so that neither build undoes the other's. Cargo would see nothing to do in an unchanged
# library, and nothing would be written, so it is made to forget it.
CARGO_TARGET_DIR=$target/sqlx-check
export CARGO_TARGET_DIR
cargo clean --quiet --package sigmabatch
CARGO_INCREMENTAL=0 SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$written DATABASE_URL=$url \
    cargo check --quiet --locked --package sigmabatch --lib

case $mode in
    check)
        mkdir -p "$written/none"
        committed=.sqlx
        if [ ! -d "$committed" ]; then committed=$written/none; fi
        if ! diff -r -x none "$committed" "$written" >&2; then
            echo 'sqlx: .sqlx does not fit the queries (see above); refresh it with «make sqlx» and commit it' >&2
            exit 1
        fi
        ;;
    refresh)
        mkdir -p .sqlx
        rm -f .sqlx/query-*.json
        for file in "$written"/query-*.json; do
            if [ -e "$file" ]; then cp "$file" .sqlx/; fi
        done
        find .sqlx -name 'query-*.json' | wc -l | xargs printf 'sqlx: %s queries in .sqlx\n'
        ;;
    *)
        echo "sqlx: $mode is neither check nor refresh" >&2
        exit 2
        ;;
esac
