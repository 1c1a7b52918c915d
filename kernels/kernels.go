// Package kernels says what the CPU can do and which implementation of each
// kernel was chosen for it. The kernels themselves are the packages below this
// one; each registers its choice at init. A kernel never changes a result, only
// how fast it comes.
//
// Two switches hold them back: the build tag purego leaves the assembly out, and
// the environment variable TALLYSTICK_KERNELS says at run time what is the most
// to be used of it: generic (none), avx2, or avx512, which is as if it were not
// set.
package kernels

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/cpuid/v2"
)

// Env is the environment variable that, set to Generic or AVX2, keeps every
// kernel to its Go reference or to what a CPU without AVX-512 would run.
const Env = "TALLYSTICK_KERNELS"

// Names of implementations, as Register and the reports spell them.
const (
	Generic = "generic"
	AVX2    = "avx2"
	AVX512  = "avx512"
)

// CPU is what the processor offers, of what any kernel could use.
type CPU struct {
	Name         string `json:"name"`
	Architecture string `json:"architecture"`
	AVX2         bool   `json:"avx2"`   // with BMI1 and BMI2, which our AVX2 kernels also use
	AVX512       bool   `json:"avx512"` // F, BW, DQ, VL
	AES          bool   `json:"aes"`
	SHA          bool   `json:"sha"`
}

// Features returns what the processor offers, whether or not it is used.
func Features() CPU {
	c := &cpuid.CPU
	name := c.BrandName
	if name == "" {
		name = "unknown"
	}
	return CPU{
		Name:         name,
		Architecture: runtime.GOARCH,
		AVX2:         c.Supports(cpuid.AVX2, cpuid.BMI1, cpuid.BMI2),
		AVX512:       c.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL),
		AES:          c.Has(cpuid.AESNI) || c.Has(cpuid.AESARM),
		SHA:          c.Has(cpuid.SHA) || c.Has(cpuid.SHA2),
	}
}

// String lists the features on one line, e.g. "Xeon (amd64): avx2 aes".
func (c CPU) String() string {
	var have []string
	for _, f := range []struct {
		name string
		has  bool
	}{{"avx2", c.AVX2}, {"avx512", c.AVX512}, {"aes", c.AES}, {"sha", c.SHA}} {
		if f.has {
			have = append(have, f.name)
		}
	}
	if have == nil {
		have = []string{"none of avx2, avx512, aes, sha"}
	}
	return fmt.Sprintf("%s (%s): %s", c.Name, c.Architecture, strings.Join(have, " "))
}

// Limit returns the name of the best implementations that may be used, and what
// says so, "tag purego" or the environment variable's setting; both are "" when
// the CPU decides.
func Limit() (best, why string) {
	if purego {
		return Generic, "tag purego"
	}
	switch best := os.Getenv(Env); best {
	case Generic, AVX2:
		return best, Env + "=" + best
	}
	return "", ""
}

// CheckEnv returns an error if the environment variable asks for what there is
// not. Such a setting limits nothing.
func CheckEnv() error {
	switch value := os.Getenv(Env); value {
	case "", Generic, AVX2, AVX512:
		return nil
	default:
		return fmt.Errorf("%s=%s: want %s, %s or %s", Env, value, Generic, AVX2, AVX512)
	}
}

// UseAES reports whether kernels of AES-NI are to be used: the CPU has it, and
// nothing limits to the generic ones.
func UseAES() bool {
	best, _ := Limit()
	return best != Generic && runtime.GOARCH == "amd64" && Features().AES
}

// UseAVX2 reports whether AVX2 kernels are to be used: the CPU has AVX2, BMI1
// and BMI2, the operating system saves the registers, and nothing limits to the
// generic ones.
func UseAVX2() bool {
	best, _ := Limit()
	return best != Generic && runtime.GOARCH == "amd64" && Features().AVX2
}

// UseAVX512 reports whether AVX-512 kernels are to be used, which may want more
// of the CPU than Features tells: UseAVX2, there is AVX-512, and nothing limits
// to less.
func UseAVX512() bool {
	best, _ := Limit()
	return UseAVX2() && best != AVX2 && Features().AVX512
}

// Choice is the implementation one kernel runs.
type Choice struct {
	Kernel         string `json:"kernel"`
	Implementation string `json:"implementation"`
}

var registry struct {
	sync.Mutex
	choices []Choice
}

// Register records that the named kernel chose an implementation. Kernel
// packages call it from init, and from nowhere else.
func Register(name, chosen string) {
	registry.Lock()
	defer registry.Unlock()
	registry.choices = append(registry.choices, Choice{name, chosen})
}

// Chosen returns the choices of all kernels linked into the program, by name.
func Chosen() []Choice {
	registry.Lock()
	defer registry.Unlock()
	choices := slices.Clone(registry.choices)
	slices.SortFunc(choices, func(a, b Choice) int { return strings.Compare(a.Kernel, b.Kernel) })
	return choices
}
