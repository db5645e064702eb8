package cache

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// ask is one key of a read.
type ask struct {
	key  Key
	turn time.Duration // for how long the turn to load it is wanted, if it is free; 0: it is not
}

// reply is what Redis said to one read.
type reply struct {
	turn      spoken
	won       *turn  // the turn, where it is ours now
	answered  bool   // else the value is not known
	wrongType bool   // the key holds no string
	value     []byte // nil when there is no such key
}

// The bounds of a value that is read, made once.
var fromStart, toLimit any = 0, maxEnvelope

// commands are what a read sends: for each key a GETRANGE, and where its turn
// is asked for, a SET after that. GETRANGE rather than GET, so that a value of any
// size under one of our keys costs at most maxEnvelope and a byte. gets are those.
func (r *remote) commands(ctx context.Context, asks []ask) (cmds []redis.Cmder, gets []*redis.StringCmd) {
	turns := 0
	for i := range asks {
		if asks[i].turn > 0 {
			turns++
		}
	}
	names := redisNamesOf(asks, turns)
	slab, takes := make([]redis.StringCmd, len(asks)), make([]taking, 0, turns)
	cmds, gets = make([]redis.Cmder, 0, len(names)), make([]*redis.StringCmd, len(asks))
	args := make([]any, 0, 4*len(asks)+6*turns) // of all
	for i, a := range asks {
		from := len(args)
		args = append(args, "getrange", &names[len(cmds)], fromStart, toLimit)
		slab[i] = *redis.NewStringCmd(ctx, args[from:len(args):len(args)]...)
		gets[i] = &slab[i]
		cmds = append(cmds, gets[i])
		if a.turn > 0 {
			from = len(args)
			takes = append(takes, taking{ms: max(a.turn.Milliseconds(), 1)})
			t := &takes[len(takes)-1]
			args = append(args, "set", &names[len(cmds)], &r.name, "px", &t.ms, "nx")
			t.StatusCmd = *redis.NewStatusCmd(ctx, args[from:len(args):len(args)]...)
			cmds = append(cmds, &t.StatusCmd)
		}
	}
	return cmds, gets
}

// taking is the command that asks for a turn.
type taking struct {
	redis.StatusCmd
	ms int64 // for how long
}

// redisNamesOf are the Redis keys of what is asked for, each before that of its
// turn, if that is asked for. They are pieces of one string.
func redisNamesOf(asks []ask, turns int) []string {
	size := 0
	for i := range asks {
		name := len(keyPrefix) + digestLen + 2 + len(asks[i].key.Kind) + (4*len(asks[i].key.ID)+2)/3
		if size += name; asks[i].turn > 0 {
			size += name + len(turnField)
		}
	}
	var all strings.Builder
	all.Grow(size)
	names := make([]string, 0, len(asks)+turns)
	var digest [digestLen]byte
	scratch := make([]byte, 0, 160)
	for i := range asks {
		if i == 0 || asks[i].key.Tenant != asks[i-1].key.Tenant {
			digest = digestOf(asks[i].key.Tenant)
		}
		from := all.Len()
		all.Write(asks[i].key.appendRedis(scratch[:0], keyPrefix, digest[:]))
		names = append(names, all.String()[from:])
		if asks[i].turn > 0 {
			from = all.Len()
			all.Write(asks[i].key.appendRedis(scratch[:0], keyPrefix+turnField, digest[:]))
			names = append(names, all.String()[from:])
		}
	}
	return names
}

// distinct leaves out what is asked for a second time.
func distinct(asks []ask) []ask {
	if len(asks) > fewKeys {
		seen := make(map[Key]bool, len(asks))
		return slices.DeleteFunc(asks, func(a ask) bool {
			again := seen[a.key]
			seen[a.key] = true
			return again
		})
	}
	kept := asks[:0]
	for _, a := range asks {
		if !slices.ContainsFunc(kept, func(b ask) bool { return a.key == b.key }) {
			kept = append(kept, a)
		}
	}
	return kept
}

// merged is what several looks ask for, each key once, with the longest turn
// that is wanted, and where in it each of theirs is, look by look.
func merged(looks []*look) (asks []ask, at []int) {
	total := 0
	for _, l := range looks {
		total += len(l.asks)
	}
	asks, at = make([]ask, 0, total), make([]int, 0, total)
	var index map[Key]int // where they are many
	if total > fewMerged {
		index = make(map[Key]int, total)
	}
	for _, l := range looks {
		for _, a := range l.asks {
			i, ok := index[a.key]
			if index == nil {
				i = slices.IndexFunc(asks, func(b ask) bool { return b.key == a.key })
				ok = i >= 0
			}
			if !ok {
				i = len(asks)
				asks = append(asks, a)
				if index != nil {
					index[a.key] = i
				}
			}
			asks[i].turn = max(asks[i].turn, a.turn)
			at = append(at, i)
		}
	}
	return asks, at
}

// fewMerged is up to how many keys it costs less to compare them all than to make a
// map of them.
const fewMerged = 48
