-- The requests of wrk, which come in one or more kinds. Arguments: the number of threads; a file that does not exist
-- yet; and four for each kind of request: its weight among the others; the request; how its items are chosen, "any" for
-- random ones or "once" for each in turn; and the file of its items, to whose name each thread adds its number, so that
-- threads share no item. `-` means that the kind has no items.
--
-- In a request, these stand for values that differ from one request to the next, and have a fixed length, because
-- Content-Length is part of the request:
--   <item>         an item
--   <next name>    16 characters, ascending, and never the same twice
--   <any name>     16 characters, random, and in practice never the same twice
--   <next number>  7 digits, ascending
--   <any number>   7 digits, random
--
-- Everything is prepared before the load as far as possible: wrk shares the machine with the measured system.
local kinds = {}
-- The file that the last thread creates when it is ready; nil if this thread need not wait for it.
local ready
local prefix, number = "", 0
-- The items of a kind that are used up; read by `done`.
taken = 0

local function random_half()
    return math.random(0, 2 ^ 31 - 1)
end

local values = {
    ["next name"] = function() return prefix .. string.format("%08x", number) end,
    ["any name"] = function() return string.format("%08x%08x", random_half(), random_half()) end,
    ["next number"] = function() return string.format("%07d", number) end,
    ["any number"] = function() return string.format("%07d", math.random(0, 9999999)) end,
}

local function read(file)
    local items = {}
    for line in io.lines(file .. "." .. thread_number) do
        items[#items + 1] = line
    end
    return items
end

-- A function that returns each item once. Without new items, requests would fail or change nothing: better no result
-- than a wrong one.
local function in_turn(items)
    local used = 0
    return function()
        used = used + 1
        taken = math.max(taken, used)
        if used > #items then
            io.write(string.format("thread %d has used up its %d items\n", thread_number, #items))
            os.exit(1)
        end
        return items[used]
    end
end

-- The texts of a request, with gaps between them, and for each gap the function that returns its value.
local function split(template, item)
    local parts, gaps, from = {}, {}, 1
    for before, name, after in template:gmatch("()<([%a ]+)>()") do
        parts[#parts + 1] = template:sub(from, before - 1)
        gaps[#parts + 1] = name == "item" and item or values[name]
        parts[#parts + 1] = ""
        from = after
    end
    parts[#parts + 1] = template:sub(from)
    return parts, gaps
end

-- A function that returns the next request of a kind.
local function kind(template, choice, file)
    local items = file == "-" and { "" } or read(file)
    if choice == "any" and not template:gsub("<item>", ""):find("<[%a ]+>") then
        -- Nothing else differs.
        local before, after = template:match("^(.-)<item>(.*)$")
        if not before then
            return function() return template end
        end
        for index, item in ipairs(items) do
            items[index] = before .. item .. after
        end
        return function() return items[math.random(#items)] end
    end
    local item = choice == "once" and in_turn(items) or function() return items[math.random(#items)] end
    local parts, gaps = split(template, item)
    return function()
        for index, value in pairs(gaps) do
            parts[index] = value()
        end
        return table.concat(parts)
    end
end

local threads = {}
function setup(thread)
    threads[#threads + 1] = thread
    thread:set("thread_number", #threads)
end

function init(args)
    math.randomseed(os.time() * 100 + thread_number)
    for _ = 1, 10 do math.random() end
    prefix = string.format("%08x", random_half())
    for first = 3, #args, 4 do
        local next_request = kind(args[first + 1], args[first + 2], args[first + 3])
        for _ = 1, tonumber(args[first]) do
            kinds[#kinds + 1] = next_request
        end
    end
    if thread_number < tonumber(args[1]) then
        ready = args[2]
    else
        io.open(args[2], "w"):close()
    end
end

-- wrk prepares its threads one after the other, but starts each at once, and its clock with the last: the first would
-- have more time than is measured.
local function wait()
    -- wrk asks the first thread for a request before it starts.
    if thread_number == 1 and number == 1 then
        return
    end
    while not io.open(ready) do end
    ready = nil
end

function request()
    number = number + 1
    if ready then
        wait()
    end
    return kinds[math.random(#kinds)]()
end

function done(summary, latency)
    local errors, most = summary.errors, 0
    for _, thread in ipairs(threads) do
        most = math.max(most, thread:get("taken"))
    end
    io.write(string.format("RESULT %d %d %d %f %d\n", summary.requests, summary.duration,
        errors.status + errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(99) / 1000, most * #threads))
end
