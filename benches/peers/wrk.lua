-- What wrk asks for, and what it says at the end: wrk … -s wrk.lua URL -- METHOD DEPTH [BODY]
-- With a DEPTH above 1, each connection sends so many requests at a time.
init = function(args)
   wrk.method = args[1]
   if args[3] then
      wrk.body = args[3]
      wrk.headers["Content-Type"] = "application/json"
   end
   if args[2] ~= "1" then
      local batch = string.rep(wrk.format(), tonumber(args[2]))
      request = function() return batch end
   end
end

done = function(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format("TALLY %d %d %d %d %d %d\n", summary.requests, summary.duration,
      errors.connect + errors.read + errors.write + errors.timeout + errors.status,
      latency:percentile(50), latency:percentile(99), latency.max))
end
