//go:build race

package pay

// splitStep thins out the split test where everything is ten times slower.
const splitStep = 41
