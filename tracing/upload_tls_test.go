package tracing

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// keep writes a file of PEM.
func keep(t *testing.T, kind string, der []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// identity makes files of a certificate and its key.
func identity(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	plain := &x509.Certificate{SerialNumber: big.NewInt(7), NotAfter: time.Now().Add(time.Hour)}
	certDER, err := x509.CreateCertificate(rand.Reader, plain, plain, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return keep(t, "CERTIFICATE", certDER), keep(t, "EC PRIVATE KEY", keyDER)
}

// A collector behind TLS is checked by the certificate that is named, and is shown
// ours. Nothing is left behind by connections that were used.
func TestUploadOverTLS(t *testing.T) {
	shown, closed := make(chan int64, 2), make(chan struct{}, 2)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		shown <- r.TLS.PeerCertificates[0].SerialNumber.Int64()
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of the stranger, below
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	srv.StartTLS()
	defer srv.Close()
	cert, key := identity(t)
	settings := func(ca string) Settings {
		s, err := read(map[string]string{
			envEndpoint: srv.URL, "OTEL_EXPORTER_OTLP_TIMEOUT": "60000", "OTEL_EXPORTER_OTLP_CERTIFICATE": ca,
			"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": cert, "OTEL_EXPORTER_OTLP_CLIENT_KEY": key,
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	tr, err := New(settings(keep(t, "CERTIFICATE", srv.Certificate().Raw)), "v1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	tr.make(1)
	if err := tr.provider.Shutdown(context.Background()); err != nil { // unlike Close it has time
		t.Error(err)
	}
	if got, want := tr.Stats(), (Stats{Exported: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	<-closed // by us: the server keeps it
	stranger := newUploader(settings(cert), "v1", transport(settings(cert)))
	err = stranger.post(t.Context(), nil)
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok {
		t.Errorf("a stranger: %v", err)
	}
	if len(shown) != 1 || <-shown != 7 {
		t.Error("our certificate was not shown")
	}
}

// Who names certificates does not mean to send anything in the clear.
func TestReadCertificateInTheClear(t *testing.T) {
	cert, key := identity(t)
	for scheme, ok := range map[string]bool{"https": true, "http": false, "HTTP": false} {
		_, err := read(map[string]string{
			envEndpoint: scheme + "://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_CERTIFICATE": cert, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": cert, "OTEL_EXPORTER_OTLP_CLIENT_KEY": key,
		})
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_CERTIFICATE") {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}
