package breaker

// Watch returns the last 500 changes of state, and then each that follows, with
// none lost or doubled in between. The channel has room for so many, and is
// closed when a change finds no room, or by stop, which has to be called.
func (s *Set) Watch(room int) (past []Transition, news <-chan Transition, stop func()) {
	return s.journal.watch(room)
}

func (j *journal) watch(room int) ([]Transition, <-chan Transition, func()) {
	out := make(chan Transition, max(room, 1))
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.outs == nil {
		j.outs = make(map[chan Transition]bool)
	}
	j.outs[out] = true
	return j.listed(), out, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.drop(out)
	}
}

// tell hands t to who watches, and never waits: it is called under gobreaker's
// mutex. The caller holds mu.
func (j *journal) tell(t Transition) {
	for out := range j.outs {
		select {
		case out <- t:
		default:
			j.drop(out)
		}
	}
}

// drop ends a watch. The caller holds mu.
func (j *journal) drop(out chan Transition) {
	if j.outs[out] {
		delete(j.outs, out)
		close(out)
	}
}
