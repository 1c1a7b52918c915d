// Package loadcache keeps on disk what takes long to make from a file, such as
// the tables of a tokenizer, for the next process that needs it.
//
// An entry is only ever a saving of time. One that is torn, changed or of
// another version is taken for absent, whatever keeps an entry from being
// written is not reported, and without a place for the cache there is none.
package loadcache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
)

// Env is the environment variable that names the folder of the cache; "off"
// turns it off. Without it the folder is tallystick in os.UserCacheDir.
const Env = "TALLYSTICK_CACHE"

// Key tells entries apart. It must change with all that the content depends on.
type Key [sha256.Size]byte

// KeyOf returns the key of content of some version (a name and a number of its
// format) that is made from source.
func KeyOf(version string, source []byte) Key {
	digest := sha256.Sum256(source)
	return sha256.Sum256(append([]byte(version+"\x00"), digest[:]...))
}

// An entry is magic, a checksum of the key and the content, and the content. The
// checksum is there for accidents: who can write into the folder of the cache
// can write any checksum.
const magic = "tallystick cache 2\n"

const header = len(magic) + checksumSize

const checksumSize = 8 // bytes

// Get returns the content of an entry, or nil.
func Get(key Key) []byte {
	path := pathOf(key)
	if path == "" {
		return nil
	}
	entry, err := os.ReadFile(path)
	if err != nil || len(entry) < header || string(entry[:len(magic)]) != magic {
		return nil
	}
	if !bytes.Equal(checksum(key, entry[header:]), entry[len(magic):header]) {
		return nil
	}
	return entry[header:]
}

// Put stores an entry: all of it, or nothing that Get would return.
func Put(key Key, content []byte) {
	path := pathOf(key)
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return
	}
	for _, part := range [][]byte{[]byte(magic), checksum(key, content), content} {
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
}

// checksum is XXH64.
func checksum(key Key, content []byte) []byte {
	h := xxhash.New()
	_, _ = h.Write(key[:])
	_, _ = h.Write(content)
	return h.Sum(nil)
}

// pathOf returns where an entry is, "" if there is no cache.
func pathOf(key Key) string {
	dir := os.Getenv(Env)
	switch dir {
	case "off":
		return ""
	case "":
		user, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(user, "tallystick")
	}
	return filepath.Join(dir, hex.EncodeToString(key[:])+".bin")
}
