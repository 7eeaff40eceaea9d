done = function(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format("TALLY %d %d %d %d %d %d\n", summary.requests, summary.duration, summary.bytes,
      errors.connect + errors.read + errors.write + errors.timeout + errors.status,
      latency:percentile(50), latency:percentile(99)))
end
