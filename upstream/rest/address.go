package rest

import "github.com/weft-gateway/weft/upstream"

// address reads an address: an object, fields of the record that the
// configuration names one by one, or all of it in one text.
func (f *fields) address(name string) *upstream.Address {
	if raw := f.raw(name); raw != nil && raw[0] != '{' {
		return upstream.Address{Formatted: f.text(name)}.OrNil()
	}
	part := func(p string) *string { return f.text(name + "." + p) }
	return upstream.Address{
		Street: part("street"), City: part("city"), State: part("state"),
		PostalCode: part("postalCode"), Country: part("country"), Formatted: part("formatted"),
	}.OrNil()
}
