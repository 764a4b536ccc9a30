# The service as a process of its own: `source`d by what drives it from outside. Expects its path in
# `binary`; `service` is its process while it runs, else empty.

# Starts it with a database; sets `url` and `key`.
start_service() {
    local database=$1 log=$2
    : >"$log"
    "$binary" --bind 127.0.0.1:0 --log warn --database-url "$database" 2>"$log" &
    service=$!
    for _ in {1..300}; do
        # The last line of what it says when it is ready.
        if grep -q 'shown once, never again' "$log"; then
            url=$(sed -n 's|^ *Swagger UI *\(http://[^/]*\)/.*|\1|p' "$log")
            key=$(sed -n 's|^ *API key *||p' "$log")
            return
        fi
        kill -0 "$service" 2>/dev/null || break
        sleep 0.1
    done
    echo 'the service does not start:' >&2
    cat "$log" >&2
    return 1
}

# Ends it as an operator would; fails where it does not end well.
stop_service() {
    [[ -n $service ]] || return 0
    local process=$service
    service=''
    kill -TERM "$process" 2>/dev/null || true
    for _ in {1..400}; do
        kill -0 "$process" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$process" 2>/dev/null || true
    wait "$process"
}
