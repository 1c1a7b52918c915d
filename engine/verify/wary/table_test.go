package wary

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// A length of gigabytes in a damaged footer must not be allocated.
func TestLongFooter(t *testing.T) {
	for _, end := range []string{"\xff\xff\xff\xffPAR1", "\x00\x00\x00\x00PAR0", "R1", ""} {
		path := filepath.Join(t.TempDir(), "f.parquet")
		if err := os.WriteFile(path, []byte("PAR1"+end), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = OpenTable(f, nil)
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; err == nil || grown > 1<<24 {
			t.Errorf("%q: %v, %d bytes were allocated", end, err, grown)
		}
	}
}
