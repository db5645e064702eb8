package gateway

import (
	"strings"
	"testing"
	"time"

	"github.com/weft-gateway/weft/enrich"
)

func TestNewRefuses(t *testing.T) {
	good := func() Config {
		return Config{Enricher: &fake{}, Auth: testKeys(t), Deadline: time.Second, OpenAPI: []byte("openapi: 3.1.0")}
	}
	tests := []struct {
		name string
		edit func(*Config)
		want string
	}{
		{"no enricher", func(c *Config) { c.Enricher = nil }, "enricher"},
		{"no authenticator", func(c *Config) { c.Auth = nil }, "authenticator"},
		{"no deadline", func(c *Config) { c.Deadline = 0 }, "deadline"},
		{"negative bound", func(c *Config) { c.InFlight = -1 }, "negative"},
		{"no contract", func(c *Config) { c.OpenAPI = nil }, "contract"},
		{"no tenant behind an id", func(c *Config) { c.Tenants = map[string]*enrich.Tenant{"a": nil} }, `tenant "a"`},
		{"another tenant behind an id", func(c *Config) { c.Tenants = map[string]*enrich.Tenant{"a": {ID: "b"}} }, `tenant "a"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good()
			tt.edit(&cfg)
			if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	cfg := good()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if s.cfg.InFlight != 1024 {
		t.Errorf("InFlight %d by default, want 1024", s.cfg.InFlight)
	}
}
