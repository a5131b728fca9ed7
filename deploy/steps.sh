# Sourced by the other scripts: runs a command under a one-line header and says how long it took.
#   step 'what it does' command argument…

step() {
    # Headers go beside what the command itself says: that may be a document.
    printf '\n==> %s\n' "$1" >&2
    shift
    step_began=$(date +%s)
    # In a list, «set -e» would not apply inside a function given as the command; so its status is asked for.
    step_status=0
    "$@" || step_status=$?
    step_seconds=$(($(date +%s) - step_began))
    if [ "$step_status" -ne 0 ]; then
        printf '==> failed after %s s, exit code %s\n' "$step_seconds" "$step_status" >&2
        return "$step_status"
    fi
    printf '==> done in %s s\n' "$step_seconds" >&2
}
