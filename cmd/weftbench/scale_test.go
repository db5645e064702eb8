package main

import (
	"math"
	"testing"
	"time"
)

func testFleet() fleet {
	return fleet{
		replicas: 10, tenants: 100, agents: 1, poll: 2 * time.Second, change: time.Minute, kept: 10,
		cpuLoad: 4 * time.Millisecond, cpuHit: time.Millisecond, redisCPULoad: 400 * time.Microsecond, redisCPUHit: 100 * time.Microsecond,
		readTrips: 1, writeTrips: 1, redisBytes: 1000, resident: 1e6, tenantBytes: 100, idleConns: 9, storeCalls: 3, cores: 1,
	}
}

// The figures are worked out by hand: 100 open conversations, each read every
// two seconds and good for two, so that every other read loads it.
func TestDemand(t *testing.T) {
	d := testFleet().demand()
	remembered := 50.0 / (1 + 0.05*2) * 0.05 * 2 // of 50 reads a second, those soon after another one of the same replica
	hits := 25 - remembered
	tests := []struct {
		name      string
		got, want float64
	}{
		{"documents", d.documents, 50},
		{"loads", d.loads, 25},
		{"store calls", d.storeCalls, 0.75},
		{"CRM calls", d.crmCalls, 2.0 / 60}, // a contact and an account a minute
		{"CRM calls alone", d.crmCallsAlone, 2.0 / 60 * 10 * (1 - math.Exp(-3))},
		{"round trips", d.redisTrips, 25 + hits + 25},
		{"Redis", d.redisBusy, 25*400e-6 + hits*100e-6},
		{"memory of Redis", d.redisBytes, 1e6},
		{"connections", d.redisConns, 90},
		{"replica", d.replicaBusy, (25*4e-3 + 25*1e-3) / 10},
		{"memory of a replica", d.replicaBytes, 1.01e6},
		{"most", d.most(d.replicaBusy), 4000},
	}
	for _, tt := range tests {
		if math.Abs(tt.got-tt.want) > 1e-9*math.Abs(tt.want) {
			t.Errorf("%s = %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

// A conversation that stays open renews its contact and its account.
func TestDemandOfLongConversations(t *testing.T) {
	f := testFleet()
	f.change = 10 * time.Hour
	got := f.demand().crmCalls
	want := 1/(2+0.725*300) + 1/(2+0.725*900)
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("CRM calls = %v, want %v", got, want)
	}
}

// One replica that remembers everything leaves nothing for Redis to answer.
func TestDemandOfOneReplica(t *testing.T) {
	f := testFleet()
	f.replicas = 1
	if d := f.demand(); math.Abs(d.redisTrips-50) > 1e-9 || math.Abs(d.crmCalls-d.crmCallsAlone) > 1e-9 {
		t.Errorf("round trips = %v, want one read and one write for each of 25 loads; CRM calls = %v and alone %v, want the same", d.redisTrips, d.crmCalls, d.crmCallsAlone)
	}
}

func TestStrains(t *testing.T) {
	d := demand{redisConns: 90, redisBytes: 50, replicaBytes: 10, storeCalls: 3, crmCalls: 1, replicaBusy: 0.2, redisBusy: 2}
	s := d.strains(limits{redisConns: 100, redisBytes: 100, replicaBytes: 100, storeCalls: 10, crmCalls: 10})
	for i, want := range []float64{2, 0.9, 0.5, 0.3, 0.2, 0.1, 0.1} {
		if s[i].used != want {
			t.Errorf("strain %d = %+v, want %v", i, s[i], want)
		}
	}
}
