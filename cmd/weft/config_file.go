package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"slices"
	"strings"
)

// configFile is where the configuration is read from, time and again: the file
// itself, and those that variables name.
type configFile struct {
	path    string
	getenv  func(string) string
	secrets []string // files that variables named when it was read last
	last    digestOf // of what was read last
	pending digestOf // of what was seen last
}

// digestOf stands for the contents of all files, and their names.
type digestOf [sha256.Size]byte

func newConfigFile(path string, getenv func(string) string) *configFile {
	return &configFile{path: path, getenv: getenv}
}

// read reads the configuration. What changes while it is being read is read
// again, so that no change is missed. For old, see [parseChange].
func (f *configFile) read(old *Config) (cfg Config, err error) {
	if !f.again() {
		return loadChange(f.path, f.getenv, old)
	}
	const most = 3
	for range most {
		before := f.digest()
		cfg, err = f.load(old)
		f.last = f.digest()
		f.pending = f.last
		if f.last == before {
			break
		}
	}
	return cfg, err
}

// again reports whether it can be read more than once: a pipe cannot.
func (f *configFile) again() bool {
	info, err := os.Stat(f.path)
	return err != nil || info.Mode().IsRegular()
}

// load notes the files that variables name.
func (f *configFile) load(old *Config) (Config, error) {
	f.secrets = nil
	return loadChange(f.path, func(name string) string {
		v := f.getenv(name)
		if strings.HasSuffix(name, "_FILE") && v != "" && !slices.Contains(f.secrets, v) {
			f.secrets = append(f.secrets, v)
		}
		return v
	}, old)
}

// changed reports whether there is something else to read than last time. It has
// to be the same twice: what is just being written may look whole, and is not.
func (f *configFile) changed() bool {
	if !f.again() {
		return false
	}
	now := f.digest()
	settled := now == f.pending
	f.pending = now
	return settled && now != f.last
}

// digest reads the files. Names lead through symbolic links: what these point
// to may be exchanged.
func (f *configFile) digest() digestOf {
	var all bytes.Buffer
	for _, path := range append([]string{f.path}, slices.Sorted(slices.Values(f.secrets))...) {
		content, err := readConfig(path)
		if err != nil {
			content = []byte(withoutPath(err).Error())
		}
		for _, b := range [][]byte{[]byte(path), content} {
			all.Write(binary.AppendUvarint(nil, uint64(len(b)))) // so that nothing can be taken for its neighbour
			all.Write(b)
		}
	}
	return sha256.Sum256(all.Bytes())
}
