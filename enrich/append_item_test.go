package enrich

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

func TestItemsAndLinksAreWrittenAsTheEncoderWould(t *testing.T) {
	at := upstream.At(time.Date(2026, 3, 25, 11, 42, 0, 5e6, time.UTC))
	odd := "a \"word\"\u2028 <b> & \x01"
	plain := upstream.AttentionItem{ID: "att-1", TenantID: "acme", ConversationID: "conv-1", Type: "escalation", Status: "open", CreatedAt: at}
	full := plain
	full.Type, full.Reason, full.ResolvedAt = odd, &odd, &at
	for name, items := range map[string][]upstream.AttentionItem{
		"nil": nil, "none": {}, "one": {plain}, "two": {full, plain},
	} {
		got, err := encodeItems(items)
		want, wantErr := encodeJSON(items)
		if diff := cmp.Diff(string(want), string(got)); diff != "" || err != nil || wantErr != nil {
			t.Errorf("%s: %v, %v (-want +got):\n%s", name, err, wantErr, diff)
		}
	}
	for _, l := range []link{{}, {ContactID: "con-1"}, {ContactID: odd, AccountID: odd}, {Ambiguous: true}} {
		got, err := encodeLink(&l)
		want, wantErr := encodeJSON(&l)
		if diff := cmp.Diff(string(want), string(got)); diff != "" || err != nil || wantErr != nil {
			t.Errorf("%+v: %v, %v (-want +got):\n%s", l, err, wantErr, diff)
		}
	}
	never := upstream.At(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
	for name, item := range map[string]upstream.AttentionItem{"created": {CreatedAt: never}, "resolved": {ResolvedAt: &never}} {
		if _, err := encodeItems([]upstream.AttentionItem{item}); err == nil {
			t.Errorf("%s in the year 10000: no error", name)
		}
	}
}
