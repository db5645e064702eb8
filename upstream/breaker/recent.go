package breaker

import (
	"sync"
	"time"
)

// refused is a call that was not made, beside the outcomes of those that were.
const refused Outcome = Ignored + 1

// recentSteps is in how many steps the window of [Recent] rolls.
const recentSteps = 10

// recent counts what became of calls lately. gobreaker's counts end with each
// change of state, and know no refusals.
type recent struct {
	mu    sync.Mutex
	born  time.Time
	step  time.Duration
	steps [recentSteps]recentStep // the one of a moment is at its number modulo the count
}

type recentStep struct {
	number int64
	counts [refused + 1]int // by Outcome
}

func newRecent(window time.Duration) recent {
	return recent{born: time.Now(), step: window / recentSteps}
}

func (r *recent) add(o Outcome) {
	number := int64(time.Since(r.born) / r.step)
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.steps[number%recentSteps]
	if s.number != number {
		*s = recentStep{number: number}
	}
	s.counts[o]++
}

// Recent is what became of calls in the window, whatever the state was.
type Recent struct {
	Seconds        float64 `json:"seconds"` // how far it looks back; less at the start
	Successes      int     `json:"successes"`
	Failures       int     `json:"failures"`
	Ignored        int     `json:"ignored"`
	Rejected       int     `json:"rejected"`
	CallsPerSecond float64 `json:"callsPerSecond"` // those that were made
	FailureRatio   float64 `json:"failureRatio"`   // among successes and failures; 0 without any
}

func (r *recent) read() Recent {
	age := time.Since(r.born)
	number := int64(age / r.step)
	var sum [refused + 1]int
	r.mu.Lock()
	for _, s := range r.steps {
		if s.number > number-recentSteps {
			for o, n := range s.counts {
				sum[o] += n
			}
		}
	}
	r.mu.Unlock()
	span := min(age, (recentSteps-1)*r.step+age%r.step)
	out := Recent{
		Seconds:   float64(span.Milliseconds()) / 1000,
		Successes: sum[Success], Failures: sum[Failure], Ignored: sum[Ignored], Rejected: sum[refused],
	}
	if span > 0 {
		// Over a second at least: the first call is no flood.
		out.CallsPerSecond = float64(out.Successes+out.Failures+out.Ignored) / max(span.Seconds(), 1)
	}
	if n := out.Successes + out.Failures; n > 0 {
		out.FailureRatio = float64(out.Failures) / float64(n)
	}
	return out
}
