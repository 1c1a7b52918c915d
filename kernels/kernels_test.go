package kernels

import (
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLimit(t *testing.T) {
	assembly := !purego && runtime.GOARCH == "amd64"
	for _, test := range []struct {
		env, best         string
		aes, avx2, avx512 bool
		why               string
		refused           bool
	}{
		{"generic", Generic, false, false, false, "TALLYSTICK_KERNELS=generic", false},
		{"avx2", AVX2, true, true, false, "TALLYSTICK_KERNELS=avx2", false},
		{"avx512", "", true, true, true, "", false},
		{"", "", true, true, true, "", false},
		{"AVX2", "", true, true, true, "", true},
	} {
		t.Setenv(Env, test.env)
		if purego {
			test.best, test.why = Generic, "tag purego"
		}
		if best, why := Limit(); best != test.best || why != test.why {
			t.Errorf("%s=%s: Limit() = %q, %q, want %q, %q", Env, test.env, best, why, test.best, test.why)
		}
		has := Features()
		for _, use := range []struct {
			name      string
			got, want bool
		}{
			{"UseAES", UseAES(), test.aes && assembly && has.AES},
			{"UseAVX2", UseAVX2(), test.avx2 && assembly && has.AVX2},
			{"UseAVX512", UseAVX512(), test.avx512 && assembly && has.AVX2 && has.AVX512},
		} {
			if use.got != use.want {
				t.Errorf("%s=%s: %s() = %v, want %v", Env, test.env, use.name, use.got, use.want)
			}
		}
		if err := CheckEnv(); (err != nil) != test.refused {
			t.Errorf("%s=%s: CheckEnv() = %v", Env, test.env, err)
		}
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
