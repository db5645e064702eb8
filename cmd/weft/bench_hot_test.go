package main

import "testing"

// BenchmarkHot asks for one document that is all within its time, without
// server and connection.
func BenchmarkHot(b *testing.B) {
	ask, _ := hot(b)
	key := "Bearer " + keyGlobex
	for range 3 { // loaded; assembled of copies, and kept; as it is kept
		ask(key)
	}
	b.ReportAllocs()
	for b.Loop() {
		ask(key)
	}
}
