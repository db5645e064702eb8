package client

import (
	"net/http"
	"strconv"
	"strings"
)

// head writes the head of a request into w. It is false where net/http would
// change something of it, or refuse it.
func (w *wire) head(req *http.Request, unzip bool) bool {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	if !all(host, hostByte) || !all(req.URL.Host, hostByte) || !w.line(req) {
		return false
	}
	w.field("Host", host)
	w.gzip = unzip && req.Method != http.MethodHead
	agent := "Go-http-client/1.1"
	for name, values := range req.Header {
		switch name {
		case "Host", "Content-Length": // not the header's to say
			continue
		case "Connection", "Expect", "Proxy-Connection", "Trailer", "Transfer-Encoding", "Upgrade":
			return false
		case "Accept-Encoding", "Range":
			w.gzip = w.gzip && (len(values) == 0 || values[0] == "")
		case "User-Agent":
			agent = ""
		}
		if name == "" || !all(name, tokenByte) || !w.fields(name, values) {
			return false
		}
	}
	if agent != "" {
		w.field("User-Agent", agent)
	}
	if w.gzip {
		w.field("Accept-Encoding", "gzip")
	}
	w.end(req)
	return true
}

// line writes the first line.
func (w *wire) line(req *http.Request) bool {
	path := req.URL.EscapedPath()
	switch {
	case path == "":
		path = "/"
	case path[0] != '/':
		return false
	}
	if !all(path, visible) || !all(req.URL.RawQuery, visible) {
		return false
	}
	w.out = append(w.out, req.Method...)
	w.out = append(w.out, ' ')
	w.out = append(w.out, path...)
	if req.URL.ForceQuery || req.URL.RawQuery != "" {
		w.out = append(w.out, '?')
		w.out = append(w.out, req.URL.RawQuery...)
	}
	w.out = append(w.out, " HTTP/1.1\r\n"...)
	return true
}

func (w *wire) fields(name string, values []string) bool {
	if name == "User-Agent" && len(values) > 0 {
		if values = values[:1]; values[0] == "" {
			return true // that is how none is asked for
		}
	}
	for _, v := range values {
		if !all(v, valueByte) {
			return false
		}
		w.field(name, strings.Trim(v, " \t"))
	}
	return true
}

func (w *wire) field(name, value string) {
	w.out = append(w.out, name...)
	w.out = append(w.out, ": "...)
	w.out = append(w.out, value...)
	w.out = append(w.out, "\r\n"...)
}

// end ends the head.
func (w *wire) end(req *http.Request) {
	if req.ContentLength > 0 || req.Method == http.MethodPost {
		w.out = append(w.out, "Content-Length: "...)
		w.out = strconv.AppendInt(w.out, req.ContentLength, 10)
		w.out = append(w.out, "\r\n"...)
	}
	w.out = append(w.out, "\r\n"...)
}

func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func visible(b byte) bool { return b > ' ' && b < 0x7f }

// valueByte is RFC 9110's field-value with obs-text.
func valueByte(b byte) bool { return b >= ' ' && b != 0x7f || b == '\t' }

func letterOrDigit(b byte) bool {
	return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z'
}

func hostByte(b byte) bool {
	switch b {
	case '.', '-', '_', ':', '[', ']':
		return true
	}
	return letterOrDigit(b)
}

func tokenByte(b byte) bool {
	switch b {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return letterOrDigit(b)
}
