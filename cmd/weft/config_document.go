package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document reads the one document of a file. It reports false when that is not
// even YAML, so that there is no more to say.
func (r *reader) document(data []byte, s shape) bool {
	documents, err := parseYAML(data)
	if err != nil {
		r.problems = []problem{syntaxProblem(data, err)}
		return false
	}
	if len(documents) == 0 { // nothing but comments: as good as an empty mapping
		documents = []*yaml.Node{{Kind: yaml.MappingNode}}
	}
	r.read(s, "", 1, documents[0])
	if len(documents) > 1 {
		r.failAt("", documents[1].Line, "want one document, not several")
	}
	return true
}

// parseYAML returns the documents of a file.
func parseYAML(data []byte) ([]*yaml.Node, error) {
	var documents []*yaml.Node
	for decoder := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var document yaml.Node
		switch err := decoder.Decode(&document); {
		case errors.Is(err, io.EOF):
			return documents, nil
		case err != nil:
			return nil, err
		}
		documents = append(documents, document.Content...)
	}
}

// syntaxProblem says where the file stops being YAML. The library's errors
// have the line in their text alone, and not when it is the first: such a file
// is read again one line further down. An error without any line may repeat
// what is in the file and is not shown.
func syntaxProblem(data []byte, err error) problem {
	line, text := cutLine(err)
	if line == 0 {
		if _, err := parseYAML(append([]byte("\n"), data...)); err != nil {
			line, text = cutLine(err)
			line--
		}
	}
	if line < 1 {
		return problem{text: "is not YAML"}
	}
	return problem{place{line: line}, "", "is not YAML: " + text}
}

// cutLine takes an error of the YAML library apart. Its parser counts lines
// from 0 where its scanner counts from 1, and the texts tell them apart.
func cutLine(err error) (line int, text string) {
	if _, scanErr := fmt.Sscanf(err.Error(), "yaml: line %d:", &line); scanErr != nil {
		return 0, ""
	}
	_, text, _ = strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), ": ")
	for _, parser := range []string{"key", "'-' indicator", "node content", "',' or ']'", "',' or '}'", "<document start>"} {
		if text == "did not find expected "+parser {
			line++
		}
	}
	return line, text
}
