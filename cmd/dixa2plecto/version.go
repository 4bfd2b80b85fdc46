package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// released is set by the linker in releases.
var released string

// version returns the release, else what Go knows of the build.
func version() string {
	if released != "" {
		return released
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

func (a *app) versionCommand() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Example: `  dixa2plecto version
  dixa2plecto version --json`,
		Args: cobra.NoArgs,
	}, func(context.Context, []string) error {
		v := struct {
			OK      bool   `json:"ok"`
			Version string `json:"version"`
			Commit  string `json:"commit,omitempty"`
			Go      string `json:"go"`
			System  string `json:"system"`
		}{OK: true, Version: version(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					v.Commit = s.Value
				}
			}
		}
		return a.result(v, func() error {
			_, err := fmt.Fprintf(a.stdout, "dixa2plecto %s (%s, %s)\n", v.Version, v.Go, v.System)
			return err
		})
	})
}
