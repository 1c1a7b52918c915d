package corpus

import (
	"sync"

	"github.com/klauspost/compress/zstd"
)

// decoders are those of zstd that nobody uses, no more than were used at once. The window
// of one, up to maxWindow, is most of what reading takes, and would be garbage after every
// file. (A sync.Pool has places where only one processor looks: it makes more.)
var decoders struct {
	sync.Mutex
	idle []*zstd.Decoder
}

// takeDecoder returns a decoder that is to be reset.
func takeDecoder() (*zstd.Decoder, error) {
	decoders.Lock()
	defer decoders.Unlock()
	if last := len(decoders.idle) - 1; last >= 0 {
		z := decoders.idle[last]
		decoders.idle = decoders.idle[:last]
		return z, nil
	}
	// One goroutine: what is decoded before an error must not depend on timing.
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
}

// leaveDecoder leaves a decoder to the next one who takes it.
func leaveDecoder(z *zstd.Decoder) {
	if err := z.Reset(nil); err == nil { // so that it holds no file
		decoders.Lock()
		defer decoders.Unlock()
		decoders.idle = append(decoders.idle, z)
	}
}

// DropDecoders gives up what reading compressed files keeps for the next ones, for who
// needs the memory or reads no more of them.
func DropDecoders() {
	decoders.Lock()
	defer decoders.Unlock()
	decoders.idle = nil
}
