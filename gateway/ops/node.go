package ops

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// The bounds of what other replicas may say.
const (
	maxNote     = 256 << 10 // bytes
	maxNodes    = 64
	maxBreakers = 512 // of a node
	maxText     = 1024
)

// The states of a replica.
const (
	statusReady    = "ready"
	statusDegraded = "degraded"
	statusDraining = "draining"
)

// node is what a replica says of itself: a note on the [Board].
type node struct {
	Node      string        `json:"node"`
	Version   string        `json:"version"`
	StartedAt time.Time     `json:"startedAt"`
	Status    string        `json:"status"`
	At        time.Time     `json:"at"` // by its own clock
	Breakers  []nodeBreaker `json:"breakers"`
}

// nodeBreaker is what it says of a breaker.
type nodeBreaker struct {
	Name          string           `json:"name"`
	Upstream      string           `json:"upstream"`
	Operation     string           `json:"operation"`
	State         breaker.State    `json:"state"`
	Since         time.Time        `json:"since"`
	Reason        string           `json:"reason"`
	LastErrorKind *string          `json:"lastErrorKind"`
	NextProbeAt   *time.Time       `json:"nextProbeAt"`
	Trouble       *breaker.Trouble `json:"trouble"` // nil while closed
	ForcedBy      *string          `json:"forcedBy"`
}

// nodeView is a replica as it is shown.
type nodeView struct {
	node
	Self bool `json:"self"`
}

var errNote = errors.New("ops: not a note of a replica")

// parseNote reads what a replica posted under name. It may be of another
// version: what is not known is passed over.
func parseNote(name string, note []byte) (node, error) {
	var n node
	if len(note) > maxNote {
		return n, errNote
	}
	if err := json.Unmarshal(note, &n); err != nil {
		return node{}, errNote
	}
	known := []string{statusReady, statusDegraded, statusDraining}
	if n.Node != name || len(n.Version) > maxText || !slices.Contains(known, n.Status) || len(n.Breakers) > maxBreakers {
		return node{}, errNote
	}
	if slices.ContainsFunc(n.Breakers, func(b nodeBreaker) bool { return !b.sound() }) {
		return node{}, errNote
	}
	if n.Breakers == nil {
		n.Breakers = []nodeBreaker{}
	}
	return n, nil
}

func (b nodeBreaker) sound() bool {
	states := []breaker.State{breaker.Closed, breaker.HalfOpen, breaker.Open, breaker.ForcedOpen, breaker.ForcedClosed}
	return slices.Contains(states, b.State) && b.Name != "" &&
		max(len(b.Name), len(b.Upstream), len(b.Operation), len(b.Reason), len(deref(b.LastErrorKind)), len(deref(b.ForcedBy))) <= maxText &&
		(b.Trouble == nil || len(b.Trouble.Cause) <= maxText)
}

// nodesOf reads notes, and passes over those that cannot be read. Of too many
// the same are left out each time.
func nodesOf(notes map[string][]byte) []nodeView {
	var nodes []nodeView
	for _, name := range slices.Sorted(maps.Keys(notes)) {
		if n, err := parseNote(name, notes[name]); err == nil && len(nodes) < maxNodes {
			nodes = append(nodes, nodeView{node: n})
		}
	}
	return nodes
}

// replaced returns nodes with own in the place of its earlier self.
func replaced(nodes []nodeView, own nodeView) []nodeView {
	i, found := slices.BinarySearchFunc(nodes, own.Node, func(n nodeView, name string) int { return cmp.Compare(n.Node, name) })
	nodes = slices.Clone(nodes)
	if found {
		nodes[i] = own
		return nodes
	}
	return slices.Insert(nodes, i, own)
}
