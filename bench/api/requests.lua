-- For wrk: sends the requests of a file in turns, one a line: method, path and body with tabs between. Prints one line of
-- JSON at the end. Usage: wrk -s requests.lua URL -- FILE
local requests, sent = {}, 0

function init(args)
    for line in io.lines(args[1]) do
        local method, path, body = line:match("^(%S+)\t(%S+)\t(.*)$")
        local headers = body ~= "" and { ["Content-Type"] = "application/json" } or {}
        headers["Host"] = wrk.headers["Host"]
        requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
    end
end

function request()
    sent = sent + 1
    return requests[sent % #requests + 1]
end

function done(summary, latency)
    local errors = summary.errors
    print(string.format(
        'RESULT {"requests": %d, "seconds": %f, "bytes": %d, "errors": %d, "p50_ms": %f, "p99_ms": %f}',
        summary.requests, summary.duration / 1e6, summary.bytes,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
