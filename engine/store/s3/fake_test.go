package s3

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/engine/store"
)

// fake is as much of an S3 server as the driver uses, over a map, with the
// faults of a bad day.
type fake struct {
	mu      sync.Mutex
	objects map[string]fakeObject
	uploads map[string]*fakeUpload
	lastID  int

	// fault, if set, may answer a request itself, after or instead of the
	// server, and returns whether it did.
	fault    func(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter)) (done bool)
	requests []string // method and kind, such as "PUT part"
	pageSize int
}

type fakeObject struct {
	data []byte
	etag string
	meta http.Header
}

type fakeUpload struct {
	key   string
	parts map[int][]byte
	meta  http.Header
}

func newFake(t testing.TB) (*fake, *Client) {
	t.Helper()
	f := &fake{objects: map[string]fakeObject{}, uploads: map[string]*fakeUpload{}, pageSize: 3}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	c, err := Connect(Options{Endpoint: server.URL, PartSize: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	c.pause = func(int) time.Duration { return 0 }
	return f, c
}

func (f *fake) store(t testing.TB, c *Client) store.Store {
	t.Helper()
	s, err := NewStore(c, "s3://bucket/some/prefix")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, kind(r))
	fault := f.fault
	f.mu.Unlock()
	serve := func(w http.ResponseWriter) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.serve(w, r)
	}
	if fault != nil && fault(w, r, serve) {
		return
	}
	serve(w)
}

// kind names what a request is for.
func kind(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case q.Has("list-type"):
		return "LIST"
	case q.Has("uploads") && r.Method == http.MethodGet:
		return "LIST uploads"
	case q.Has("uploads"):
		return "POST begin"
	case q.Has("partNumber"):
		return "PUT part"
	case q.Has("uploadId") && r.Method == http.MethodPost:
		return "POST complete"
	case q.Has("uploadId"):
		return "DELETE upload"
	}
	return r.Method
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s, says the fake</Message></Error>", code, code)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(v)
}

func sumOf(data []byte) string {
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:])
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if bucket != "bucket" {
		refuse(w, http.StatusNotFound, "NoSuchBucket")
		return
	}
	q := r.URL.Query()
	old, exists := f.objects[key]
	switch kind(r) {
	case "LIST":
		f.list(w, q.Get("prefix"), q.Get("continuation-token"))
	case "LIST uploads":
		var result struct {
			XMLName xml.Name `xml:"ListMultipartUploadsResult"`
			Upload  []struct {
				Key       string
				UploadID  string `xml:"UploadId"`
				Initiated string
			}
		}
		for id, u := range f.uploads {
			if strings.HasPrefix(u.key, q.Get("prefix")) {
				result.Upload = append(result.Upload, struct {
					Key       string
					UploadID  string `xml:"UploadId"`
					Initiated string
				}{u.key, id, time.Now().UTC().Format(time.RFC3339)})
			}
		}
		answer(w, result)
	case "POST begin":
		f.lastID++
		id := fmt.Sprint("upload-", f.lastID)
		f.uploads[id] = &fakeUpload{key, map[int][]byte{}, r.Header.Clone()}
		answer(w, struct {
			XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
			UploadID string   `xml:"UploadId"`
		}{UploadID: id})
	case "PUT part":
		u := f.uploads[q.Get("uploadId")]
		data, err := io.ReadAll(r.Body)
		number, _ := strconv.Atoi(q.Get("partNumber"))
		if u == nil || err != nil {
			refuse(w, http.StatusNotFound, "NoSuchUpload")
			return
		}
		u.parts[number] = data
		w.Header().Set("ETag", `"`+sumOf(data)+`"`)
	case "POST complete":
		id := q.Get("uploadId")
		u := f.uploads[id]
		switch {
		case u == nil:
			refuse(w, http.StatusNotFound, "NoSuchUpload")
			return
		case exists && r.Header.Get("If-None-Match") == "*":
			refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		var want struct {
			Part []struct {
				PartNumber int
				ETag       string
			}
		}
		if err := xml.NewDecoder(r.Body).Decode(&want); err != nil {
			refuse(w, http.StatusBadRequest, "MalformedXML")
			return
		}
		var data []byte
		for _, p := range want.Part {
			if sumOf(u.parts[p.PartNumber]) != strings.Trim(p.ETag, `"`) {
				refuse(w, http.StatusBadRequest, "InvalidPart")
				return
			}
			data = append(data, u.parts[p.PartNumber]...)
		}
		delete(f.uploads, id)
		o := fakeObject{data, fmt.Sprintf("%s-%d", sumOf(data), len(want.Part)), u.meta}
		f.objects[key] = o
		answer(w, struct {
			XMLName           xml.Name `xml:"CompleteMultipartUploadResult"`
			Bucket, Key, ETag string
		}{Bucket: bucket, Key: key, ETag: `"` + o.etag + `"`})
	case "DELETE upload":
		delete(f.uploads, q.Get("uploadId"))
		w.WriteHeader(http.StatusNoContent)
	case http.MethodDelete:
		delete(f.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPut:
		data, err := io.ReadAll(r.Body)
		switch {
		case err != nil || int64(len(data)) != r.ContentLength:
			refuse(w, http.StatusBadRequest, "IncompleteBody")
			return
		case exists && r.Header.Get("If-None-Match") == "*":
			refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		case !exists && r.Header.Get("If-Match") != "":
			refuse(w, http.StatusNotFound, "NoSuchKey")
			return
		case r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != `"`+old.etag+`"`:
			refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		f.objects[key] = fakeObject{data, sumOf(data), r.Header.Clone()}
		w.Header().Set("ETag", `"`+sumOf(data)+`"`)
	default:
		if !exists {
			refuse(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		w.Header().Set("ETag", `"`+old.etag+`"`)
		w.Header().Set("X-Amz-Meta-"+writerKey, old.meta.Get("X-Amz-Meta-"+writerKey))
		if m := r.Header.Get("If-Match"); m != "" && m != `"`+old.etag+`"` {
			refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		if len(old.data) == 0 && r.Header.Get("Range") != "" {
			refuse(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
			return
		}
		http.ServeContent(w, r, "", time.Unix(1e9, 0), strings.NewReader(string(old.data)))
	}
}

func (f *fake) list(w http.ResponseWriter, prefix, after string) {
	type content struct {
		Key, ETag, LastModified string
		Size                    int
	}
	var result struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string
		Contents              []content
	}
	var keys []string
	for k := range f.objects {
		if strings.HasPrefix(k, prefix) && k > after {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if len(keys) > f.pageSize {
		keys = keys[:f.pageSize]
		result.IsTruncated, result.NextContinuationToken = true, keys[len(keys)-1]
	}
	for _, k := range keys {
		o := f.objects[k]
		result.Contents = append(result.Contents, content{k, `"` + o.etag + `"`, time.Unix(1e9, 0).UTC().Format(time.RFC3339), len(o.data)})
	}
	answer(w, result)
}
