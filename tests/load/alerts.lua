-- wrk's requests: each posts one alert that nobody has seen before to Alertmanager's API v2. Most belong to the services of
-- a storm, so that some incidents gather them.
local threads = 0

function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end

function init(args)
  count = 0
  run = args[1]
  services = tonumber(args[2])
  refused = 0
end

function request()
  count = count + 1
  local body = string.format(
    '[{"labels":{"alertname":"HighErrorRate","service":"svc-%d","instance":"i-%s-%d-%d","severity":"critical"},'
      .. '"annotations":{"summary":"More than 5%% of requests fail"},"startsAt":"2026-03-02T10:00:00Z",'
      .. '"generatorURL":"http://prometheus.example.com/graph?g0.expr=up"}]',
    count % services, run, id, count)
  return wrk.format("POST", "/api/v2/alerts", { ["Content-Type"] = "application/json" }, body)
end

function response(status)
  if status ~= 200 then
    refused = refused + 1
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('RESULT {"requests": %d, "seconds": %.3f, "p50_ms": %.2f, "p99_ms": %.2f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
