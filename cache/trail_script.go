package cache

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// followScript returns a trail and what is at its end: the records that it names,
// all below one prefix. What it does not understand is left out.
var followScript = redis.NewScript(`
local function get(key, most)
  local value = redis.pcall('GETRANGE', key, 0, most)
  if type(value) ~= 'string' then return '' end
  return value
end
local trail = get(KEYS[1], ARGV[2])
local found = {trail}
if #trail < 22 then return found end
local at = 23
for i = 17, 21, 2 do at = at + 256 * string.byte(trail, i) + string.byte(trail, i + 1) end
for name in string.gmatch(string.sub(trail, at), '[^ ]+') do
  if #found > tonumber(ARGV[4]) or not string.match(name, '^[a-z0-9%-]+:[A-Za-z0-9_%-]*$') then return {trail} end
  found[#found + 1] = get(ARGV[1] .. name, ARGV[3])
end
return found`)

// led is what Redis said to who followed a trail.
type led struct{ values []string } // the trail, and what it names; none: it did not say

// followsTrails reports whether trails are of use in this Redis: it has to look into
// them, and may look at what they name.
func (r *remote) followsTrails() bool {
	if _, single := r.client.(*redis.Client); !single || r.ring != nil {
		return false
	}
	return time.Now().UnixNano() >= r.trailsOff.Load()
}

// leavesTrails reports whether there may be trails in this Redis.
func (r *remote) leavesTrails() bool {
	_, single := r.client.(*redis.Client)
	return single && r.ring == nil
}

// following is the command that follows a trail, with what it is made of.
type following struct {
	redis.StringSliceCmd
	name, prefix string
	args         [8]any
}

// set makes it follow the trail from a record.
func (f *following) set(ctx context.Context, from Key) {
	f.name = trailKey(from).redisKey()
	f.prefix = f.name[:len(keyPrefix)+digestLen+1] // that of all records of the tenant
	f.args = [...]any{"evalsha", followHash, 1, &f.name, &f.prefix, maxTrail - 1, maxEnvelope, maxTrailNames}
	f.StringSliceCmd = *redis.NewStringSliceCmd(ctx, f.args[:]...)
}

var followHash any = followScript.Hash()

// siftTrails looks at what came of the trails. A Redis that has not got the script
// gets it, for the next time. One that refuses it is left alone for a while: it
// answers reads all the same.
func (r *remote) siftTrails(ctx context.Context, cmds []following) []led {
	found := make([]led, len(cmds))
	var refused error
	for i := range cmds {
		values, err := cmds[i].Result()
		if err == nil {
			found[i].values = values
		} else {
			refused = err
		}
	}
	if redis.HasErrorPrefix(refused, "NOSCRIPT") {
		refused = followScript.Load(ctx, r.client).Err()
	}
	if _, replied := errors.AsType[redis.Error](refused); replied {
		r.trailsOff.Store(time.Now().Add(trailsOffFor).UnixNano())
	}
	return found
}
