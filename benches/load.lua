-- The requests of wrk. Arguments: the token, and a file of URLs, of which each request picks one at random (GET, or
-- POST for a URL that is followed by a tab and a body); or the token, a URL to post to, a body with %s for the name and
-- %07d for the end of the number, and whether names are in `order` or at `random`.
-- Requests are built in advance: the load generator shares the machine with the measured system.
local requests, head, body, in_order
local prefix, number = "", 0

local threads = 0
function setup(thread)
    threads = threads + 1
    thread:set("thread_number", threads)
end

function init(args)
    local token, address, template, order = args[1], args[2], args[3], args[4]
    local headers = { ["Authorization"] = token, ["Content-Type"] = "application/json" }
    math.randomseed(os.time() * 100 + thread_number)
    for _ = 1, 10 do math.random() end
    if template then
        -- All bodies have the same length, and therefore the same head.
        body, in_order = template, order == "order"
        prefix = string.format("%08x", math.random(0, 2 ^ 31 - 1))
        local example = string.format(body, string.rep("x", 16), 0)
        local request = wrk.format("POST", address, headers, example)
        head = request:sub(1, #request - #example)
    else
        requests = {}
        for line in io.lines(address) do
            local target, posted = line:match("^([^\t]+)\t(.*)$")
            requests[#requests + 1] = posted and wrk.format("POST", target, headers, posted)
                or wrk.format("GET", line, headers)
        end
    end
end

function request()
    if requests then
        return requests[math.random(#requests)]
    end
    number = number + 1
    local name
    if in_order then
        name = prefix .. string.format("%08x", number)
    else
        name = string.format("%08x%08x", math.random(0, 2 ^ 31 - 1), math.random(0, 2 ^ 31 - 1))
    end
    return head .. string.format(body, name, in_order and number or math.random(0, 9999999))
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format("RESULT %d %d %d %f\n", summary.requests, summary.duration,
        errors.status + errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(99) / 1000))
end
