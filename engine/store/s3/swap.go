package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/tallystick/tallystick/engine/store"
)

// Fetch implements store.Swapper. The version is the ETag.
func (s *Store) Fetch(ctx context.Context, name string) ([]byte, string, error) {
	if err := store.CheckName("open", name); err != nil {
		return nil, "", err
	}
	f, err := s.Open(ctx, name)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	return data, f.(*file).info.ETag, err
}

// Swap implements store.Swapper by a conditional PUT (If-Match, If-None-Match).
func (s *Store) Swap(ctx context.Context, name, version string, data []byte) (string, error) {
	if err := store.CheckName("create", name); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	id := rand.Text()
	o := minio.PutObjectOptions{UserMetadata: map[string]string{writerKey: id}, DisableContentSha256: true}
	header := "If-Match"
	if version == "" {
		header = "If-None-Match"
		o.SetMatchETagExcept("*")
	} else {
		o.SetMatchETag(version)
	}
	key := s.prefix + name
	put, err := s.c.core.PutObject(ctx, s.bucket, key, bytes.NewReader(data), int64(len(data)), "", hexSum(data), o)
	if err == nil {
		return put.ETag, nil
	}
	var answer minio.ErrorResponse
	if errors.As(err, &answer) {
		switch answer.StatusCode {
		case http.StatusPreconditionFailed, http.StatusConflict, http.StatusNotFound:
			// Maybe by what this request did when it was sent before, and its answer lost.
			now, statErr := s.c.core.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
			if statErr == nil && now.UserMetadata[writerKey] == id {
				return now.ETag, nil
			}
			if answer.StatusCode != http.StatusNotFound || answer.Code == minio.NoSuchKey {
				return "", fmt.Errorf("commit %s: %w: %w", s.url(name), fs.ErrExist, err)
			}
		case http.StatusNotImplemented:
			return "", fmt.Errorf("commit %s: %w: %w (%s writes no object on a condition, PUT with %s, without which nobody sees that a run is still alive: name an output folder on a disk, or in a store that has conditional writes)",
				s.url(name), errors.ErrUnsupported, err, s.c.endpoint, header)
		}
	}
	return "", fmt.Errorf("commit %s: %w", s.url(name), s.c.explain(ctx, s.bucket, err))
}
