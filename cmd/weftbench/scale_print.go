package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// scaleFlags declares the inputs. The defaults are of docs/performance.md.
func scaleFlags(flags *flag.FlagSet, f *fleet, l *limits) {
	number := func(p *float64, name string, value, unit float64, usage string) {
		*p = value * unit
		flags.Func(name, fmt.Sprintf("%s (default %g)", usage, value), func(text string) error {
			var v float64
			if _, err := fmt.Sscan(text, &v); err != nil || v <= 0 {
				return errors.New("want a number above 0")
			}
			*p = v * unit
			return nil
		})
	}
	const kib, mib, gib = 1 << 10, 1 << 20, 1 << 30
	number(&f.tenants, "tenants", 10_000, 1, "tenants")
	number(&f.agents, "agents", 5, 1, "agents of a tenant, each with a conversation open")
	flags.DurationVar(&f.poll, "poll", 5*time.Second, "`time` between two reads of an open conversation")
	flags.DurationVar(&f.change, "change", time.Minute, "`time` until an agent opens another conversation")
	number(&f.kept, "kept", 200, 1, "conversations of a tenant that are read in a day")

	flags.DurationVar(&f.cpuLoad, "cpu-load", 690*time.Microsecond, "`CPU` of a replica for a document that is loaded")
	flags.DurationVar(&f.cpuHit, "cpu-hit", 122*time.Microsecond, "`CPU` of a replica for a document that is in Redis")
	flags.DurationVar(&f.redisCPULoad, "redis-cpu-load", 300*time.Microsecond, "`CPU` of Redis for a document that is loaded")
	flags.DurationVar(&f.redisCPUHit, "redis-cpu-hit", 91*time.Microsecond, "`CPU` of Redis for a document that it has")
	number(&f.readTrips, "read-trips", 1, 1, "reads of Redis for a document")
	number(&f.writeTrips, "write-trips", 1, 1, "writes to Redis for a document that is loaded")
	number(&f.redisBytes, "redis-kib", 9.8, kib, "KiB that a document takes in Redis")
	number(&f.resident, "resident-mib", 87, mib, "MiB resident in a replica, without tenants")
	number(&f.tenantBytes, "tenant-kib", 11.8, kib, "KiB that a tenant takes in a replica")
	number(&f.idleConns, "connections", 9, 1, "connections to Redis of a replica at rest")
	number(&f.storeCalls, "store-calls", 3, 1, "calls of the store for a conversation that is due")
	number(&f.cores, "cores", 2, 1, "processors of a replica")

	number(&l.redisConns, "max-connections", 10_000, 1, "connections that Redis accepts")
	number(&l.redisBytes, "max-redis-gib", 32, gib, "GiB that Redis may use")
	number(&l.replicaBytes, "max-replica-mib", 512, mib, "MiB that a replica may use")
	number(&l.storeCalls, "max-store-calls", 10, 1, "calls a second that a tenant may make of its store")
	number(&l.crmCalls, "max-crm-calls", 10, 1, "calls a second that a tenant may make of its CRM")
}

// runScale prints what fleets of three sizes ask for.
func runScale(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("weftbench scale", flag.ContinueOnError)
	var f fleet
	var l limits
	scaleFlags(flags, &f, &l)
	out := flags.String("out", "", "page whose `file` takes the table")
	if help, err := parse(flags, args, stdout); help || err != nil {
		return err
	}
	if f.poll <= 0 || f.change < f.poll {
		return errors.New("-poll: want more than nothing, and -change no less than that")
	}
	table := scaleTable(f, l, []int{10, 100, 1000})
	if *out != "" {
		return publish(*out, scaleBegin, []byte(table))
	}
	_, err := io.WriteString(stdout, table)
	return err
}

// scaleTable is the demand of fleets that differ in their replicas alone.
func scaleTable(f fleet, l limits, sizes []int) string {
	columns := make([]demand, 0, len(sizes))
	var b strings.Builder
	b.WriteString("| replicas |")
	for _, n := range sizes {
		f.replicas = n
		columns = append(columns, f.demand())
		fmt.Fprintf(&b, " %d |", n)
	}
	fmt.Fprintf(&b, "\n|%s\n", strings.Repeat("---|", len(sizes)+1))
	line := func(what string, cell func(demand) string) {
		fmt.Fprintf(&b, "| %s |", what)
		for _, d := range columns {
			fmt.Fprintf(&b, " %s |", cell(d))
		}
		b.WriteByte('\n')
	}
	figure := func(what, format string, unit float64, value func(demand) float64) {
		line(what, func(d demand) string { return fmt.Sprintf(format, value(d)/unit) })
	}
	figure("documents a second, all replicas", "%.0f", 1, func(d demand) float64 { return d.documents })
	figure("of them loaded from the store", "%.0f", 1, func(d demand) float64 { return d.loads })
	figure("round trips to Redis a second", "%.0f", 1, func(d demand) float64 { return d.redisTrips })
	figure("processor of Redis", "%.0f %%", .01, func(d demand) float64 { return d.redisBusy })
	figure("memory of Redis, GiB", "%.1f", 1<<30, func(d demand) float64 { return d.redisBytes })
	figure("connections to Redis, at rest", "%.0f", 1, func(d demand) float64 { return d.redisConns })
	figure("calls of the store a second, a tenant", "%.2f", 1, func(d demand) float64 { return d.storeCalls })
	figure("calls of the CRM a second, a tenant", "%.2f", 1, func(d demand) float64 { return d.crmCalls })
	figure("the same without a shared cache", "%.2f", 1, func(d demand) float64 { return d.crmCallsAlone })
	figure("processors of a replica", "%.0f %%", .01, func(d demand) float64 { return d.replicaBusy })
	figure("documents a second that one Redis can bear", "%.0f", 1, func(d demand) float64 { return d.most(d.redisBusy) })
	figure("documents a second that the replicas can bear", "%.0f", 1, func(d demand) float64 { return d.most(d.replicaBusy) })
	figure("memory of a replica, MiB", "%.0f", 1<<20, func(d demand) float64 { return d.replicaBytes })
	for i, what := range []string{"breaks first", "then", "then"} {
		line(what, func(d demand) string {
			s := d.strains(l)[i]
			return fmt.Sprintf("%s: %.0f %%", s.what, s.used*100)
		})
	}
	return b.String()
}
