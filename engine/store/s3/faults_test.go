package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7"

	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/store/storetest"
)

func init() {
	minio.DefaultRetryUnit = 10 * time.Microsecond // else tests wait for the client's retries
}

func TestConformanceOnFake(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		f, c := newFake(t)
		c.partSize = 16 << 10
		return f.store(t, c)
	})
}

// cut is an answer whose body breaks off: the connection ends after n bytes.
func cut(w http.ResponseWriter, serve func(http.ResponseWriter), n int) {
	rec := httptest.NewRecorder()
	serve(rec)
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	body := rec.Body.Bytes()
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(rec.Code)
	w.Write(body[:min(n, len(body))])
	w.(http.Flusher).Flush()
	if n < len(body) {
		panic(http.ErrAbortHandler)
	}
}

// On a bad day a third of the requests fails in one way or another, and files
// are as on a good one.
func TestConformanceOnABadDay(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Store {
				f, c := newFake(t)
				c.partSize = 16 << 10
				var mu sync.Mutex
				dice := rand.New(rand.NewPCG(seed, 0))
				f.fault = func(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter)) bool {
					mu.Lock()
					roll, n := dice.IntN(12), dice.IntN(20_000)
					mu.Unlock()
					switch {
					case roll == 0:
						refuse(w, http.StatusServiceUnavailable, "SlowDown")
					case roll <= 2 && kind(r) == "POST complete":
						// Had it been done, and had another writer replaced the
						// file since, nobody could tell: TestLostAnswers.
						panic(http.ErrAbortHandler)
					case roll == 1: // it did its work, but nobody hears of it
						serve(httptest.NewRecorder())
						refuse(w, http.StatusInternalServerError, "InternalError")
					case roll == 2:
						serve(httptest.NewRecorder())
						panic(http.ErrAbortHandler)
					case roll == 3 && r.Method == http.MethodGet && kind(r) == "GET":
						cut(w, serve, n)
					default:
						return false
					}
					return true
				}
				return f.store(t, c)
			})
		})
	}
}

func TestReadGoesOnWhereABodyBrokeOff(t *testing.T) {
	f, c := newFake(t)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	f.objects["k"] = fakeObject{want, "one", http.Header{}}
	var ranges []string
	f.fault = func(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter)) bool {
		ranges = append(ranges, r.Header.Get("Range"))
		if r.Header.Get("If-Match") != `"one"` {
			t.Errorf("a range is asked for without the condition of its ETag")
		}
		if len(ranges) > 3 {
			return false
		}
		cut(w, serve, 1000)
		return true
	}
	got := make([]byte, 10_000)
	o := object.Info{Name: "s3://bucket/k", Size: int64(len(want)), ETag: "one"}
	if err := newSource(c).ReadAt(t.Context(), o, got, 500); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want[500:10_500]) {
		t.Error("what was read is not the range")
	}
	if len(ranges) != 4 || ranges[0] != "bytes=500-10499" || slices.Contains(ranges[1:], ranges[0]) {
		t.Errorf("asked for %q, want the rest only after each break", ranges)
	}

	f.fault = func(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter)) bool {
		cut(w, serve, 0)
		return true
	}
	if err := newSource(c).ReadAt(t.Context(), o, got, 0); err == nil || !strings.Contains(err.Error(), "broke off") {
		t.Errorf("an answer that always breaks off: %v", err)
	}
}

func TestRandomReads(t *testing.T) {
	f, c := newFake(t)
	dice := rand.New(rand.NewPCG(1, 2))
	want := make([]byte, 1<<20)
	for i := range want {
		want[i] = byte(dice.Uint32())
	}
	f.objects["some/prefix/f"] = fakeObject{want, "one", http.Header{}}
	file, err := f.store(t, c).Open(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var wg sync.WaitGroup
	for range 4 {
		dice := rand.New(rand.NewPCG(dice.Uint64(), 0))
		wg.Go(func() {
			for range 200 {
				offset, p := dice.IntN(len(want)+10), make([]byte, dice.IntN(200_000)>>dice.IntN(16))
				n, err := file.ReadAt(p, int64(offset))
				part := want[min(offset, len(want)):min(offset+len(p), len(want))]
				if short := len(part) < len(p); !bytes.Equal(p[:n], part) || short != (err == io.EOF) || !short && err != nil {
					t.Errorf("[%d, +%d): %d bytes, %v", offset, len(p), n, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestStalledBodyIsAskedForAgain(t *testing.T) {
	f, c := newFake(t)
	c.patience = 20 * time.Millisecond
	want := []byte("some bytes that take their time")
	f.objects["k"] = fakeObject{want, "one", http.Header{}}
	tries := 0
	f.fault = func(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter)) bool {
		if tries++; tries > 1 {
			return false
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(want)-1, len(want)))
		w.Header().Set("Content-Length", fmt.Sprint(len(want)))
		w.Header().Set("Last-Modified", time.Unix(1e9, 0).UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"one"`)
		w.WriteHeader(http.StatusPartialContent)
		w.Write(want[:4])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	}
	got := make([]byte, len(want))
	o := object.Info{Name: "s3://bucket/k", Size: int64(len(want)), ETag: "one"}
	if err := newSource(c).ReadAt(t.Context(), o, got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %q, %v, after %d tries", got, err, tries)
	}
}

func TestChangedObjectIsNeverMixed(t *testing.T) {
	f, c := newFake(t)
	f.objects["some/prefix/f"] = fakeObject{bytes.Repeat([]byte("a"), 1<<20), "one", http.Header{}}
	file, err := f.store(t, c).Open(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f.mu.Lock()
	f.objects["some/prefix/f"] = fakeObject{bytes.Repeat([]byte("b"), 1<<20), "two", http.Header{}}
	f.mu.Unlock()
	got, err := io.ReadAll(file)
	if !errors.Is(err, object.ErrChanged) || bytes.Contains(got, []byte("b")) {
		t.Errorf("read %d bytes, %v; want an error that wraps object.ErrChanged", len(got), err)
	}
	if _, err := file.ReadAt(make([]byte, 10), 900_000); !errors.Is(err, object.ErrChanged) {
		t.Errorf("ReadAt: %v", err)
	}
	f.mu.Lock()
	delete(f.objects, "some/prefix/f")
	f.mu.Unlock()
	if _, err := file.ReadAt(make([]byte, 10), 900_000); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadAt of an object that is gone: %v", err)
	}
}

// A server that knows no ranges or no conditions is not believed.
func TestSimpleServerIsRefused(t *testing.T) {
	f, c := newFake(t)
	f.objects["k"] = fakeObject{[]byte("0123456789"), "one", http.Header{}}
	f.fault = func(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter)) bool {
		r.Header.Del("Range")
		r.Header.Del("If-Match")
		return false
	}
	read := func(o object.Info, offset int64) error {
		o.Name = "s3://bucket/k"
		return newSource(c).ReadAt(t.Context(), o, make([]byte, 4), offset)
	}
	if err := read(object.Info{Size: 10, ETag: "one"}, 3); err == nil || !strings.Contains(err.Error(), "does not know ranges") {
		t.Errorf("no ranges: %v", err)
	}
	if err := read(object.Info{Size: 4, ETag: "other"}, 0); !errors.Is(err, object.ErrChanged) {
		t.Errorf("no conditions: %v", err)
	}
}

// TestNoConditionalWrites: a store that lacks one of the conditions is named, with
// the way out.
func TestNoConditionalWrites(t *testing.T) {
	for header, version := range map[string]string{"If-Match": sumOf([]byte("old")), "If-None-Match": ""} {
		f, c := newFake(t)
		f.objects["some/prefix/f"] = fakeObject{[]byte("old"), sumOf([]byte("old")), http.Header{}}
		f.fault = func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
			if r.Header.Get(header) != "" {
				refuse(w, http.StatusNotImplemented, "NotImplemented")
				return true
			}
			return false
		}
		_, err := f.store(t, c).(store.Swapper).Swap(t.Context(), "f", version, []byte("new"))
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), c.endpoint) || !strings.Contains(err.Error(), "PUT with "+header) {
			t.Errorf("%s: %v", header, err)
		}
	}
}

// The answer to the request that makes a file visible may be lost; the client
// asks again and is refused, for the file is there.
func TestLostAnswers(t *testing.T) {
	for _, last := range []string{"PUT", "POST complete"} {
		t.Run(last, func(t *testing.T) {
			f, c := newFake(t)
			lost := false
			f.fault = func(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter)) bool {
				if kind(r) != last || lost {
					return false
				}
				lost = true
				serve(httptest.NewRecorder())
				refuse(w, http.StatusServiceUnavailable, "SlowDown")
				return true
			}
			want := []byte("small")
			if last != "PUT" {
				want = bytes.Repeat([]byte("large"), 1000)
			}
			s := f.store(t, c)
			create := func() error {
				w, err := s.CreateNew(t.Context(), "f")
				if err != nil {
					t.Fatal(err)
				}
				defer w.Abort()
				if _, err := w.Write(want); err != nil {
					t.Fatal(err)
				}
				return w.Commit()
			}
			if err := create(); err != nil || !lost {
				t.Errorf("commit whose answer was lost (%v): %v", lost, err)
			}
			if got := storetest.Get(t, s, "f"); !bytes.Equal(got, want) {
				t.Errorf("read %d bytes, want %d", len(got), len(want))
			}
			lost = false
			if err := create(); !errors.Is(err, fs.ErrExist) {
				t.Errorf("another writer, whose answer was lost too: %v", err)
			}
			if len(f.uploads) > 0 {
				t.Errorf("uploads left: %v", f.uploads)
			}
		})
	}
}

// A part that cannot be sent, a cancelled job and an aborted file leave
// neither a file nor parts that are paid for.
func TestNoUploadIsLeft(t *testing.T) {
	for name, spoil := range map[string]func(f *fake, cancel func()){
		"part refused": func(f *fake, _ func()) {
			f.fault = func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
				if kind(r) == "PUT part" {
					refuse(w, http.StatusForbidden, "AccessDenied")
					return true
				}
				return false
			}
		},
		"completion refused": func(f *fake, _ func()) {
			f.fault = func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
				if kind(r) == "POST complete" {
					refuse(w, http.StatusBadRequest, "EntityTooSmall")
					return true
				}
				return false
			}
		},
		"cancelled": func(_ *fake, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			f, c := newFake(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w, err := f.store(t, c).Create(ctx, "f")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(make([]byte, 3000)); err != nil {
				t.Fatal(err)
			}
			if len(f.uploads) != 1 {
				t.Fatalf("%d uploads under way", len(f.uploads))
			}
			f.mu.Lock()
			spoil(f, cancel)
			f.mu.Unlock()
			_, err = w.Write(make([]byte, 3000))
			if commitErr := w.Commit(); commitErr == nil {
				t.Errorf("commit succeeded; write: %v", err)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.uploads) > 0 || len(f.objects) > 0 {
				t.Errorf("left: %d uploads, %d objects", len(f.uploads), len(f.objects))
			}
		})
	}
}

func TestSweep(t *testing.T) {
	f, c := newFake(t)
	s := f.store(t, c).(*Store)
	for _, name := range []string{"d/killed", "finished"} {
		w, err := s.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 5000)); err != nil {
			t.Fatal(err)
		}
		if name == "finished" {
			if err := w.Commit(); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.uploads["of another"] = &fakeUpload{key: "elsewhere", parts: map[int][]byte{}}
	if swept, err := s.Sweep(t.Context(), time.Hour); err != nil || len(swept) > 0 {
		t.Errorf("a young upload was swept: %q, %v", swept, err)
	}
	swept, err := s.Sweep(t.Context(), 0)
	if diff := cmp.Diff([]string{"d/killed"}, swept); err != nil || diff != "" {
		t.Errorf("swept (-want +got), %v:\n%s", err, diff)
	}
	if len(f.uploads) != 1 {
		t.Errorf("%d uploads left, want that of another", len(f.uploads))
	}
}

func TestErrorsHaveHints(t *testing.T) {
	for _, tc := range []struct {
		status int
		code   string
		is     error
		want   string
	}{
		{http.StatusNotFound, "NoSuchBucket", nil, "has no bucket bucket"},
		{http.StatusNotFound, "NoSuchKey", fs.ErrNotExist, ""},
		{http.StatusForbidden, "AccessDenied", nil, "AWS_ACCESS_KEY_ID"},
		{http.StatusForbidden, "SignatureDoesNotMatch", nil, "check AWS_ACCESS_KEY_ID"},
		{http.StatusBadRequest, "ExpiredToken", nil, "sign in again"},
		{http.StatusMovedPermanently, "PermanentRedirect", nil, "AWS_REGION"},
		{http.StatusServiceUnavailable, "SlowDown", nil, "overloaded"},
		{http.StatusForbidden, "RequestTimeTooSkewed", nil, "clock"},
		{http.StatusTeapot, "Teapot", nil, "status 418"},
	} {
		t.Run(tc.code, func(t *testing.T) {
			f, c := newFake(t)
			f.fault = func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
				refuse(w, tc.status, tc.code)
				return true
			}
			s := newSource(c)
			_, listErr := s.List(t.Context(), "s3://bucket/x")
			_, statErr := s.Stat(t.Context(), "s3://bucket/x")
			readErr := s.ReadAt(t.Context(), object.Info{Name: "s3://bucket/x", Size: 1}, make([]byte, 1), 0)
			_, openErr := f.store(t, c).Open(t.Context(), "f")
			for what, err := range map[string]error{"list": listErr, "stat": statErr, "read": readErr, "open": openErr} {
				if what == "stat" && tc.code == "NoSuchBucket" {
					continue // HEAD does not tell it from an object that is not there
				}
				if err == nil || !strings.Contains(err.Error(), tc.want) || tc.is != nil && !errors.Is(err, tc.is) {
					t.Errorf("%s: %v; want %q", what, err, tc.want)
				}
			}
		})
	}
}
