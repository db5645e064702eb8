package enrich

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// fill gives every field a value, so that one that a writer forgets shows.
func fill(v reflect.Value, text string) {
	switch v.Interface().(type) {
	case upstream.Time:
		v.Set(reflect.ValueOf(upstream.At(time.Date(2026, 3, 25, 11, 42, 0, 123e6, time.UTC))))
		return
	case json.RawMessage:
		v.SetBytes([]byte(`{"a":[1,"<"]}`))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), text+v.Type().Field(i).Name)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), text+"0")
		fill(v.Index(1), text+"1")
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, name := range []string{"b", "a<\"\u2028"} {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(value, text+name)
			v.SetMapIndex(reflect.ValueOf(name), value)
		}
	case reflect.String:
		v.SetString(text + "<&\"\u2028\n\xff")
	case reflect.Int:
		v.SetInt(42)
	case reflect.Float64:
		v.SetFloat(1.5e-9)
	case reflect.Bool:
		v.SetBool(true)
	}
}

func filled[T any]() *T {
	v := new(T)
	fill(reflect.ValueOf(v).Elem(), "")
	return v
}

// asEncoded holds a writer to what encoding/json makes of the same record.
func asEncoded[T any](t *testing.T, encode func(*T) ([]byte, error), records ...*T) {
	t.Helper()
	for i, r := range records {
		got, err := encode(r)
		if err != nil {
			t.Fatal(err)
		}
		want, err := encodeJSON(r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decoded(t, want), decoded(t, got)); diff != "" {
			t.Errorf("%T %d (-encoding/json +ours):\n%s", r, i, diff)
		}
		if compact, err := upstream.Compact(got); err != nil || string(compact) != string(got) {
			t.Errorf("%T %d: not compact: %s", r, i, got)
		}
	}
}

func TestRecordsAreAsEncoded(t *testing.T) {
	asEncoded(t, encodeConversation, &upstream.Conversation{}, filled[upstream.Conversation]())
	asEncoded(t, encodeContact, &upstream.Contact{}, filled[upstream.Contact]())
	asEncoded(t, encodeAccount, &upstream.Account{}, filled[upstream.Account]())
	asEncoded(t, encodePage, &upstream.Page{Rows: []upstream.Conversation{}}, filled[upstream.Page]())
}

func TestRecordsOfNoYear(t *testing.T) {
	never := upstream.Time{Time: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)}
	errs := map[string]error{}
	_, errs["conversation"] = encodeConversation(&upstream.Conversation{LastMessageAt: &never})
	_, errs["page"] = encodePage(&upstream.Page{Rows: []upstream.Conversation{{UpdatedAt: never}}})
	_, errs["contact"] = encodeContact(&upstream.Contact{CreatedAt: &never})
	_, errs["account"] = encodeAccount(&upstream.Account{LastActivityAt: &never})
	for name, err := range errs {
		if err == nil {
			t.Errorf("%s: a year that JSON cannot have was written", name)
		}
	}
}

func TestAppendFloat(t *testing.T) {
	for _, f := range []float64{0, 1, -1.5, 0.0061, 1e-6, 9.9e-7, 1e20, 1e21, -1e300, 5e-324} {
		want, _ := json.Marshal(f)
		var got, as float64
		raw := appendFloat(nil, &f)
		if err := json.Unmarshal(raw, &got); err != nil || json.Unmarshal(want, &as) != nil || got != as {
			t.Errorf("%s, want %s: %v", raw, want, err)
		}
	}
}
