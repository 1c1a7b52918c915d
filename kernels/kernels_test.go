package kernels

import (
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestForced(t *testing.T) {
	t.Setenv(Env, Generic)
	if Forced() == "" {
		t.Errorf("Forced() = \"\" with %s=%s", Env, Generic)
	}
	if UseAVX2() {
		t.Error("UseAVX2() although generic kernels are forced")
	}
	t.Setenv(Env, "")
	if want := map[bool]string{true: "tag purego", false: ""}[purego]; Forced() != want {
		t.Errorf("Forced() = %q, want %q", Forced(), want)
	}
	if got, want := UseAVX2(), !purego && runtime.GOARCH == "amd64" && Features().AVX2; got != want {
		t.Errorf("UseAVX2() = %v, want %v", got, want)
	}
}

func TestChosenIsSorted(t *testing.T) {
	saved := registry.choices
	defer func() { registry.choices = saved }()
	registry.choices = nil
	Register("strscan", AVX2)
	Register("minhash", Generic)
	want := []Choice{{"minhash", Generic}, {"strscan", AVX2}}
	if diff := cmp.Diff(want, Chosen()); diff != "" {
		t.Errorf("Chosen() (-want +got):\n%s", diff)
	}
}

func TestFeaturesString(t *testing.T) {
	c := CPU{Name: "Xeon", Architecture: "amd64", AVX2: true, SHA: true}
	if got, want := c.String(), "Xeon (amd64): avx2 sha"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	if got := (CPU{Name: "x", Architecture: "y"}).String(); !strings.Contains(got, "none") {
		t.Errorf("String() = %q, want it to say that there is none", got)
	}
	if Features().Architecture != runtime.GOARCH {
		t.Errorf("Features().Architecture = %q, want %q", Features().Architecture, runtime.GOARCH)
	}
}
