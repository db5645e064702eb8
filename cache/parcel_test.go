package cache

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// packed are the commands of a batch, with names of records for their keys, and without
// those that clear sets now and then.
func packed(t *testing.T, r *remote, p *parcel, keys ...Key) (cmds []string) {
	t.Helper()
	names := []string{keyPrefix + "about:" + string(idOf("t", "ann")), "ann"}
	for _, key := range keys {
		names = append(names, key.turnKey(), "turn-"+key.ID, key.redisKey(), key.ID, key.member(), "m-"+key.ID)
	}
	short := strings.NewReplacer(names...)
	for _, cmd := range p.cmds {
		words := []string{}
		for _, arg := range cmd.Args() {
			switch v := arg.(type) {
			case string:
				words = append(words, v)
			case *string:
				words = append(words, short.Replace(*v))
			case *envelope:
				words = append(words, opened(t, *v, keys))
			case *int64:
			default:
				t.Errorf("an argument that is a %T", arg)
			}
		}
		if words[0] != "zremrangebyscore" {
			cmds = append(cmds, strings.Join(words, " "))
		}
	}
	r.unpacked(p)
	return cmds
}

// opened is what an envelope of one of the records holds.
func opened(t *testing.T, b []byte, keys []Key) string {
	t.Helper()
	for _, key := range keys {
		if e, err := open(key, b, time.Now()); err == nil {
			return string(e.data)
		}
	}
	t.Error("an envelope of no record")
	return ""
}

// TestPack: a record is noted before it is there, and turns are given back after all
// records, at once where that is possible. What a parcel was used for before
// does not show.
func TestPack(t *testing.T) {
	const deadline = 50 * time.Millisecond
	now := time.Now()
	key := func(id string) Key { return Key{"t", "doc", id} }
	ann := []subjectID{idOf("t", "ann")}
	record := func(id, data string, about []subjectID, turn time.Duration) write {
		return write{key: key(id), entry: entry{data: []byte(data), storedAt: now}, keep: time.Hour, about: about, turn: now.Add(turn)}
	}
	batch := []write{
		record("a", "A", nil, time.Second),
		record("b", "B", ann, time.Second),
		{key: key("c"), remove: true},
		{key: key("d"), bare: true, turn: now.Add(time.Second)},
		record("e", "E", ann, writePatience*deadline), // its turn may run out on the way
		{key: key("f"), entry: entry{data: []byte("F"), storedAt: now.Add(-2 * time.Hour)}, keep: time.Hour, about: ann},
	}
	records := []string{"set a A px", "zadd ann m-b m-e", "pexpire ann", "set b B px", "del c", "set e E px"}
	single := redis.NewClient(&redis.Options{})
	defer single.Close()
	cluster := redis.NewClusterClient(&redis.ClusterOptions{})
	defer cluster.Close()
	tests := []struct {
		name   string
		client redis.UniversalClient
		back   []string
	}{
		{"single", single, []string{"del turn-a turn-b turn-d"}},
		{"cluster", cluster, []string{"del turn-a", "del turn-b", "del turn-d"}},
	}
	for _, tt := range tests {
		r := &remote{client: tt.client, deadline: deadline}
		for range 3 {
			want := append(records[:len(records):len(records)], tt.back...)
			got := packed(t, r, r.pack(t.Context(), batch), key("a"), key("b"), key("c"), key("d"), key("e"), key("f"))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
			got = packed(t, r, r.pack(t.Context(), []write{record("g", "G", nil, 0)}), key("g"))
			if diff := cmp.Diff([]string{"set g G px"}, got); diff != "" {
				t.Errorf("%s, used again (-want +got):\n%s", tt.name, diff)
			}
		}
	}
}

// TestNotesByThePiece: no command adds many records to a set.
func TestNotesByThePiece(t *testing.T) {
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	r := &remote{client: client, deadline: time.Second}
	var batch []write
	for i := range 2*noteChunk + 1 {
		batch = append(batch, write{key: Key{"t", "doc", fmt.Sprint(i)}, entry: entry{data: []byte("1"), storedAt: time.Now()}, keep: time.Hour,
			about: []subjectID{idOf("t", "ann"), idOf("t", fmt.Sprint(i%2))}})
	}
	p := r.pack(t.Context(), batch)
	noted := map[string]int{}
	for _, cmd := range p.cmds {
		if args := cmd.Args(); cmd.Name() == "zadd" {
			members := len(args)/2 - 1
			if members > noteChunk {
				t.Errorf("%d records in one command", members)
			}
			noted[*args[1].(*string)] += members
		}
	}
	want := map[string]int{
		aboutKey(idOf("t", "ann")): 2*noteChunk + 1, aboutKey(idOf("t", "0")): noteChunk + 1, aboutKey(idOf("t", "1")): noteChunk,
	}
	if diff := cmp.Diff(want, noted); diff != "" {
		t.Errorf("noted (-want +got):\n%s", diff)
	}
}
