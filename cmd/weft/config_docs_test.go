package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func readDocs(t *testing.T) string {
	t.Helper()
	docs, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(docs)
}

// The page's first example has to be a file that works.
func TestDocsStarter(t *testing.T) {
	_, rest, _ := strings.Cut(readDocs(t), "```yaml\n")
	file, _, found := strings.Cut(rest, "```")
	if !found || strings.Count(file, "\n") > 10 {
		t.Fatalf("the page does not begin with a file of ten lines:\n%s", file)
	}
	file = strings.Replace(file, "what weft key prints", hash1, 1)
	if _, err := parseConfig("weft.yaml", []byte(file), secrets); err != nil {
		t.Error(err)
	}
}

func TestDocsHaveEveryKey(t *testing.T) {
	docs := readDocs(t)
	for path, s := range leaves("", new(Config).shape()) {
		if !strings.Contains(docs, "`"+path+"`") {
			t.Errorf("the page lacks the key %s", path)
		}
		if _, ok := s.(scalar); ok && !strings.Contains(docs, "`"+variable(path)+"`") {
			t.Errorf("the page lacks the variable %s", variable(path))
		}
	}
	for name, f := range map[string]fields{
		"tenant": new(Tenant).shape(), "key": new(Key).shape(), "source": new(Source).shape(kindREST), "issuer": new(Issuer).shape(), "auth": new(Auth).shape(),
	} {
		for key := range f {
			if !strings.Contains(docs, "\n| `"+key+"` |") {
				t.Errorf("the page lacks the key %s of a %s", key, name)
			}
		}
	}
	for name, f := range map[string]fields{"workspaces": new(WorkspaceRule).shape(), "channels": new(ChannelRule).shape()} {
		_, row, _ := strings.Cut(docs, "\n| `"+name+"` |")
		row, _, _ = strings.Cut(row, "\n")
		for _, key := range slices.Sorted(maps.Keys(f)) {
			if !strings.Contains(row, key) {
				t.Errorf("the row of %s lacks %s", name, key)
			}
		}
	}
}

// leaves returns what the nested fields end in, by path.
func leaves(path string, f fields) map[string]shape {
	all := make(map[string]shape)
	for key, s := range f {
		if inner, ok := s.(fields); ok {
			maps.Copy(all, leaves(join(path, key), inner))
		} else {
			all[join(path, key)] = s
		}
	}
	return all
}
