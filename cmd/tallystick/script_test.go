package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tallystick/tallystick/engine/jsonl"
)

func simdjsonHere() bool { return jsonl.Supported(jsonl.Simdjson) }

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tallystick": func() { os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the program over testdata/scripts: one script per promise.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "../../testdata/scripts", RequireExplicitExec: true})
}
