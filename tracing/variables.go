package tracing

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// variables reads the environment, and keeps the first thing that is wrong with
// it. As everywhere, a variable that is empty counts as not set.
type variables struct {
	getenv func(string) string
	err    error
}

func (v *variables) fault(name, text string) {
	if v.err == nil {
		v.err = fmt.Errorf("%s: %s", name, text)
	}
}

// otlp returns what is set for traces, or else for all signals.
func (v *variables) otlp(suffix string) (name, value string) {
	name = "OTEL_EXPORTER_OTLP_TRACES_" + suffix
	if value = v.getenv(name); value != "" {
		return name, value
	}
	name = "OTEL_EXPORTER_OTLP_" + suffix
	return name, v.getenv(name)
}

// endpoint returns the URL of traces: as it is given for them, or below that of
// all signals.
func (v *variables) endpoint() string {
	name, value := v.otlp("ENDPOINT")
	if value == "" {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		v.fault(name, "must be a URL with http or https, without user, query and fragment")
		return ""
	}
	if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
		u = u.JoinPath("v1/traces")
	}
	return u.String()
}

func (v *variables) oneOf(name, value string, words ...string) {
	if value != "" && !slices.Contains(words, value) {
		v.fault(name, "must be "+strings.Join(words, " or "))
	}
}

// pairs reads NAME=VALUE with commas between; values are percent-encoded.
func (v *variables) pairs(name, list string) map[string]string {
	pairs := make(map[string]string)
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, found := strings.Cut(pair, "=")
		text, err := url.PathUnescape(strings.TrimSpace(value))
		if key = strings.TrimSpace(key); !found || key == "" || err != nil || strings.ContainsFunc(key+text, func(c rune) bool { return c < ' ' }) {
			v.fault(name, "must be NAME=VALUE, with commas between")
			break
		}
		pairs[key] = text
	}
	return pairs
}

func (v *variables) millis(name, value string, otherwise time.Duration) time.Duration {
	if value == "" {
		return otherwise
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > 600_000 {
		v.fault(name, "must be milliseconds, 1 to 600000")
		return otherwise
	}
	return time.Duration(n) * time.Millisecond
}

func (v *variables) count(name string, otherwise int) int {
	value := v.getenv(name)
	if value == "" {
		return otherwise
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > 1<<20 {
		v.fault(name, "must be a number from 1 to 1048576")
		return otherwise
	}
	return n
}

func (v *variables) sampler() sdk.Sampler {
	const name, arg = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	kind, parent := strings.CutPrefix(cmp.Or(v.getenv(name), "parentbased_always_on"), "parentbased_")
	ratio, err := strconv.ParseFloat(cmp.Or(v.getenv(arg), "1"), 64) // refused where no ratio is asked for, too: it was meant to be
	if err != nil || !(ratio >= 0 && ratio <= 1) {
		v.fault(arg, "must be a number from 0 to 1")
	}
	sampler := sdk.AlwaysSample()
	switch kind {
	case "always_on":
	case "always_off":
		sampler = sdk.NeverSample()
	case "traceidratio":
		sampler = sdk.TraceIDRatioBased(ratio)
	default:
		v.fault(name, "must be always_on, always_off or traceidratio, or one of these after parentbased_")
	}
	if parent {
		return sdk.ParentBased(sampler)
	}
	return sampler
}

// tls reads the files of certificates, in PEM. nil: none is named. Who names one
// does not mean to send anything in the clear.
func (v *variables) tls(endpoint string) *tls.Config {
	nameCA, ca := v.otlp("CERTIFICATE")
	nameCert, cert := v.otlp("CLIENT_CERTIFICATE")
	nameKey, key := v.otlp("CLIENT_KEY")
	if ca == "" && cert == "" && key == "" {
		return nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca) //nolint:gosec // the operator names it
		cfg.RootCAs = x509.NewCertPool()
		if err != nil || !cfg.RootCAs.AppendCertsFromPEM(pem) {
			v.fault(nameCA, "does not name a file of certificates")
		}
	}
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			v.fault(nameCert+", "+nameKey, "do not name a certificate and its key")
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	if strings.HasPrefix(endpoint, "http:") {
		v.fault(strings.Join([]string{nameCA, nameCert, nameKey}, ", "), "are for an endpoint with https")
	}
	return cfg
}
