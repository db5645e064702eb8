package main

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// fleet is what a calculation is made for. Everything but the first group comes
// from measurements and from the defaults of the gateway.
type fleet struct {
	replicas int
	tenants  float64
	agents   float64       // of a tenant, each with a conversation open
	poll     time.Duration // between two reads of an open conversation
	change   time.Duration // until an agent opens another one
	kept     float64       // conversations of a tenant that are read within the day for which a copy is kept

	// Of a document, where its conversation is due, and where Redis has all of it.
	cpuLoad, cpuHit           time.Duration // of a replica
	redisCPULoad, redisCPUHit time.Duration
	readTrips, writeTrips     float64
	redisBytes                float64

	// Of a replica.
	resident    float64 // bytes, without tenants
	tenantBytes float64
	idleConns   float64 // connections to Redis, with nothing to do
	storeCalls  float64 // calls of the store for a conversation that is due
	cores       float64
}

// The times of the cache that matter, as they are by default.
const (
	conversationFresh = 2 * time.Second
	contactFresh      = 5 * time.Minute
	accountFresh      = 15 * time.Minute

	// ahead is at which part of its time a record in use is loaded again: it is
	// drawn between 50 and 95 %.
	ahead = 0.725
)

// demand is what a fleet asks for, a second where nothing else is said.
type demand struct {
	documents     float64 // of all replicas
	loads         float64 // documents of which the conversation is due for all
	storeCalls    float64 // of a tenant
	crmCalls      float64 // of a tenant
	crmCallsAlone float64 // of a tenant, if replicas shared nothing
	redisTrips    float64
	redisBusy     float64 // share of one processor
	redisBytes    float64
	redisConns    float64
	replicaBusy   float64 // share of a replica's processors
	replicaBytes  float64
}

// most is how many documents a second there can be until this share of something
// is all of it.
func (d demand) most(share float64) float64 { return d.documents / share }

// loads is how often a record is loaded that is asked for at this rate and good for
// this long: once, and then not for its time.
func loads(rate float64, good time.Duration) float64 { return rate / (1 + rate*good.Seconds()) }

// demand works out what the fleet asks for. Callers are spread evenly: whatever
// routes them does not know conversations.
func (f fleet) demand() demand {
	open := f.tenants * f.agents
	rate := 1 / f.poll.Seconds() // of reads of an open conversation
	opened := open / f.change.Seconds()
	n := float64(f.replicas)

	d := demand{documents: open * rate}
	d.loads = open * loads(rate, conversationFresh)
	d.storeCalls = d.loads * f.storeCalls / f.tenants
	d.crmCalls = opened * f.crmLoads(rate) / f.tenants
	// Of the replicas those ask for themselves that a read of the conversation gets to.
	seen := n * (1 - math.Exp(-rate/n*f.change.Seconds()))
	d.crmCallsAlone = opened * seen * f.crmLoads(rate/n) / f.tenants

	remembered := open * n * (rate/n - loads(rate/n, conversationFresh)) // by the replica that is asked
	hits := max(0, d.documents-d.loads-remembered)
	d.redisTrips = (d.loads+hits)*f.readTrips + d.loads*f.writeTrips
	d.redisBusy = d.loads*f.redisCPULoad.Seconds() + hits*f.redisCPUHit.Seconds()
	d.redisBytes = f.tenants * f.kept * f.redisBytes
	d.redisConns = n * f.idleConns
	d.replicaBusy = (d.loads*f.cpuLoad.Seconds() + (d.documents-d.loads)*f.cpuHit.Seconds()) / n / f.cores
	d.replicaBytes = f.resident + f.tenants*f.tenantBytes
	return d
}

// crmLoads is how often the contact and the account of a conversation are loaded
// that nobody had open, while it is open and read at this rate: once at least.
func (f fleet) crmLoads(rate float64) float64 {
	sum := 0.0
	for _, fresh := range []time.Duration{contactFresh, accountFresh} {
		sum += max(1, f.change.Seconds()*loads(rate, time.Duration(ahead*float64(fresh))))
	}
	return sum
}

// limits are what is there, in the units of demand.
type limits struct {
	redisConns, redisBytes, replicaBytes, storeCalls, crmCalls float64
}

// strain is how much of a limit is used.
type strain struct {
	what string
	used float64 // 1: all of it
}

// strains is what is used of what, the most first: where that is above one, it
// breaks, and where it is not, it would break first.
func (d demand) strains(l limits) []strain {
	all := []strain{
		{"the processors of the replicas", d.replicaBusy},
		{"the one processor that a Redis uses", d.redisBusy},
		{"connections to Redis", d.redisConns / l.redisConns},
		{"memory of Redis", d.redisBytes / l.redisBytes},
		{"memory of a replica", d.replicaBytes / l.replicaBytes},
		{"a tenant's calls of its store", d.storeCalls / l.storeCalls},
		{"a tenant's calls of its CRM", d.crmCalls / l.crmCalls},
	}
	slices.SortStableFunc(all, func(a, b strain) int { return cmp.Compare(b.used, a.used) })
	return all
}
