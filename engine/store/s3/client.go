// Package s3 reads and writes objects of Amazon S3 and of what speaks its
// protocol. [Source] reads inputs by their URLs, s3://bucket/key; [Store] is
// the store of output files below a prefix of one bucket.
//
// What a later try may mend is tried again: answers 5xx and 429, connections
// that break, bodies that are short. Ranges of an object are asked for under
// the condition that its ETag has not changed, so that no two states of an
// object are ever mixed. A file appears by one request, a PUT or the completion
// of a multipart upload, and so as a whole or not at all.
package s3

import (
	"bufio"
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/store"
)

// Options say where the store is.
type Options struct {
	Endpoint    string                   // URL, or host and port; "": Amazon's
	Region      string                   // "": asked of the bucket
	Credentials *credentials.Credentials // nil: none, requests are not signed
	Transport   http.RoundTripper        // nil: one of the client's own
	PartSize    int64                    // of multipart uploads, bytes; 0: 8 MiB
}

// defaultRegion is that of servers other than Amazon's, most of which have no
// regions but want one in the signature.
const defaultRegion = "us-east-1"

const defaultPartSize = 8 << 20

// Client is a connection to one endpoint, for any number of buckets.
type Client struct {
	core     *minio.Core
	creds    *credentials.Credentials
	endpoint string // for messages
	partSize int64

	pause    func(attempt int) time.Duration // between tries of a body that broke
	patience time.Duration                   // with a body that gives no byte
}

// Connect makes a client. It does not talk to the endpoint yet.
func Connect(o Options) (*Client, error) {
	host, secure, custom := "s3.amazonaws.com", true, o.Endpoint != ""
	if custom {
		host = o.Endpoint
		if strings.Contains(o.Endpoint, "://") {
			u, err := url.Parse(o.Endpoint)
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
				return nil, fmt.Errorf("S3 endpoint %q is not of the form https://host:port", o.Endpoint)
			}
			host, secure = u.Host, u.Scheme == "https"
		}
		o.Region = cmp.Or(o.Region, defaultRegion)
	}
	if o.Credentials == nil {
		o.Credentials = credentials.NewStatic("", "", "", credentials.SignatureAnonymous)
	}
	// Buckets are addressed by path where the host is not known to serve them
	// as names below its own.
	core, err := minio.NewCore(host, &minio.Options{
		Creds: o.Credentials, Secure: secure, Region: o.Region,
		Transport: o.Transport, BucketLookup: minio.BucketLookupAuto,
	})
	if err != nil {
		return nil, fmt.Errorf("S3 endpoint %q: %w", host, err)
	}
	return &Client{
		core: core, creds: o.Credentials, endpoint: core.EndpointURL().String(),
		partSize: cmp.Or(o.PartSize, defaultPartSize), pause: backOff, patience: stalled,
	}, nil
}

// fromEnvironment makes a client from what the AWS tools are told by as well:
// AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION or AWS_DEFAULT_REGION,
// and the endpoint_url and region of the profile AWS_PROFILE in the shared
// configuration. Credentials are the first of AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN), the profile's (keys, SSO or
// credential_process), and those of the container or machine (IRSA, ECS, EC2)
// unless AWS_EC2_METADATA_DISABLED is true. With none, requests are not
// signed, which public buckets allow.
func fromEnvironment() (*Client, error) {
	p := sharedProfile()
	providers := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	if !strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		// Where there is no such machine around, nobody wants to wait for it.
		providers = append(providers, &credentials.IAM{Client: &http.Client{Timeout: 5 * time.Second}})
	}
	return Connect(Options{
		Endpoint:    cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), p["endpoint_url"]),
		Region:      cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), p["region"]),
		Credentials: credentials.NewChainCredentials(providers),
	})
}

// sharedProfile reads the settings of the current profile from the shared
// configuration file, nested ones aside. There need not be one.
func sharedProfile() map[string]string {
	name := os.Getenv("AWS_CONFIG_FILE")
	if name == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil
		}
		name = filepath.Join(home, ".aws", "config")
	}
	file, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer file.Close()
	profile := cmp.Or(os.Getenv("AWS_PROFILE"), "default")
	settings := map[string]string{}
	inside := false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if section, ok := strings.CutPrefix(strings.TrimSpace(line), "["); ok {
			section, _, _ = strings.Cut(section, "]")
			section = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(section), "profile "))
			inside = section == profile
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !inside || !ok || line != strings.TrimLeft(line, " \t#;") {
			continue
		}
		settings[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return settings
}

// Register makes the inputs and output folders of this process take s3:// URLs,
// by the client of fromEnvironment, which is made when the first is met.
func Register() {
	connect := sync.OnceValues(fromEnvironment)
	object.Register("s3", func() (object.Source, error) {
		c, err := connect()
		if err != nil {
			return nil, err
		}
		return Source{c}, nil
	})
	store.Register("s3", func(url string) (store.Store, error) {
		c, err := connect()
		if err != nil {
			return nil, err
		}
		return NewStore(c, url)
	})
}

// Split takes a URL apart. The key may be empty.
func Split(name string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(name, "s3://")
	bucket, key, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return "", "", fmt.Errorf("%q is not of the form s3://bucket/key", name)
	}
	return bucket, key, nil
}
