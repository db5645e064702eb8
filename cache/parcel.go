package cache

import (
	"context"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxSpare is how much room for envelopes a parcel may have to be used again, in bytes.
const maxSpare = 4 * batchBytes

// parcel is a batch of writes as a pipeline, with all that its commands are made of.
// It is used again: a record of some hundred bytes takes a dozen small pieces otherwise.
type parcel struct {
	pipe    redis.Pipeliner
	ctx     context.Context //nolint:containedctx // of the pipeline
	now     time.Time
	cmds    []redis.Cmder
	counted []redis.Cmder // of each write that something becomes of, the command that confirms it

	sealed   []sealed
	notes    []about
	room     []byte          // for envelopes
	all      strings.Builder // names
	names    []string        // pieces of that; commands point to them, as to the next three
	numbers  []int64
	args     []any
	statuses []redis.StatusCmd
	integers []redis.IntCmd
}

// sealed is what is to become of a record.
type sealed struct {
	write *write
	name  *string
	value envelope      // nil: it is removed
	ttl   time.Duration // of the value
}

// envelope is sent as it is.
type envelope []byte

// MarshalBinary implements [encoding.BinaryMarshaler], by which go-redis takes
// arguments that are no strings: a pointer to one costs nothing.
func (e *envelope) MarshalBinary() ([]byte, error) { return *e, nil }

// nameSize is about what the names of a write come to, in bytes.
const nameSize = 160

// begin makes room for a batch. What a slice had to be grown for is still good: commands
// point to what it was.
func (p *parcel) begin(ctx context.Context, r *remote, batch []write) {
	p.ctx, p.now = ctx, time.Now()
	size, n := 0, len(batch)
	for i := range batch {
		if w := &batch[i]; !w.remove && !w.bare && r.ring == nil {
			size += sealedSize(w.key, w.entry)
		}
	}
	if cap(p.room) < size {
		p.room = make([]byte, 0, size)
	}
	p.all.Grow(nameSize * n)
	if cap(p.sealed) < n {
		p.sealed, p.counted = make([]sealed, 0, n), make([]redis.Cmder, 0, n)
		p.statuses, p.integers = make([]redis.StatusCmd, 0, n), make([]redis.IntCmd, 0, n)
		p.args, p.names, p.numbers = make([]any, 0, 12*n), make([]string, 0, 4*n), make([]int64, 0, 4*n)
	}
}

// unpacked keeps a parcel for the next batch, without what was in it.
func (r *remote) unpacked(p *parcel) {
	if cap(p.room) > maxSpare {
		return
	}
	p.ctx, p.room = nil, p.room[:0]
	p.all.Reset()
	clear(p.cmds)
	clear(p.counted)
	clear(p.sealed)
	clear(p.notes)
	clear(p.names)
	clear(p.args)
	clear(p.statuses)
	clear(p.integers)
	p.cmds, p.counted, p.sealed, p.notes, p.names, p.numbers = p.cmds[:0], p.counted[:0], p.sealed[:0], p.notes[:0], p.names[:0], p.numbers[:0]
	p.args, p.statuses, p.integers = p.args[:0], p.statuses[:0], p.integers[:0]
	r.parcels.Put(p)
}

// name is that of a record, or of what belongs to it by the prefix.
func (p *parcel) name(key Key, prefix string) *string {
	var scratch [160]byte
	digest := digestOf(key.Tenant)
	return p.text(key.appendRedis(scratch[:0], prefix, digest[:]))
}

// member is the name of a record among those of its tenant.
func (p *parcel) member(key Key) *string {
	var scratch [160]byte
	return p.text(key.appendMember(scratch[:0]))
}

// text keeps a name for as long as the parcel.
func (p *parcel) text(name []byte) *string {
	from := p.all.Len()
	p.all.Write(name)
	p.names = append(p.names, p.all.String()[from:])
	return &p.names[len(p.names)-1]
}

func (p *parcel) number(n int64) *int64 {
	p.numbers = append(p.numbers, n)
	return &p.numbers[len(p.numbers)-1]
}

// envelope is that of a record, in what is left of the room.
func (p *parcel) envelope(key Key, e entry) ([]byte, error) {
	b, err := appendSealed(p.room, key, e)
	if used := len(p.room) + len(b); used <= cap(p.room) {
		p.room = p.room[:used]
	}
	return b, err
}

// status adds a command that is answered by a word.
func (p *parcel) status(args ...any) *redis.StatusCmd {
	from := len(p.args)
	p.args = append(p.args, args...)
	p.statuses = append(p.statuses, *redis.NewStatusCmd(p.ctx, p.args[from:len(p.args):len(p.args)]...))
	cmd := &p.statuses[len(p.statuses)-1]
	p.cmds = append(p.cmds, cmd)
	return cmd
}

// integer adds a command that is answered by a number.
func (p *parcel) integer(args ...any) *redis.IntCmd {
	from := len(p.args)
	p.args = append(p.args, args...)
	return p.integerOf(from)
}

// integerOf is integer for arguments that have been added from a place on.
func (p *parcel) integerOf(from int) *redis.IntCmd {
	p.integers = append(p.integers, *redis.NewIntCmd(p.ctx, p.args[from:len(p.args):len(p.args)]...))
	cmd := &p.integers[len(p.integers)-1]
	p.cmds = append(p.cmds, cmd)
	return cmd
}
