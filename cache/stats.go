package cache

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

// Stats are counters since the start, and the size of the memory tier.
type Stats struct {
	Kinds  []KindStats // ordered by name
	Redis  RedisStats  // zero without Redis
	Memory MemoryStats
}

// KindStats count the records of one kind. The ids that callers asked for are
// Loaded + Cached + Stale + Absent + Failed.
type KindStats struct {
	Kind         string
	Loaded       uint64 // ids answered by the source, the callers that waited for one load included
	Cached       uint64 // ids answered by a fresh copy, of memory or Redis
	Stale        uint64 // ids answered by a copy past its fresh time
	Absent       uint64 // ids of which the source says, or lately said, that there is no record
	Failed       uint64 // ids with nothing to show
	Loads        uint64 // calls of the source
	LoadedIDs    uint64 // ids in those calls
	LoadErrors   uint64 // calls that returned an error, with or without records
	Coalesced    uint64 // ids that waited for a load that another caller had begun
	Abandoned    uint64 // loads given up because they ran past their deadline
	Unencodable  uint64 // records that were shown but could not be kept
	Ahead        uint64 // fresh copies that were loaded again behind who read them
	Behind       uint64 // stale copies that were shown while a load of them went on behind
	Skipped      uint64 // loads in the background for which there was no place
	BackedOff    uint64 // stale copies that were shown without a load: one failed just before, or goes on elsewhere
	TurnsWaited  uint64 // keys that another replica was loading, so that it was waited for
	TurnsExpired uint64 // keys for which that took too long, so that they were loaded here as well
	RedisHits    uint64 // keys that Redis had within their policy
	RedisMisses  uint64 // keys that Redis was asked for and did not have so

	InMemory, InRedis TierStats     // what a tier had of the ids that it was looked up for
	RedisErrors       uint64        // keys of which Redis was asked and did not say
	RedisBypassed     uint64        // keys of which it was not asked, because its breaker was not closed
	Ages              []uint64      // copies that were shown, by age: below each of [AgeBounds], and older
	AgeSeconds        float64       // all those ages together
	Oldest            time.Duration // age from which on a copy is not shown any more
}

// RedisStats count the traffic with Redis.
type RedisStats struct {
	Reads       uint64 // pipelines of reads that were sent
	Shared      uint64 // looks that went along in the pipeline of another, and would have been one each
	ReadErrors  uint64 // those that failed, timed out, or were in part refused
	Bypassed    uint64 // pipelines that were not sent, because the breaker was not closed
	Corrupt     uint64 // values that were damaged, of another version, of another record, or not encrypted though they have to be
	UnknownKeys uint64 // values that were encrypted with a key that is not configured here
	Writes      uint64 // records stored and removed, as Redis confirmed
	WriteErrors uint64 // records that Redis refused or did not confirm
	Dropped     uint64 // records that were not sent: queue full, or breaker not closed
	TooLarge    uint64 // records not sent because of their size
	Told        uint64 // drops and erasures that other replicas were told of
	Heard       uint64 // drops and erasures that another replica, or this one, told of
	Gaps        uint64 // times that they were not to be heard

	TurnsWon     uint64 // keys whose load fell to this replica
	TurnsRefused uint64 // keys of which Redis would not say whose it is
}

// MemoryStats measure the memory tier.
type MemoryStats struct {
	Entries int    // about, expired ones that are not yet cleared away included
	Bytes   uint64 // their weight, see Config.MemoryBytes
	Maximum uint64 // what that may be now

	Evicted, EvictedBytes uint64 // records that had to go for want of room, and their weight
	Packed, Unpacked      uint64 // records that were made smaller for want of room, and that were read too often for that; see [Packer]
}

// kindCounters are the counters behind [KindStats].
type kindCounters struct {
	answered                                                  [Absent + 1]atomic.Uint64 // by State
	loads, loadedIDs, loadErrors                              atomic.Uint64
	coalesced, abandoned, unencodable, redisHits, redisMisses atomic.Uint64
	ahead, behind, skipped, backedOff                         atomic.Uint64
	turnsWaited, turnsExpired                                 atomic.Uint64
	inMemory, inRedis                                         tierCounters
	redisErrors, redisBypassed                                atomic.Uint64
	ages                                                      ageCounters
}

// redisCounters are the counters behind [RedisStats].
type redisCounters struct {
	reads, readErrors, bypassed, corrupt   atomic.Uint64
	writes, writeErrors, dropped, tooLarge atomic.Uint64
	unknownKeys, told, heard, gaps         atomic.Uint64
	turnsWon, turnsRefused, shared         atomic.Uint64
}

// Stats returns the counters.
func (c *Cache) Stats() Stats {
	s := Stats{Memory: MemoryStats{Entries: c.memory.items.EstimatedSize(), Bytes: c.memory.items.WeightedSize(), Maximum: c.memory.items.GetMaximum(),
		Evicted: c.memory.evicted.Load(), EvictedBytes: c.memory.evictedBytes.Load(),
		Packed: c.packer.packed.Load(), Unpacked: c.packer.unpacked.Load()}}
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, name := range slices.Sorted(maps.Keys(c.kinds)) {
		s.Kinds = append(s.Kinds, c.kinds[name].stats())
	}
	if c.remote != nil {
		s.Redis = c.remote.stats()
	}
	return s
}

func (k *kind) stats() KindStats {
	c := &k.counts
	return KindStats{
		Kind:   k.name,
		Loaded: c.answered[Loaded].Load(), Cached: c.answered[Cached].Load(), Stale: c.answered[Stale].Load(),
		Absent: c.answered[Absent].Load(), Failed: c.answered[Failed].Load(),
		Loads: c.loads.Load(), LoadedIDs: c.loadedIDs.Load(), LoadErrors: c.loadErrors.Load(),
		Coalesced: c.coalesced.Load(), Abandoned: c.abandoned.Load(), Unencodable: c.unencodable.Load(),
		RedisHits: c.redisHits.Load(), RedisMisses: c.redisMisses.Load(),
		Ahead: c.ahead.Load(), Behind: c.behind.Load(), Skipped: c.skipped.Load(), BackedOff: c.backedOff.Load(),
		TurnsWaited: c.turnsWaited.Load(), TurnsExpired: c.turnsExpired.Load(),
		InMemory: c.inMemory.stats(), InRedis: c.inRedis.stats(), RedisErrors: c.redisErrors.Load(), RedisBypassed: c.redisBypassed.Load(),
		Ages: c.ages.stats(), AgeSeconds: c.ages.seconds(), Oldest: k.policy.Stale,
	}
}

func (r *remote) stats() RedisStats {
	c := &r.counts
	return RedisStats{
		Reads: c.reads.Load(), Shared: c.shared.Load(), ReadErrors: c.readErrors.Load(), Bypassed: c.bypassed.Load(), Corrupt: c.corrupt.Load(),
		Writes: c.writes.Load(), WriteErrors: c.writeErrors.Load(), Dropped: c.dropped.Load(), TooLarge: c.tooLarge.Load(),
		UnknownKeys: c.unknownKeys.Load(), Told: c.told.Load(), Heard: c.heard.Load(), Gaps: c.gaps.Load(),
		TurnsWon: c.turnsWon.Load(), TurnsRefused: c.turnsRefused.Load(),
	}
}
