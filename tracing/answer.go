package tracing

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// accepted reads an ExportTraceServiceResponse: an error says that spans were
// rejected. A text without any is a hint, and all spans were taken.
func accepted(answer []byte) error {
	var rejected uint64
	err := fields(answer, protowire.BytesType, func(partial []byte) error {
		return fields(partial, protowire.VarintType, func(count []byte) error {
			rejected, _ = protowire.ConsumeVarint(count)
			return nil
		})
	})
	if err == nil && rejected != 0 {
		err = fmt.Errorf("tracing: the collector rejects %d spans", int64(rejected))
	}
	return err
}

// fields hands out what the first field of a message holds, if that is of the
// type, and passes over all others.
func fields(message []byte, of protowire.Type, first func(value []byte) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			return protowire.ParseError(n)
		}
		value := message[:n]
		message = message[n:]
		if number != 1 || kind != of {
			continue
		}
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		if err := first(value); err != nil {
			return err
		}
	}
	return nil
}
