package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/gateway"
)

func (c Cache) encryptionKeys() []cache.EncryptionKey {
	var keys []cache.EncryptionKey
	for _, k := range c.Encryption {
		keys = append(keys, cache.EncryptionKey{ID: k.ID, Secret: k.secret()})
	}
	return keys
}

// buildAudit opens the audit log, if there is to be one.
func (s *system) buildAudit(m *metrics) (err error) {
	cfg := gateway.AuditConfig{Hash: s.boot.Audit.Hash, Logger: s.log}
	switch s.boot.Audit.File {
	case "":
		return nil
	case stdout:
		cfg.Out = os.Stdout
	default:
		// Appending, so that whoever rotates the file can cut it short.
		if s.auditFile, err = os.OpenFile(s.boot.Audit.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("audit.file: %w", withoutPath(err))
		}
		cfg.Out = s.auditFile
	}
	if s.audit, err = gateway.NewAudit(cfg); err != nil {
		return err
	}
	m.audit(s.audit.Stats)
	return nil
}

func (s *system) closeAudit() error {
	if s.audit != nil {
		s.audit.Close()
	}
	if s.auditFile == nil {
		return nil
	}
	return errors.Join(s.auditFile.Sync(), s.auditFile.Close())
}
