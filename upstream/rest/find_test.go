package rest

import (
	"slices"
	"testing"

	"github.com/weft-gateway/weft/upstream"
)

// A number is matched in the form in which the CRM keeps it, and never by
// guessing between two that were asked for.
func TestPhoneMatches(t *testing.T) {
	tests := []struct {
		name    string
		carried string
		asked   []string
		want    []string
	}{
		{"the same", "+14155559876", []string{"+14155559876"}, []string{"+14155559876"}},
		{"written otherwise", "+1 (415) 555-9876", []string{"+14155559876"}, []string{"+14155559876"}},
		{"without its country", "(415) 555-9876", []string{"+14155559876"}, []string{"+14155559876"}},
		{"as dialled at home", "0151 12345678", []string{"+4915112345678"}, []string{"+4915112345678"}},
		{"another country", "+24155559876", []string{"+14155559876"}, nil},
		{"another number", "(415) 555-9870", []string{"+14155559876"}, nil},
		{"too short to tell", "9876", []string{"+14155559876"}, nil},
		{"two could be meant", "4155559876", []string{"+14155559876", "+344155559876"}, nil},
		{"one is exact", "+344155559876", []string{"+14155559876", "+344155559876"}, []string{"+344155559876"}},
	}
	s := (&CRM{}).search(upstream.ByPhone)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked := map[string][]string{}
			for _, v := range tt.asked {
				asked[s.key(v)] = []string{v}
			}
			if got := s.matches(&upstream.Contact{Phone: &tt.carried}, asked); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
