package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// runVersion prints which build this is.
func runVersion(stdout io.Writer) error {
	build, _ := debug.ReadBuildInfo()
	_, err := fmt.Fprintln(stdout, versionLine(build))
	return err
}

// versionLine says what is known of a build: its version, the revision it was
// made from, the compiler and the platform. A nil build knows no version.
func versionLine(build *debug.BuildInfo) string {
	version, revision, dirty := "(unknown)", "", ""
	if build != nil {
		if build.Main.Version != "" {
			version = build.Main.Version
		}
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				revision = " " + s.Value[:min(12, len(s.Value))]
			case "vcs.modified":
				if s.Value == "true" {
					dirty = "+changes"
				}
			}
		}
	}
	return fmt.Sprintf("weft %s%s%s %s %s/%s", version, revision, dirty, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
