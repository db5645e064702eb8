package cache

import "time"

// Rate is how often something may come: Count times in each Per, evenly spread,
// and up to Burst times at once. The zero Rate is no limit.
type Rate struct {
	Count int // in each Per; at most one in a microsecond
	Per   time.Duration
	Burst int // below 1: 1
}

// Unlimited reports whether the rate is no limit.
func (r Rate) Unlimited() bool { return r.Count <= 0 || r.Per <= 0 }

// gap is the time in which one more may come. Redis counts in microseconds.
func (r Rate) gap() time.Duration {
	return max(r.Per/time.Duration(r.Count), time.Microsecond).Truncate(time.Microsecond)
}

func (r Rate) burst() int { return max(r.Burst, 1) }

// Window is how long an empty bucket takes to be full: the time of a burst.
func (r Rate) Window() time.Duration {
	if r.Unlimited() {
		return 0
	}
	return time.Duration(r.burst()) * r.gap()
}

// Bucket is a limit on something of a tenant, and the name it is counted under.
type Bucket struct {
	Name string
	Rate Rate // not unlimited
}

// Level is how full a bucket is.
type Level struct {
	Left int           // how many more may come at once
	Full time.Duration // until a whole burst may come
	Wait time.Duration // until the next may come; 0: it may come now
}

// level is the level of a bucket that is full again in the given time.
func (r Rate) level(full time.Duration) Level {
	gap := r.gap()
	return Level{
		Left: int(max(r.Window()-full, 0) / gap),
		Full: full,
		Wait: max(full+gap-r.Window(), 0),
	}
}
