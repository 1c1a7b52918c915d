package guardpage

import (
	"runtime/debug"
	"testing"
	"unsafe"
)

func TestPage(t *testing.T) {
	page := Page(t)
	for i := range page {
		page[i]++
	}
	if page[0] != 1 || page[len(page)-1] != 1 {
		t.Error("not a page of zeros that may be written")
	}
	for _, at := range []int{-1, len(page)} {
		if !faults(unsafe.Add(unsafe.Pointer(&page[0]), at)) {
			t.Errorf("no fault at %d", at)
		}
	}
}

var sink byte

func faults(p unsafe.Pointer) (faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { faulted = recover() != nil }()
	sink = *(*byte)(p)
	return false
}
