package main

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	platform := " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: modified}}
	}
	for _, tt := range []struct {
		name  string
		build *debug.BuildInfo
		want  string
	}{
		{"no build information", nil, "weft (unknown)"},
		{"release", &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "weft v1.2.3"},
		{"clean tree", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: vcs("false")}, "weft (devel) 0123456789ab"},
		{"changed tree", &debug.BuildInfo{Settings: vcs("true")}, "weft (unknown) 0123456789ab+changes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := versionLine(tt.build), tt.want+platform; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	var out bytes.Buffer
	if err := runVersion(&out); err != nil || !strings.HasSuffix(out.String(), platform+"\n") {
		t.Errorf("got %q, %v", out.String(), err)
	}
}
