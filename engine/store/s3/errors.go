package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"syscall"

	"github.com/minio/minio-go/v7"

	"github.com/tallystick/tallystick/engine/object"
)

// explain adds to an error of the client what it means to us and what a user
// can do about it.
func (c *Client) explain(ctx context.Context, bucket string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return c.explainConnection(err)
	}
	hint := func(format string, args ...any) error {
		return fmt.Errorf("%w (%s; %s)", err, answer.Code, fmt.Sprintf(format, args...))
	}
	switch answer.Code {
	case minio.NoSuchBucket:
		return hint("%s has no bucket %s: check the name, and AWS_ENDPOINT_URL_S3 if it is not Amazon's", c.endpoint, bucket)
	case minio.NoSuchKey, "NotFound":
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	case "NoSuchUpload":
		return hint("somebody else ended this upload, or its file was replaced before its answer came: write it again")
	case minio.InvalidBucketName:
		return hint("%q cannot be a bucket's name", bucket)
	case minio.AccessDenied, "Forbidden":
		if c.anonymous() {
			return hint("no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")
		}
		return hint("the credentials in use may not do this: reading needs s3:GetObject and s3:ListBucket on %s, writing s3:PutObject and s3:AbortMultipartUpload", bucket)
	case "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return hint("the credentials are not those of %s: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE", c.endpoint)
	case "ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired":
		return hint("the session token is no longer valid: sign in again")
	case "AuthorizationHeaderMalformed", minio.InvalidRegion, "PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException":
		if answer.Region != "" {
			return hint("bucket %s is in region %s: set AWS_REGION=%s", bucket, answer.Region, answer.Region)
		}
		return hint("bucket %s is in another region than the one asked: set AWS_REGION", bucket)
	case "RequestTimeTooSkewed":
		return hint("the clock of this machine is wrong")
	case "SlowDown", "ServiceUnavailable", "Throttling", "TooManyRequests":
		return hint("the store is overloaded, and was after several tries: use fewer workers, or try again later")
	}
	switch answer.StatusCode {
	case http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", object.ErrChanged, err)
	case http.StatusNotFound:
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return hint("status %d", answer.StatusCode)
}

func (c *Client) explainConnection(err error) error {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH):
		return fmt.Errorf("%w (nobody answers at %s: check AWS_ENDPOINT_URL_S3 and the network)", err, c.endpoint)
	}
	return err
}

func (c *Client) anonymous() bool {
	v, err := c.creds.GetWithContext(nil)
	return err != nil || v.AccessKeyID == ""
}
