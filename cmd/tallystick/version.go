package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/jsonl"
	"github.com/tallystick/tallystick/engine/tokenize"
	"github.com/tallystick/tallystick/kernels"
)

type versionCmd struct {
	Verbose bool `short:"v" help:"Also CPU features, kernels, parsers and tokenizer engines."`
}

// Run prints the version.
func (c *versionCmd) Run(env *environment) error {
	w := env.stdout
	fmt.Fprintf(w, "tallystick %s\n", engine.ToolVersion)
	if !c.Verbose {
		return nil
	}
	fmt.Fprintf(w, "go         %s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-tags" {
				fmt.Fprintf(w, ", tags %s", s.Value)
			}
		}
	}
	fmt.Fprintln(w)
	fmt.Fprintf(w, "cpu        %s\n", kernels.Features())
	for _, k := range kernels.Chosen() {
		fmt.Fprintf(w, "kernel     %-9s %s\n", k.Kernel, k.Implementation)
	}
	if best, why := kernels.Limit(); why != "" {
		fmt.Fprintf(w, "           %s kernels at most: %s\n", best, why)
	}
	engines := "native"
	if tokenize.HFAvailable {
		engines += ", hf"
	} else {
		engines += " (hf is not built in: make hf)"
	}
	fmt.Fprintf(w, "engines    %s\n", engines)
	parsers := "native"
	if jsonl.Supported(jsonl.Simdjson) {
		parsers += ", simdjson"
	}
	fmt.Fprintf(w, "parsers    %s\n", parsers)
	return nil
}
