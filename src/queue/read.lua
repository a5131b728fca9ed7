-- Reads what free permits allow, without blocking: first each lane's share, then what is left over
-- in order of the lanes. COUNT is per stream, so that a plain multi-stream read could return too much.
-- KEYS: streams, in order of preference. ARGV: group, consumer, then for each stream: its pool of
-- permits and its lane's share of that pool; last: number of pools and the size of each.
local group, consumer = ARGV[1], ARGV[2]
local streams = #KEYS
local pool, share = {}, {}
for i = 1, streams do
    pool[i] = tonumber(ARGV[2 + 2 * i - 1])
    share[i] = ARGV[2 + 2 * i]
end
local at = 2 + 2 * streams
local free, lane_left = {}, {}
local pools = tonumber(ARGV[at + 1])
for p = 1, pools do free[p] = tonumber(ARGV[at + 1 + p]) end
at = at + 1 + pools
local shares = tonumber(ARGV[at + 1])
for s = 1, shares do lane_left[ARGV[at + 2 * s]] = tonumber(ARGV[at + 2 * s + 1]) end

local found, missing = {}, 0
local function take(i, most)
    if most < 1 then return end
    local reply = redis.pcall('XREADGROUP', 'GROUP', group, consumer, 'COUNT', most, 'STREAMS', KEYS[i], '>')
    if type(reply) == 'table' and reply.err then
        -- Only a missing stream or group is ours to mend; a replica or a full memory is an error.
        if not string.find(reply.err, 'NOGROUP', 1, true) then error(reply.err, 0) end
        missing = missing + 1
    elseif reply then
        for _, entry in ipairs(reply[1][2]) do
            found[#found + 1] = {KEYS[i], entry[1], entry[2]}
            free[pool[i]] = free[pool[i]] - 1
            lane_left[share[i]] = lane_left[share[i]] - 1
        end
    end
end
for i = 1, streams do take(i, math.min(free[pool[i]], lane_left[share[i]])) end
if missing == 0 then
    for i = 1, streams do take(i, free[pool[i]]) end
end
return {missing, found}
