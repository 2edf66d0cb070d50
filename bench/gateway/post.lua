-- For wrk: posts records, each with a number of its own. Prints one line of JSON at the end. Usage:
-- wrk -s post.lua URL -- TYPE BYTES LINES NAMED, where LINES > 1 sends that many lines a request, and NAMED is `named` for an
-- Idempotency-Key a request.
local threads = 0

function setup(thread)
    thread:set("thread_number", threads)
    threads = threads + 1
end

function init(args)
    content_type, bytes, lines, is_named = args[1], tonumber(args[2]), tonumber(args[3]), args[4] == "named"
    -- Of another run, so that no name comes twice.
    run = tostring(os.time()) .. "-" .. tostring(thread_number)
    sent = 0
    headers = { ["Content-Type"] = content_type, ["Host"] = wrk.headers["Host"] }
    padding = string.rep("x", bytes - 40)
end

local function record()
    sent = sent + 1
    return string.format('{"number":"%012d","text":"%s"}', sent, padding)
end

function request()
    local body
    if lines > 1 then
        local rows = {}
        for row = 1, lines do rows[row] = record() end
        body = table.concat(rows, "\n")
    else
        body = record()
    end
    if is_named then headers["Idempotency-Key"] = '"' .. run .. "-" .. sent .. '"' end
    return wrk.format("POST", nil, headers, body)
end

function done(summary, latency)
    local errors = summary.errors
    print(string.format(
        'RESULT {"requests": %d, "seconds": %f, "errors": %d, "p50_ms": %f, "p99_ms": %f, "most_ms": %f}',
        summary.requests, summary.duration / 1e6,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
