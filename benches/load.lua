-- What wrk sends: creates with names that are all new, or one address again and again.
-- Arguments: method, address, token, and for creates the body with %s for the name.
local method, address, token, body
local number = 0

function init(args)
    method, address, token, body = args[1], args[2], args[3], args[4]
    math.randomseed(os.time() + math.floor(os.clock() * 1e6))
    prefix = string.format("u%d-%d", os.time(), math.random(1e9))
end

function request()
    local headers = { ["Authorization"] = token, ["Content-Type"] = "application/json" }
    if method == "GET" then
        return wrk.format("GET", address, headers)
    end
    number = number + 1
    return wrk.format("POST", address, headers, (body:gsub("%%s", prefix .. "-" .. number)))
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format("RESULT %d %d %d %f\n", summary.requests, summary.duration,
        errors.status + errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(99) / 1000))
end
