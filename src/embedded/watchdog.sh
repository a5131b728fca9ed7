# Stops what one start of the private services has started, however its owner ended.
# Standard input is a pipe from the owner. Its lines are «NAME PID», written by each program just before it starts, «NAME»
# once it has ended, and «folder PATH», a temporary folder to remove. The line «end», or the end of the input because the
# owner is gone, begins the stop.
trap '' HUP INT TERM
command='' setup='' postgres='' redis='' folder=''
while read -r name value; do
    case $name in
        command) command=$value ;; # negative: a process group
        setup) setup=$value ;;
        postgres) postgres=$value ;;
        redis) redis=$value ;;
        folder) folder=$value ;;
        end) break ;;
    esac
done

send() { # signal, process or group or nothing
    if [ -n "$2" ]; then kill -s "$1" -- "$2" 2>/dev/null; fi
}

await() { # twentieths of a second, processes: whether all have ended by then
    left=$1
    shift
    for process; do
        while send 0 "$process" && [ -n "$process" ]; do
            if [ "$left" -le 0 ]; then return 1; fi
            left=$((left - 1))
            sleep 0.05 2>/dev/null || sleep 1
        done
    done
}

# First what uses the servers, so that it can still say good-bye to them.
send TERM "$command"
await 100 "$command" || send KILL "$command"

if [ -n "$setup" ]; then send KILL "-$setup"; fi # half a data folder is of no use
send INT "$postgres"  # fast: ends the sessions, writes a checkpoint
send TERM "$redis"    # writes its append-only file to the end
if ! await 200 "$postgres" "$redis"; then
    send QUIT "$postgres" # at once: the next start recovers from the log
    if ! await 60 "$postgres"; then send KILL "$postgres"; fi
    send KILL "$redis"
    await 40 "$postgres" "$redis"
fi
if [ -n "$folder" ]; then
    # Something that was killed may be about to write a last file.
    for attempt in 1 2 3 4 5; do
        rm -rf -- "$folder" 2>/dev/null
        if [ ! -e "$folder" ]; then break; fi
        sleep 0.05 2>/dev/null || sleep 1
    done
fi
