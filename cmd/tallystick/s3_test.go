package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tallystick/tallystick/engine/store/s3"
	"github.com/tallystick/tallystick/engine/store/s3server"
)

// TestS3Scripts runs the program over testdata/scripts/s3 against a real S3
// server, whose bucket corpora holds testdata/corpus. "put FILE URL" uploads.
func TestS3Scripts(t *testing.T) {
	server := s3server.Start(t)
	for _, bucket := range []string{"corpora", "changing", "kept"} { // one for each script that writes
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
		},
	})
}
