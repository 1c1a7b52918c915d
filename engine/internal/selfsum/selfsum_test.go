package selfsum

import (
	"bytes"
	"strings"
	"testing"
)

func TestFill(t *testing.T) {
	const end = " after\n"
	got, err := Fill([]byte("before "+end), end)
	// printf 'before  after\n' | sha256sum
	if want := "before b3283e135277ccec8cb4b1aff2df2f1aa172dc47de23dc96a97c583f4f5fd28a after\n"; err != nil || string(got) != want {
		t.Fatalf("%q, %v", got, err)
	}
	if !Whole(got, end) {
		t.Error("not whole")
	}
	for i := range got {
		for bit := range 8 {
			bad := bytes.Clone(got)
			if bad[i] ^= 1 << bit; Whole(bad, end) {
				t.Errorf("bit %d of byte %d: whole", bit, i)
			}
		}
	}
	for _, bad := range []string{"", end, string(got[1:]), string(got[:len(got)-1]), string(got) + "\n", strings.ToUpper(string(got))} {
		if Whole([]byte(bad), end) {
			t.Errorf("%q: whole", bad)
		}
	}
	if _, err := Fill([]byte("x"), end); err == nil {
		t.Error("a content without its end was filled")
	}
}
