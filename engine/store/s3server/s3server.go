// Package s3server starts a real S3 server, versitygw, for tests: on a free
// port of the loopback, over a folder that goes with the test.
package s3server

import (
	"bytes"
	"crypto/rand"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Server is a running server.
type Server struct {
	Endpoint  string // http://127.0.0.1:PORT
	AccessKey string
	SecretKey string
	Root      string // the folder that holds the buckets as folders
}

// Program is where scripts/test_s3.sh puts the server, below the module's root.
const Program = "build/bin/versitygw"

// Start starts a server for a test, or skips the test: unless make test-s3
// runs it, nobody waits for a server.
func Start(t testing.TB) Server {
	t.Helper()
	if os.Getenv("TALLYSTICK_TEST_S3") == "" {
		t.Skip("needs an S3 server; make test-s3 installs one and runs this test")
	}
	program := filepath.Join(moduleRoot(t), Program)
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("no S3 server: %v (make test-s3 installs it)", err)
	}
	s := Server{AccessKey: "test", SecretKey: rand.Text(), Root: t.TempDir()}
	// Somebody else may take the port between looking and listening.
	for range 3 {
		if s.Endpoint = start(t, program, s); s.Endpoint != "" {
			return s
		}
	}
	t.Fatal("the S3 server does not start")
	return s
}

// start returns the endpoint of a server that answers, or "".
func start(t testing.TB, program string, s Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	var log bytes.Buffer
	cmd := exec.Command(program, "--quiet", "--keep-alive", "--port", address, "posix", s.Root)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.AccessKey, "ROOT_SECRET_KEY="+s.SecretKey)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	client := http.Client{Timeout: time.Second}
	for range 200 {
		if r, err := client.Get("http://" + address + "/"); err == nil {
			r.Body.Close()
			return "http://" + address
		}
		select {
		case <-ended:
			t.Logf("S3 server: %s", log.Bytes())
			return ""
		case <-time.After(50 * time.Millisecond):
		}
	}
	return ""
}

// Bucket makes a bucket: for this server, a folder.
func (s Server) Bucket(t testing.TB, name string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(s.Root, name), 0o777); err != nil {
		t.Fatal(err)
	}
}

// Environment is what makes clients use the server.
func (s Server) Environment() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL_S3": s.Endpoint, "AWS_ACCESS_KEY_ID": s.AccessKey, "AWS_SECRET_ACCESS_KEY": s.SecretKey,
		"AWS_SESSION_TOKEN": "", "AWS_REGION": "us-east-1", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	}
}

func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
}
