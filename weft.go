// Package weft weaves CRM records into conversation threads: one request for a
// conversation answers with its messages, the person it is with and that
// person's company, each part saying how fresh it is.
//
// The package holds nothing but the contract of the public interface, which is
// written by hand in openapi.yaml and which the code is held to by tests. The
// program is cmd/weft.
package weft

import _ "embed"

//go:embed openapi.yaml
var openAPI string

// OpenAPI returns the contract of the public interface, as YAML. The caller
// owns the bytes.
func OpenAPI() []byte { return []byte(openAPI) }
