package cache

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// taken is what the script answers.
type taken struct {
	ok   bool
	full []time.Duration
}

var errTakeReply = errors.New("cache: the script of limits answered in another form")

func (l *Limiter) run(ctx context.Context, keys []string, buckets []Bucket) (taken, error) {
	args := make([]any, 0, 2*len(buckets))
	for _, b := range buckets {
		args = append(args, b.Rate.gap().Microseconds(), b.Rate.Window().Microseconds())
	}
	reply, err := takeScript.Run(ctx, l.remote.client, keys, args...).Int64Slice()
	if err != nil {
		return taken{}, err
	}
	if len(reply) != 1+len(buckets) {
		return taken{}, errTakeReply
	}
	t := taken{ok: reply[0] == 1, full: make([]time.Duration, len(buckets))}
	for i, b := range buckets {
		t.full[i] = min(max(time.Duration(reply[1+i])*time.Microsecond, 0), b.Rate.Window())
	}
	return t, nil
}

// takeScript is [localRates.take] on all replicas' behalf, in microseconds.
// Times are written with all their digits, which Lua by itself would not do. A
// time further ahead than an empty bucket's, since a clock was set back or the
// rate was changed, is replaced by that, or nothing would pass until it comes.
var takeScript = redis.NewScript(`
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local full, ok = {}, 1
for i, key in ipairs(KEYS) do
  local gap, window = tonumber(ARGV[2*i-1]), tonumber(ARGV[2*i])
  local at = tonumber(redis.call('GET', key) or '') or now
  full[i] = math.max(at - now, 0)
  if not (full[i] <= window) then
    full[i] = window
    redis.call('SET', key, string.format('%.0f', now + window), 'PX', math.ceil(window / 1000))
  end
  if full[i] + gap > window then ok = 0 end
end
if ok == 1 then
  for i, key in ipairs(KEYS) do
    full[i] = full[i] + tonumber(ARGV[2*i-1])
    redis.call('SET', key, string.format('%.0f', now + full[i]), 'PX', math.ceil(full[i] / 1000))
  end
end
return {ok, unpack(full)}`)
