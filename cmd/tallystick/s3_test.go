package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/lease"
	"github.com/tallystick/tallystick/engine/store/s3"
	"github.com/tallystick/tallystick/engine/store/s3server"
	"github.com/tallystick/tallystick/engine/task"
)

// TestS3Scripts runs the program over testdata/scripts/s3 against a real S3
// server, whose bucket corpora holds testdata/corpus. "put FILE URL" uploads,
// "get URL FOLDER" downloads all files below a URL, "empty FOLDER" fails if there
// is anything in it. After "stall NAME" programs get no answer when they read
// an object of that name; "stalled" waits until one asks for it.
func TestS3Scripts(t *testing.T) {
	server := s3server.Start(t)
	for _, bucket := range []string{"corpora", "changing", "kept", "outs", "leases", "earlier"} { // one for each script that writes
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
	asked := make(chan struct{}, 100)
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
			"stall": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("usage: stall NAME")
				}
				ts.Setenv("AWS_ENDPOINT_URL_S3", stalling(t, server.Endpoint, args[0], asked))
			},
			"stalled": func(ts *testscript.TestScript, neg bool, args []string) {
				select {
				case <-asked:
				case <-time.After(time.Minute):
					ts.Fatalf("nobody asked for it")
				}
			},
			"empty": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("usage: empty FOLDER")
				}
				entries, err := os.ReadDir(ts.MkAbs(args[0]))
				ts.Check(err)
				for _, e := range entries {
					ts.Fatalf("%s holds %s", args[0], e.Name())
				}
			},
			// Two folders hold the same outputs of plans that differ in names.
			"same": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 2 {
					ts.Fatalf("usage: same FOLDER FOLDER")
				}
				a, b := outputs(ts, ts.MkAbs(args[0])), outputs(ts, ts.MkAbs(args[1]))
				if diff := cmp.Diff(a, b); diff != "" {
					ts.Fatalf("the outputs differ:\n%s", diff)
				}
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

// outputs are the digests of the files that the manifest of a run lists, without
// its plan and without its id.
func outputs(ts *testscript.TestScript, dir string) map[string]string {
	m, err := folder.ReadManifest(dir)
	ts.Check(err)
	sums := make(map[string]string, len(m.Files))
	for _, f := range m.Files {
		if f.Path != task.PlanFile {
			data, err := os.ReadFile(filepath.Join(dir, f.Path))
			ts.Check(err)
			sums[f.Path] = fmt.Sprintf("%x", sha256.Sum256(bytes.ReplaceAll(data, []byte(m.RunID), nil)))
		}
	}
	return sums
}

// stalling is the endpoint of a server that answers for another one, but not
// those who read objects whose names end in name: it tells asked of them.
func stalling(t *testing.T, endpoint, name string, asked chan<- struct{}) string {
	t.Helper()
	to, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to) // leaves the host, which is signed, as it was
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, name) {
			asked <- struct{}{}
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}
