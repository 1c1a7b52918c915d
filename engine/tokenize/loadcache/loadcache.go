// Package loadcache keeps on disk what takes long to make from a file, such as
// the tables of a tokenizer, for the next process that needs it.
//
// An entry is only ever a saving of time. One that is torn, changed or of
// another version is taken for absent, whatever keeps an entry from being
// written is not reported, and without a place for the cache there is none.
package loadcache

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Env is the environment variable that names the folder of the cache; "off"
// turns it off. Without it the folder is tallystick in os.UserCacheDir.
const Env = "TALLYSTICK_CACHE"

// An entry is magic, the digest of the name and the content, and the content.
const magic = "tallystick cache 2\n"

const header = len(magic) + sha256.Size

// Get returns the content, of some version (a name and a number of its format),
// that was made from a source, or nil. All of the source is read, if there is a
// cache at all.
func Get(version string, source io.Reader) []byte {
	dir := folder()
	if dir == "" {
		return nil
	}
	k, err := readKey(dir)
	if err != nil {
		return nil
	}
	name, err := k.digest([]byte(version), source)
	if err != nil {
		return nil
	}
	entry, err := os.ReadFile(pathOf(dir, name))
	if err != nil || len(entry) < header || string(entry[:len(magic)]) != magic {
		return nil
	}
	digest, err := k.digest(name[:], bytes.NewReader(entry[header:]))
	if err != nil || !bytes.Equal(digest[:], entry[len(magic):header]) {
		return nil
	}
	return entry[header:]
}

// Put stores content for Get: all of it, or nothing that Get would return.
func Put(version string, source io.Reader, content []byte) {
	dir := folder()
	if dir == "" || os.MkdirAll(dir, 0o700) != nil {
		return
	}
	k, err := ensureKey(dir)
	if err != nil {
		return
	}
	name, err := k.digest([]byte(version), source)
	if err != nil {
		return
	}
	digest, err := k.digest(name[:], bytes.NewReader(content))
	if err != nil {
		return
	}
	_ = write(pathOf(dir, name), os.Rename, []byte(magic), digest[:], content)
}

// Off tells whether there is no cache, so that nothing need be made for Put.
func Off() bool { return folder() == "" }

// write makes a file of parts, which put gives its name; other processes see all
// of it or nothing.
func write(path string, put func(from, to string) error, parts ...[]byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // of no use, or put and gone
	for _, part := range parts {
		if err == nil {
			_, err = f.Write(part)
		}
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return put(f.Name(), path)
}

// folder returns where the entries are, "" if there is no cache.
func folder() string {
	switch dir := os.Getenv(Env); dir {
	case "off":
		return ""
	case "":
		user, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		return filepath.Join(user, "tallystick")
	default:
		return dir
	}
}

func pathOf(dir string, name [sha256.Size]byte) string {
	return filepath.Join(dir, hex.EncodeToString(name[:])+".bin")
}

// keyPath is where the key of a folder is.
func keyPath(dir string) string { return filepath.Join(dir, "tallystick.key") }

// A key file is keyMagic and the key. It is made once and never replaced.
const keyMagic = "key of a tallystick cache\n"

// readKey returns the key of a folder; fs.ErrNotExist if it has none.
func readKey(dir string) (k key, err error) {
	f, err := os.Open(keyPath(dir))
	if err != nil {
		return k, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return k, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return k, errors.New("the key of the cache is no secret")
	}
	file, err := io.ReadAll(io.LimitReader(f, int64(len(keyMagic)+len(k)+1)))
	secret, ok := bytes.CutPrefix(file, []byte(keyMagic))
	if err == nil && (!ok || len(secret) != len(k)) {
		err = errors.New("no key of a cache")
	}
	copy(k[:], secret)
	return k, err
}

// ensureKey is readKey of a folder that is given a key if it has none.
func ensureKey(dir string) (k key, err error) {
	if k, err = readKey(dir); !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	_, _ = rand.Read(k[:]) // never fails
	// A link does not replace the key that another process may just have made.
	if err := write(keyPath(dir), os.Link, []byte(keyMagic), k[:]); err != nil && !errors.Is(err, fs.ErrExist) {
		return k, err
	}
	return readKey(dir)
}
