-- Generic cell rate algorithm: one number, the moment at which the bucket is full again. Microseconds of
-- the server's clock, so that workers agree. KEYS: the bucket. ARGV: time per question, questions at once.
-- Returns 0 if a question may be asked now (and counts it), else how long to wait.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local each, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = full + each - burst * each - now
if wait > 0 then return math.ceil(wait) end
local next_full = full + each
-- The default text of a large number loses digits.
redis.call('SET', KEYS[1], string.format('%.0f', next_full), 'PX', math.ceil((next_full - now) / 1000) + 1000)
return 0
