//go:build hf && cgo

package hf

/*
#cgo LDFLAGS: -L${SRCDIR}/../../../build/hf -ltokenizers -ldl -lm -lstdc++
#include <stdint.h>
#include <stddef.h>

// Both are exports of build/hf/libtokenizers.a; the first is ours, see
// binding/lib.rs.
int64_t tallystick_count(const void *handle, const uint8_t *text, size_t len, uint64_t *fnv, char **error);
void tokenizers_free_string(char *string);
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/daulet/tokenizers"
)

// Available tells whether this program was built with the Rust library.
const Available = true

// maxPooled is the largest text buffer that is kept for the next document.
const maxPooled = 4 << 20

// Counter counts by one tokenizer. It is safe for concurrent use.
type Counter struct {
	tokenizer *tokenizers.Tokenizer
	buffers   sync.Pool // of *[]byte: the private copies of texts
}

// New reads a tokenizer.json. With addedAsText, added tokens in a text are
// plain text. The error wraps doc.ErrUnsupported where the file asks for
// something that has no exact count.
func New(config []byte, addedAsText bool) (*Counter, error) {
	prepared, err := prepare(config, addedAsText)
	if err != nil {
		return nil, err
	}
	t, err := tokenizers.FromBytes(prepared)
	if err != nil {
		return nil, fmt.Errorf("hugging face tokenizers: %w", err)
	}
	c := &Counter{tokenizer: t}
	runtime.AddCleanup(c, func(t *tokenizers.Tokenizer) { t.Close() }, t)
	return c, nil
}

// handle returns the Rust object behind the binding's Tokenizer, a struct that
// holds nothing else; TestBindingHoldsJustTheHandle fails when that changes.
func handle(t *tokenizers.Tokenizer) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(t))
}

// Count returns the number of ids of text, special tokens not added. Text must
// be UTF-8.
func (c *Counter) Count(text []byte) (int, error) {
	return c.encode(text, nil)
}

// Encode counts like Count and also returns FNV-1a-64 over the ids, each as
// four little-endian bytes, so that ids can be compared and not only counted.
func (c *Counter) Encode(text []byte) (count int, fnv uint64, err error) {
	count, err = c.encode(text, (*C.uint64_t)(&fnv))
	return count, fnv, err
}

func (c *Counter) encode(text []byte, fnv *C.uint64_t) (int, error) {
	buf, _ := c.buffers.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	private := append((*buf)[:0], text...)

	var message *C.char
	n := C.tallystick_count(handle(c.tokenizer), (*C.uint8_t)(unsafe.SliceData(private)), C.size_t(len(private)), fnv, &message)
	runtime.KeepAlive(c)

	if cap(private) <= maxPooled {
		*buf = private
		c.buffers.Put(buf)
	}
	if n < 0 {
		err := fmt.Errorf("hugging face tokenizers: %s", C.GoString(message))
		C.tokenizers_free_string(message)
		return 0, err
	}
	return int(n), nil
}
