package gateway

import "net/http"

// sharedValues are header values that many answers have. They are replaced,
// and never edited.
type sharedValues struct{ vary, varyPublic, json, noCache []string }

func newSharedValues() sharedValues {
	return sharedValues{
		vary: []string{"Authorization, Origin, Accept-Encoding"}, varyPublic: []string{"Accept-Encoding"},
		json: []string{"application/json"}, noCache: []string{"private, no-cache"},
	}
}

// hardening returns the headers of every answer: what a browser may not do
// with it. The explorer's page has a policy of its own in place of this one.
// The values are shared between answers, which replace but never edit them.
func hardening(hsts bool) http.Header {
	h := http.Header{
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
		"Referrer-Policy":              {"no-referrer"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
	}
	if hsts {
		const year = "31536000" // seconds
		h["Strict-Transport-Security"] = []string{"max-age=" + year}
	}
	return h
}
