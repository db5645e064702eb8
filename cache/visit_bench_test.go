package cache

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// BenchmarkRedisHits is five records of which memory has none, as a document
// asks for them, by many callers at once.
func BenchmarkRedisHits(b *testing.B) {
	r := startRedis(b)
	one, two := newCache(b, Config{Redis: r.admin}), newCache(b, Config{Redis: r.admin, MemoryBytes: 1 << 10})
	l := newLoader(b, one, testPolicy)
	newLoader(b, two, testPolicy)
	const many = 500
	for i := range many {
		l.Put("t", fmt.Sprint(i), doc{strings.Repeat("x", 1500)})
	}
	eventually(b, "the records to be there", func() bool { return r.admin.DBSize(b.Context()).Val() >= many })
	var next atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			at := int(next.Add(1)) * 5
			keys := make([]Key, 5)
			for i := range keys {
				keys[i] = Key{"t", "doc", fmt.Sprint((at + i) % many)}
			}
			_, release := two.Prefetch(b.Context(), nil, keys...)
			release()
		}
	})
	b.ReportMetric(float64(two.Stats().Redis.Reads)/float64(b.N), "visits/op")
}
