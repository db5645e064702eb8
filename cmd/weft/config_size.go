package main

import (
	"errors"
	"math/bits"
	"strconv"
	"strings"
)

// byteSize is a number of bytes, written with a unit where that is exact.
type byteSize uint64

const mebibyte byteSize = 1 << 20

// The bounds of the memory tier.
const (
	minMemory = mebibyte
	maxMemory = 1 << 20 * mebibyte
)

// unit is a suffix of a size in the file.
type unit struct {
	suffix string
	bytes  uint64
}

// units are the suffixes, the longer before those that they end with.
func units() []unit {
	return []unit{
		{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"", 1},
	}
}

// memory is the bound of the memory tier.
func memory(dst *byteSize) scalar {
	return func(s string) error {
		size, ok := parseSize(s)
		if !ok {
			return errors.New("want a size such as 32MiB, 64MB or a number of bytes")
		}
		if size < minMemory || size > maxMemory {
			return errors.New("want a size from 1MiB to 1024GiB")
		}
		*dst = size
		return nil
	}
}

func parseSize(s string) (byteSize, bool) {
	for _, u := range units() {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		high, size := bits.Mul64(n, u.bytes)
		return byteSize(size), err == nil && high == 0
	}
	return 0, false
}

// String writes the size in the largest binary unit that divides it.
func (b byteSize) String() string {
	for _, u := range units() {
		if strings.Contains(u.suffix, "i") && b != 0 && uint64(b)%u.bytes == 0 {
			return strconv.FormatUint(uint64(b)/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatUint(uint64(b), 10)
}

// MarshalYAML implements [yaml.Marshaler].
func (b byteSize) MarshalYAML() (any, error) { return b.String(), nil }
