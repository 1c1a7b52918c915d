package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tallystick/tallystick/engine/lease"
	"github.com/tallystick/tallystick/engine/store/s3"
	"github.com/tallystick/tallystick/engine/store/s3server"
)

// TestS3Scripts runs the program over testdata/scripts/s3 against a real S3
// server, whose bucket corpora holds testdata/corpus. "put FILE URL" uploads,
// "get URL FOLDER" downloads all files below a URL.
func TestS3Scripts(t *testing.T) {
	server := s3server.Start(t)
	for _, bucket := range []string{"corpora", "changing", "kept", "outs", "leases"} { // one for each script that writes
		server.Bucket(t, bucket)
	}
	client, err := s3.Connect(s3.Options{
		Endpoint: server.Endpoint, Credentials: credentials.NewStaticV4(server.AccessKey, server.SecretKey, ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	put := func(file, url string) error {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		i := strings.LastIndexByte(url, '/')
		s, err := s3.NewStore(client, url[:i])
		if err != nil {
			return err
		}
		w, err := s.Create(t.Context(), url[i+1:])
		if err != nil {
			return err
		}
		defer w.Abort()
		if _, err := w.Write(data); err != nil {
			return err
		}
		return w.Commit()
	}
	get := func(url, folder string) error {
		s, err := s3.NewStore(client, url)
		if err != nil {
			return err
		}
		entries, err := s.List(t.Context(), "")
		if err != nil {
			return err
		}
		for _, e := range entries {
			f, err := s.Open(t.Context(), e.Name)
			if err != nil {
				return err
			}
			data, err := io.ReadAll(f)
			f.Close()
			if err != nil {
				return err
			}
			path := filepath.Join(folder, e.Name)
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				return err
			}
			if err := os.WriteFile(path, data, 0o666); err != nil {
				return err
			}
		}
		return nil
	}
	testdata, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(testdata, "corpus", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, f := range files {
		if err := put(f, "s3://corpora/all/"+filepath.Base(f)); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join(testdata, "scripts", "s3"), RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TESTDATA", testdata)
			for k, v := range server.Environment() {
				env.Setenv(k, v)
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"put": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 2 {
					ts.Fatalf("usage: put FILE URL")
				}
				ts.Check(put(ts.MkAbs(args[0]), args[1]))
			},
			// The lease of a process on another machine, which beat when it is said.
			"lease": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 2 || args[0] != "living" && args[0] != "dead" {
					ts.Fatalf("usage: lease living|dead URL")
				}
				beat := time.Now()
				if args[0] == "dead" {
					beat = beat.Add(-2 * lease.Lost)
				}
				file := ts.MkAbs("lease.json")
				ts.Check(os.WriteFile(file, fmt.Appendf(nil,
					`{"command":"run","host":"elsewhere","pid":1,"started":"2020-01-01T00:00:00Z","id":"x","beat":%q}`,
					beat.UTC().Format(time.RFC3339)), 0o666))
				ts.Check(put(file, args[1]))
			},
			"get": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 2 {
					ts.Fatalf("usage: get URL FOLDER")
				}
				ts.Check(get(args[0], ts.MkAbs(args[1])))
			},
		},
	})
}
