package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// configError is everything that is wrong with a configuration, in the order
// of the file. It names lines, fields and variables, and never their values.
type configError struct {
	file     string
	problems []problem
}

// problem is one thing that is wrong, and where.
type problem struct {
	place
	field string // dot path, as tenants[1].store.url; "" is the file as a whole
	text  string
}

// place is where a value comes from: a line of the file or, where variable is
// set, the environment. The zero place is the file as a whole.
type place struct {
	line     int
	variable string
}

// Error implements error, with one line for each problem.
func (e *configError) Error() string {
	lines := make([]string, 0, len(e.problems))
	for _, p := range e.problems {
		at := e.file
		switch {
		case p.variable != "":
			at = p.variable
		case p.line > 0:
			at = fmt.Sprintf("%s:%d", e.file, p.line)
		}
		if p.field != "" {
			at += ": " + p.field
		}
		lines = append(lines, at+": "+p.text)
	}
	return strings.Join(lines, "\n")
}

// usageError is a command line that cannot be understood.
type usageError struct{ err error }

// Error implements error.
func (e *usageError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *usageError) Unwrap() error { return e.err }

// report collects problems.
type report struct {
	places   map[string]place // field -> where it stands
	wrong    map[string]bool  // field -> has a problem
	problems []problem
}

func newReport() report {
	return report{places: make(map[string]place), wrong: make(map[string]bool)}
}

// fail records what is wrong with a field. A field that is not there is found
// wanting at the line of what should hold it. What is already known to be
// wrong is not reported twice.
func (r *report) fail(field, format string, args ...any) {
	if r.wrong[field] {
		return
	}
	r.wrong[field] = true
	r.problems = append(r.problems, problem{r.where(field), field, fmt.Sprintf(format, args...)})
}

// where returns the place of a field or of the nearest thing around it.
func (r *report) where(field string) place {
	for field != "" {
		if at, ok := r.places[field]; ok {
			return at
		}
		field = field[:max(0, strings.LastIndexAny(field, ".["))]
	}
	return place{line: 1}
}

// err returns what was found as one error, or nil.
func (r *report) err(file string) error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b problem) int {
		return cmp.Or(
			cmp.Compare(a.variable, b.variable), // the environment after the file
			cmp.Compare(a.line, b.line),
			cmp.Compare(a.field, b.field),
		)
	})
	return &configError{file, r.problems}
}
