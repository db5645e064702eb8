package tracing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	envEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	somewhere   = "http://127.0.0.1:4318"
)

func read(env map[string]string) (Settings, error) {
	return Read(func(name string) string { return env[name] })
}

// told is what a test looks at in settings.
type told struct {
	Endpoint, Sampler string
	Headers, Resource map[string]string
	Timeout, Delay    time.Duration
	Queue, Batch      int
	Packed            bool
}

func TestRead(t *testing.T) {
	const parent = ",remoteParentSampled:AlwaysOnSampler,remoteParentNotSampled:AlwaysOffSampler,localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOffSampler}"
	plain := func(change func(*told)) told {
		want := told{
			Endpoint: somewhere + "/v1/traces", Sampler: "ParentBased{root:AlwaysOnSampler" + parent,
			Headers: map[string]string{}, Resource: map[string]string{}, Timeout: 10 * time.Second, Delay: 5 * time.Second, Queue: 2048, Batch: 512,
		}
		change(&want)
		return want
	}
	tests := []struct {
		name string
		env  map[string]string
		want told
	}{
		{"nothing", nil, told{}},
		{"no endpoint", map[string]string{"OTEL_SERVICE_NAME": "x", "OTEL_TRACES_SAMPLER": "always_on", "OTEL_BSP_SCHEDULE_DELAY": "1"}, told{}},
		{"no endpoint, and others' collector", map[string]string{
			"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": somewhere, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere",
		}, told{}},
		{"disabled", map[string]string{envEndpoint: somewhere, "OTEL_SDK_DISABLED": "True", "OTEL_TRACES_SAMPLER": "none"}, told{}},
		{"no exporter", map[string]string{envEndpoint: "not a URL", "OTEL_TRACES_EXPORTER": "none"}, told{}},
		{"the endpoint alone", map[string]string{envEndpoint: somewhere}, plain(func(*told) {})},
		{"a path", map[string]string{envEndpoint: somewhere + "/otlp/"}, plain(func(w *told) { w.Endpoint = somewhere + "/otlp/v1/traces" })},
		{"one for traces", map[string]string{envEndpoint: "http://else", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": somewhere + "/x"}, plain(func(w *told) { w.Endpoint = somewhere + "/x" })},
		{"never", map[string]string{envEndpoint: somewhere, "OTEL_TRACES_SAMPLER": "always_off"}, plain(func(w *told) { w.Sampler = "AlwaysOffSampler" })},
		{"some", map[string]string{envEndpoint: somewhere, "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}, plain(func(w *told) { w.Sampler = "TraceIDRatioBased{0.25}" })},
		{"some, or as the caller says", map[string]string{envEndpoint: somewhere, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, plain(func(w *told) { w.Sampler = "ParentBased{root:TraceIDRatioBased{0.5}" + parent })},
		{"all", map[string]string{
			envEndpoint: somewhere, "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
			"OTEL_EXPORTER_OTLP_HEADERS": "a=1, b=x%20y,", "OTEL_EXPORTER_OTLP_TIMEOUT": "250", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
			"OTEL_RESOURCE_ATTRIBUTES": "service.name=one,zone=a", "OTEL_SERVICE_NAME": "two", "OTEL_TRACES_SAMPLER": "always_on",
			"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_SCHEDULE_DELAY": "20",
		}, plain(func(w *told) {
			*w = told{
				Endpoint: w.Endpoint, Sampler: "AlwaysOnSampler", Headers: map[string]string{"a": "1", "b": "x y"}, Packed: true,
				Resource: map[string]string{"service.name": "two", "zone": "a"}, Timeout: 250 * time.Millisecond, Delay: 20 * time.Millisecond, Queue: 100, Batch: 100,
			}
		})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := read(tt.env)
			if err != nil {
				t.Fatal(err)
			}
			got := told{s.Endpoint, "", s.headers, s.resource, s.timeout, s.delay, s.queue, s.batch, s.packed}
			if s.sampler != nil {
				got.Sampler = s.sampler.Description()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

// The error names the variable, and does not repeat what it holds.
func TestReadRefuses(t *testing.T) {
	for _, tt := range [][2]string{
		{envEndpoint, "secret"}, {envEndpoint, "ftp://secret"}, {envEndpoint, "http://user:secret@host"}, {envEndpoint, "http://host?secret"},
		{"OTEL_TRACES_EXPORTER", "secret"}, {"OTEL_EXPORTER_OTLP_PROTOCOL", "secret"}, {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "secret"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "secret"}, {"OTEL_EXPORTER_OTLP_HEADERS", "a=%0asecret"}, {"OTEL_EXPORTER_OTLP_HEADERS", "a=%secret"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "secret"}, {"OTEL_EXPORTER_OTLP_TIMEOUT", "0"}, {"OTEL_EXPORTER_OTLP_COMPRESSION", "secret"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "/secret"}, {"OTEL_EXPORTER_OTLP_CLIENT_KEY", "/secret"}, {"OTEL_RESOURCE_ATTRIBUTES", "=secret"},
		{"OTEL_TRACES_SAMPLER", "secret"}, {"OTEL_TRACES_SAMPLER", "parentbased_"}, {"OTEL_BSP_MAX_QUEUE_SIZE", "-1"}, {"OTEL_BSP_SCHEDULE_DELAY", "secret"},
	} {
		env := map[string]string{envEndpoint: somewhere}
		env[tt[0]] = tt[1]
		_, err := read(env)
		if err == nil || !strings.Contains(err.Error(), tt[0]) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s=%s: %v", tt[0], tt[1], err)
		}
		_, alone := read(map[string]string{tt[0]: tt[1]}) // a typo is told before there is an endpoint
		if reach := strings.Contains(tt[0], "OTLP") && tt[0] != envEndpoint; (alone == nil) != reach || alone != nil && alone.Error() != err.Error() {
			t.Errorf("%s=%s without an endpoint: %v", tt[0], tt[1], alone)
		}
	}
	for _, ratio := range []string{"secret", "1.5", "-1", "NaN"} {
		for _, env := range []map[string]string{{envEndpoint: somewhere, "OTEL_TRACES_SAMPLER": "traceidratio"}, {"OTEL_TRACES_SAMPLER": "traceidratio"}, {}} {
			env["OTEL_TRACES_SAMPLER_ARG"] = ratio
			if _, err := read(env); err == nil || err.Error() != "OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1" {
				t.Errorf("%v: %v", env, err)
			}
		}
	}
}

func TestReadCertificate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(map[string]string{envEndpoint: "https://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_CERTIFICATE": file}); err == nil {
		t.Error("a file that holds no certificate is taken")
	}
}

// Whatever lists hold, they are read or refused.
func FuzzPairs(f *testing.F) {
	for _, s := range []string{"", "a=b", "a=b,c=d%20e", ",,", "=", "a=%", "a\x00=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		v := &variables{}
		for name, value := range v.pairs("X", list) {
			if name == "" || strings.ContainsAny(name+value, "\r\n\x00") {
				t.Errorf("%q has %q = %q", list, name, value)
			}
		}
	})
}
