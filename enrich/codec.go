package enrich

import (
	"bytes"
	"fmt"
	"runtime"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// The first byte of what is packed says how. No JSON begins with one of them.
const (
	byZstd = 1 // a frame of Zstandard that says how long its content is
	byS2   = 2 // a block of S2 with our dictionary
)

const (
	// zstdFrom is the length from which on Zstandard is better, in bytes. It takes prose to
	// two fifths, S2 to a half; below, most is names of fields, which the dictionary has.
	zstdFrom = 1 << 10

	// packFrom is what is worth it at all, in bytes.
	packFrom = 128

	// packTo bounds what is, in bytes: the decoder holds on to what it wrote last.
	packTo = 1 << 20
)

// packed tells the forms of a text apart.
func packed(form []byte) bool { return len(form) > 0 && (form[0] == byZstd || form[0] == byS2) }

// unpackedSize is what unpack will write, in bytes.
func unpackedSize(form []byte) int {
	if form[0] == byS2 {
		n, err := s2.DecodedLen(form[1:])
		return must(n, err)
	}
	var h zstd.Header
	err := h.Decode(form[1:])
	return must(int(h.FrameContentSize), err) //nolint:gosec // of what was in memory
}

// codec packs and unpacks. It may be used concurrently.
type codec struct {
	dict *s2.Dict
	in   *zstd.Encoder
	out  *zstd.Decoder
}

// packing is the codec that there is. It takes 300 KiB, of which pages are touched when
// something is packed. It never changes, and is there from the start: the channels in it are in no bubble
// of a test.
var packing = newCodec()

func newCodec() *codec {
	in, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(64<<10), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	in = must(in, err)
	out, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithDecoderLowmem(true))
	c := &codec{dict: s2.MakeDict([]byte(dictionary), nil), in: in, out: must(out, err)}
	c.in.EncodeAll(nil, nil) // it makes its channel when it is first used
	return c
}

// pack returns nil for what would not be smaller by an eighth.
func (c *codec) pack(json []byte) []byte {
	if len(json) < packFrom || len(json) > packTo {
		return nil
	}
	room := make([]byte, 1, 1+s2.MaxEncodedLen(len(json)))
	if room[0] = byZstd; len(json) >= zstdFrom {
		room = c.in.EncodeAll(json, room)
	} else {
		room[0] = byS2
		room = append(room, c.dict.EncodeBetter(nil, json)...)
	}
	if len(room) > len(json)/8*7 {
		return nil
	}
	return bytes.Clone(room)
}

// unpack appends what was packed.
func (c *codec) unpack(b, form []byte) []byte {
	if form[0] == byZstd {
		out, err := c.out.DecodeAll(form[1:], b)
		return must(out, err)
	}
	n := unpackedSize(form)
	b = append(b, make([]byte, n)...)
	_, err := c.dict.Decode(b[len(b)-n:], form[1:])
	return must(b, err)
}

// must is for what cannot fail: we packed it ourselves, and it was in memory since.
func must[V any](v V, err error) V {
	if err != nil {
		panic(fmt.Sprintf("enrich: a packed text cannot be read: %v", err))
	}
	return v
}

// dictionary is what small texts are likely to contain: the fields of records by their
// names, in their order, with what is often in them. What comes last is cheapest to refer to.
const dictionary = `"name":"","title":"","department":"","emails":[{"value":"","type":"work","primary":true}],"phones":[{"value":"+1","raw":"+1",` +
	`"type":"mobile","primary":true}],"ownerId":"","ownerName":"","lifecycleStage":"customer","tags":[""],"timezone":"Europe/","language":"en",` +
	`"accountIds":[""],"address":{"street":"","city":"","state":null,"postalCode":"","country":"","formatted":null},"lastActivityAt":"2026-0",` +
	`"archived":false,"url":"https://","custom":{"domain":"","description":"","industry":"","employees":1,"annualRevenue":{"amount":1,"currency":"EUR"},` +
	`"parentId":"",` + // and above all what each of them has:
	`{"id":"","tenantId":"","workspaceId":"","channelId":"","contactId":null,"accountId":null,"status":"open","summary":null,"subject":null,"outcome":null,` +
	`"messageCount":1,"lastMessageAt":"2026-01-01T00:00:00.000Z","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z",` +
	`"type":"email","aiEnabled":false,"externalIdentifier":null,"variables":null,"assistant":{"id":"","name":""},"whatsappSender":{"name":"","phone":"+1"},` +
	`"customer":{"name":"","phone":"+49"},"totalCost":0.0,"inbox":"","linked":true}` +
	`[{"id":"","tenantId":"","conversationId":"","type":"human_requested","reason":null,"status":"open","createdAt":"2026-01-01T00:00:00.000Z","resolvedAt":null}]` +
	`{"id":"","tenantId":"","name":null,"resolutionStatus":"crm_resolved","externalRef":null,"emailDomain":null,"vatNumber":null,"vatValid":null,` +
	`"country":null,"phone":null,"website":"https://www.","companyType":null,"createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}` +
	`{"id":"","tenantId":"","accountId":null,"externalRef":null,"resolutionStatus":"crm_resolved","firstName":null,"lastName":null,"email":"@gmail.com",` +
	`"phone":"+49","companyName":null,"createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}`
