//go:build !race

package pay

const splitStep = 1
