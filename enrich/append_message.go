package enrich

import (
	"errors"

	"github.com/weft-gateway/weft/upstream"
)

// What a message and a call of it take beside their own words, in bytes: about.
const (
	messageOverhead = 160
	callOverhead    = 48
)

var errYear = errors.New("enrich: a time that cannot be written")

// appendMessage writes a message as it is kept. Free JSON is compact already.
func appendMessage(b []byte, m *upstream.Message, hideCalls bool) []byte {
	b = appendString(append(b, `{"id":`...), m.ID)
	b = appendString(append(b, `,"role":`...), m.Role)
	b = appendString(append(b, `,"content":`...), m.Content)
	b = appendTime(append(b, `,"createdAt":`...), m.CreatedAt)
	b = append(b, `,"functionCalls":`...)
	if hideCalls || m.FunctionCalls == nil {
		return append(b, "null}"...)
	}
	b = append(b, '[')
	for i := range m.FunctionCalls {
		c := &m.FunctionCalls[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"name":`...), c.Name)
		b = appendRaw(append(b, `,"arguments":`...), c.Arguments)
		b = appendRaw(append(b, `,"result":`...), c.Result)
		b = append(b, '}')
	}
	return append(b, "]}"...)
}
