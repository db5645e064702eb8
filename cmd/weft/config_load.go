package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// maxFile bounds the configuration file, in bytes.
const maxFile = 1 << 20

// loadConfig reads the configuration file and the variables that override it.
// An error about what they say is a [*configError].
func loadConfig(path string, getenv func(string) string) (Config, error) {
	return loadChange(path, getenv, nil)
}

// loadChange is loadConfig for a process that runs on old already.
func loadChange(path string, getenv func(string) string, old *Config) (Config, error) {
	data, err := readConfig(path)
	if err != nil {
		return Config{}, &configError{path, []problem{{text: withoutPath(err).Error()}}}
	}
	return parseChecked(path, data, getenv, func(c *Config, r *report) {
		c.validateFiles(r)
		if old != nil {
			c.changeable(r, old)
		}
	})
}

func readConfig(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = errors.New("larger than 1 MiB")
	}
	return data, err
}

// parseConfig reads a configuration file of the given name. All that is wrong
// with it is in one error.
func parseConfig(name string, data []byte, getenv func(string) string) (Config, error) {
	return parseChecked(name, data, getenv, func(*Config, *report) {})
}

func parseChecked(name string, data []byte, getenv func(string) string, check func(*Config, *report)) (Config, error) {
	r := &reader{report: newReport(), env: getenv}
	c := defaultConfig()
	if !r.document(data, c.shape()) {
		return Config{}, r.err(name)
	}
	c.shape().override(r, "")
	c.complete()
	c.validate(&r.report)
	check(&c, &r.report)
	if err := r.err(name); err != nil {
		return Config{}, err
	}
	return c, nil
}

// validateFiles looks for the files that the configuration names. They are
// relative to the working directory.
func (c *Config) validateFiles(r *report) {
	there := func(path, file string) {
		if _, err := os.Stat(file); err != nil {
			r.fail(path, "%v", withoutPath(err))
		}
	}
	for n, i := range c.Issuers {
		if i.JWKSFile != "" {
			there(join(index("issuers", n), "jwks_file"), i.JWKSFile)
		}
	}
	if f := c.Audit.File; f != "" && f != stdout {
		there("audit.file", filepath.Dir(f)) // the file itself is made where there is none
	}
}
