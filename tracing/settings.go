package tracing

import (
	"crypto/tls"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// Settings are what the variables of OpenTelemetry say. The zero value is off.
type Settings struct {
	Endpoint string // URL that spans are sent to; "": traces are off

	headers  map[string]string
	timeout  time.Duration // of one batch
	packed   bool          // with gzip
	tls      *tls.Config   // nil: as the system has it
	sampler  sdk.Sampler
	resource map[string]string
	queue    int // spans at most
	batch    int // spans at most
	delay    time.Duration
}

// Read reads the settings from the environment. Errors name the variable, and
// never its value. How a collector is reached is not looked at where none is
// named, since that may be meant for the metrics or logs of other programs.
func Read(getenv func(string) string) (Settings, error) {
	v := &variables{getenv: getenv}
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return Settings{}, nil
	}
	s := Settings{Endpoint: v.endpoint()}
	v.oneOf("OTEL_TRACES_EXPORTER", getenv("OTEL_TRACES_EXPORTER"), "otlp")
	s.resource = v.pairs("OTEL_RESOURCE_ATTRIBUTES", getenv("OTEL_RESOURCE_ATTRIBUTES"))
	if service := getenv("OTEL_SERVICE_NAME"); service != "" {
		s.resource["service.name"] = service
	}
	s.sampler = v.sampler()
	s.queue = v.count("OTEL_BSP_MAX_QUEUE_SIZE", 2048)
	s.batch = min(v.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512), s.queue)
	s.delay = v.millis("OTEL_BSP_SCHEDULE_DELAY", getenv("OTEL_BSP_SCHEDULE_DELAY"), 5*time.Second)
	if s.Endpoint != "" {
		v.reach(&s)
	}
	if v.err != nil || s.Endpoint == "" {
		return Settings{}, v.err
	}
	return s, nil
}

// reach reads how the collector is reached.
func (v *variables) reach(s *Settings) {
	name, protocol := v.otlp("PROTOCOL")
	v.oneOf(name, protocol, "http/protobuf")
	name, compression := v.otlp("COMPRESSION")
	v.oneOf(name, compression, "none", "gzip")
	s.packed = compression == "gzip"
	name, headers := v.otlp("HEADERS")
	s.headers = v.pairs(name, headers)
	name, timeout := v.otlp("TIMEOUT")
	s.timeout = v.millis(name, timeout, 10*time.Second)
	s.tls = v.tls(s.Endpoint)
}

// attributes say which service the spans are of.
func (s Settings) attributes(version string) []attribute.KeyValue {
	attrs := []attribute.KeyValue{attribute.String("service.name", "weft"), attribute.String("service.version", version)}
	for name, value := range s.resource {
		attrs = append(attrs, attribute.String(name, value)) // the later one counts
	}
	return attrs
}
