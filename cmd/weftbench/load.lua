-- Asks for numbered records: path, suffix, first number, how many, key.
local before, after, first, span, n

function init(args)
  before = "GET " .. args[1]
  after = args[2] .. " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " .. args[5] .. "\r\n\r\n"
  first, span, n = tonumber(args[3]), tonumber(args[4]), 0
end

function request()
  local i = first + n % span
  n = n + 1
  return before .. string.format("%012d", i) .. after
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("weftbench: %d %d %d %d %d\n", summary.requests,
    e.connect + e.read + e.write + e.status + e.timeout,
    summary.duration, latency:percentile(50), latency:percentile(99)))
end
