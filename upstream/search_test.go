package upstream

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewSearch(ByPhone, tt.asked)
			if got := s.matches(&Contact{Phone: &tt.carried}); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// A value that nobody can carry is not asked for, and one contact is one match
// however often it was listed.
func TestSearch(t *testing.T) {
	s := NewSearch(ByEmail, []string{"a@b", "A@b", "a@b", "", " a@b", "a\x00@b", strings.Repeat("a", 257)})
	if diff := cmp.Diff([]string{"a@b", "A@b"}, s.Values()); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	mail := "a@B"
	c := Contact{ID: "1", Emails: []EmailAddress{{Value: mail}}}
	got := s.Group([]Contact{c, c, {ID: "2", Email: &mail}, {ID: "3"}})
	if len(got["a@b"]) != 2 || len(got["A@b"]) != 2 || len(got) != 2 || !s.Matches(&c) || s.Matches(&Contact{ID: "3"}) {
		t.Errorf("%v", got)
	}
	if NewSearch(ByID, []string{"1"}) != nil {
		t.Error("a search by id")
	}
}
