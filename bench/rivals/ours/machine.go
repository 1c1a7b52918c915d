package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"github.com/tallystick/tallystick/kernels"
)

// describe says what only this program knows of the machine; the script adds
// the rest.
func describe() {
	cpu := &cpuid.CPU
	name := cpu.BrandName
	if name == "" {
		name = runtime.GOARCH
	}
	var chosen []string
	for _, k := range kernels.Chosen() {
		chosen = append(chosen, k.Kernel+"="+k.Implementation)
	}
	fmt.Printf("cpu: %s, family %d model %d stepping %d\n", name, cpu.Family, cpu.Model, cpu.Stepping)
	fmt.Printf("features: %s\n", kernels.Features())
	fmt.Printf("cores: %d\n", runtime.NumCPU())
	fmt.Printf("cache: L1d %d KiB, L2 %d KiB, L3 %d KiB\n", cpu.Cache.L1D>>10, cpu.Cache.L2>>10, cpu.Cache.L3>>10)
	fmt.Printf("system: %s/%s\n", runtime.GOOS, runtime.GOARCH)
	fmt.Printf("go: %s\n", runtime.Version())
	fmt.Printf("kernels: %s\n", strings.Join(chosen, " "))
}
