package main

import (
	"io"
	"slices"

	"go.yaml.in/yaml/v3"
)

// mask stands where a secret was.
const mask = "REDACTED"

// dump writes the understood configuration as YAML, without its secrets.
func (c Config) dump(w io.Writer) error {
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(c.masked()); err != nil {
		return err
	}
	return encoder.Close()
}

// masked returns a copy that may be shown.
func (c Config) masked() Config {
	c.Redis.URL = maskRedisURL(c.Redis.URL)
	c.Ops.Keys = maskKeys(c.Ops.Keys)
	c.Cache.Encryption = maskEncryption(c.Cache.Encryption)
	c.Tenants = slices.Clone(c.Tenants)
	for i := range c.Tenants {
		t := &c.Tenants[i]
		t.Keys = maskKeys(t.Keys)
		t.Store = t.Store.masked()
		if t.CRM != nil {
			crm := t.CRM.masked()
			t.CRM = &crm
		}
	}
	return c
}

// masked returns a copy that may be shown.
func (s Source) masked() Source {
	if s.Token != "" {
		s.Token = mask
	}
	s.Auth = s.Auth.masked()
	return s
}

// maskKeys leaves as much of each hash as it takes to recognise it.
func maskKeys(keys []Key) []Key {
	keys = slices.Clone(keys)
	for i := range keys {
		keys[i].SHA256 = keys[i].SHA256[:min(8, len(keys[i].SHA256))] + "…"
	}
	return keys
}
