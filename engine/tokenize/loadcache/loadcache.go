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
	"io"
	"os"
	"path/filepath"
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
	k, ok := readKey(dir)
	if !ok {
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
	k, ok := readKey(dir)
	if !ok {
		if k, ok = makeKey(dir); !ok {
			return
		}
	}
	name, err := k.digest([]byte(version), source)
	if err != nil {
		return
	}
	digest, err := k.digest(name[:], bytes.NewReader(content))
	if err != nil {
		return
	}
	_ = write(pathOf(dir, name), []byte(magic), digest[:], content)
}

// Off tells whether there is no cache, so that nothing need be made for Put.
func Off() bool { return folder() == "" }

// write makes a file of parts; other processes see all of it or nothing.
func write(path string, parts ...[]byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err == nil {
			_, err = f.Write(part)
		}
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
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
func keyPath(dir string) string { return filepath.Join(dir, "key") }

// readKey returns the key of a folder, if it has one.
func readKey(dir string) (k key, ok bool) {
	if dir == "" {
		return k, false
	}
	secret, err := os.ReadFile(keyPath(dir))
	return k, err == nil && copy(k[:], secret) == len(k) && len(secret) == len(k)
}

// makeKey gives a folder a key. Should another process do so just now, the
// entries of one of the two are lost.
func makeKey(dir string) (k key, ok bool) {
	_, _ = rand.Read(k[:]) // never fails
	return k, write(keyPath(dir), k[:]) == nil
}
