package s3

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/store/s3server"
	"github.com/tallystick/tallystick/engine/store/storetest"
)

// minPart is the least size of all parts but the last that S3 takes, in bytes.
const minPart = 5 << 20

func connect(t testing.TB, s s3server.Server) *Client {
	t.Helper()
	c, err := Connect(Options{
		Endpoint: s.Endpoint, Credentials: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), PartSize: minPart,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestS3Conformance(t *testing.T) {
	server := s3server.Start(t)
	server.Bucket(t, "bucket")
	c := connect(t, server)
	var n atomic.Int64
	storetest.Run(t, func(t *testing.T) store.Store {
		s, err := NewStore(c, fmt.Sprintf("s3://bucket/below/%d", n.Add(1)))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// Empty files among others, on connections that are used again.
func TestS3EmptyFiles(t *testing.T) {
	server := s3server.Start(t)
	server.Bucket(t, "bucket")
	s, err := NewStore(connect(t, server), "s3://bucket")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for k := range 25 {
				for _, data := range []string{"", "some bytes"} {
					w, err := s.Create(t.Context(), fmt.Sprint("f-", i, "-", k, "-", len(data)))
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := io.WriteString(w, data); err != nil {
						t.Error(err)
					}
					if err := w.Commit(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if got := storetest.List(t, s, "f-"); len(got) != 200 {
		t.Errorf("%d files, want 200", len(got))
	}
}
