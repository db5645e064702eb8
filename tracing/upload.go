package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	protobuf   = "application/x-protobuf"
	maxBatch   = 20 << 20 // bytes, before they are packed; what OTLP recommends
	maxAnswer  = 64 << 10 // bytes, after they are unpacked
	firstPause = time.Second
	maxPause   = 5 * time.Second
)

// uploader is an [otlptrace.Client] that speaks OTLP over HTTP.
type uploader struct {
	client  *http.Client
	url     string
	header  http.Header
	timeout time.Duration // of a batch, all tries together
	packers *sync.Pool    // of *gzip.Writer; nil: batches are sent as they are
}

func transport(s Settings) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig, t.MaxIdleConnsPerHost = s.tls, 1
	return t
}

func newUploader(s Settings, version string, transport http.RoundTripper) *uploader {
	agent := "Weft-OTLP-Exporter-Go/" + strings.Trim(version, "()") // of "(devel)"
	u := &uploader{url: s.Endpoint, header: http.Header{"User-Agent": {agent}}, timeout: s.timeout}
	u.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // it could lead what the headers hold elsewhere
	}}
	for name, value := range s.headers {
		u.header.Set(name, value)
	}
	u.header.Set("Content-Type", protobuf)
	if s.packed {
		u.header.Set("Content-Encoding", "gzip")
		u.packers = &sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	}
	return u
}

// Start implements [otlptrace.Client]. The collector is not asked yet.
func (*uploader) Start(context.Context) error { return nil }

// Stop implements [otlptrace.Client].
func (u *uploader) Stop(context.Context) error {
	u.client.CloseIdleConnections()
	return nil
}

// UploadTraces implements [otlptrace.Client]. A collector that is away or busy is
// tried again for as long as there is time, and the error is that of the last try.
func (u *uploader) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := u.encode(spans)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	for backoff := firstPause; ; backoff = min(2*backoff, maxPause) {
		err := u.post(ctx, body)
		later, ok := errors.AsType[*retryable](err)
		if !ok || ctx.Err() != nil {
			return err
		}
		pause := max(later.after, backoff/2+rand.N(backoff))
		if end, _ := ctx.Deadline(); time.Until(end) <= pause {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// encode is the body of a request. TracesData is an ExportTraceServiceRequest by
// another name, whose package would bring gRPC along.
func (u *uploader) encode(spans []*tracepb.ResourceSpans) ([]byte, error) {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxBatch:
		return nil, fmt.Errorf("tracing: a batch of %d bytes", len(body))
	case u.packers == nil:
		return body, nil
	}
	var packed bytes.Buffer
	z := u.packers.Get().(*gzip.Writer)
	defer u.packers.Put(z)
	z.Reset(&packed)
	if _, err := z.Write(body); err != nil {
		return nil, err
	}
	err = z.Close()
	return packed.Bytes(), err
}

// retryable is a failure after which the same request may be sent again.
type retryable struct {
	after time.Duration // at least; as the collector asks for
	err   error
}

func (e *retryable) Error() string { return e.err.Error() }
func (e *retryable) Unwrap() error { return e.err }

// post makes one try.
func (u *uploader) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = u.header.Clone()
	resp, err := u.client.Do(req)
	if err != nil {
		return &retryable{0, err}
	}
	defer resp.Body.Close()
	// Failures are read too, so that the connection can be used again.
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch status := resp.StatusCode; {
	case status == http.StatusTooManyRequests, status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return &retryable{retryAfter(resp.Header.Get("Retry-After")), fmt.Errorf("tracing: the collector answers %d", status)}
	case status < 200 || status > 299:
		return fmt.Errorf("tracing: the collector answers %d", status)
	case err != nil:
		return err
	case len(answer) > maxAnswer:
		return errors.New("tracing: the collector answers too much")
	case resp.Header.Get("Content-Type") != protobuf:
		return nil
	}
	return accepted(answer)
}

// retryAfter reads seconds or a date; 0: nothing that can be understood.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(time.Until(date), 0)
	}
	return 0
}
