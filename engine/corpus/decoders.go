package corpus

import (
	"sync"
	"weak"

	"github.com/klauspost/compress/zstd"
)

// decoders are those of zstd that nobody uses. The window of one, up to maxWindow, is most
// of what reading takes, and would be garbage after every file. They stay until the
// collector comes. (A sync.Pool has places where only one processor looks: it makes more.)
var decoders struct {
	sync.Mutex
	idle []weak.Pointer[zstd.Decoder]
}

// takeDecoder returns a decoder that is to be reset.
func takeDecoder() (*zstd.Decoder, error) {
	decoders.Lock()
	defer decoders.Unlock()
	for last := len(decoders.idle) - 1; last >= 0; last-- {
		z := decoders.idle[last].Value()
		decoders.idle = decoders.idle[:last]
		if z != nil {
			return z, nil
		}
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
		decoders.idle = append(decoders.idle, weak.Make(z))
	}
}
