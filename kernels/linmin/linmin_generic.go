package linmin

import "math"

// minGeneric is Min. Four functions at a time: their least values stay in
// registers.
func minGeneric(least, a, b []uint32, xs []uint64) {
	for ; len(least) >= 4; least, a, b = least[4:], a[4:], b[4:] {
		a0, a1, a2, a3 := a[0], a[1], a[2], a[3]
		b0, b1, b2, b3 := b[0], b[1], b[2], b[3]
		m0, m1, m2, m3 := uint32(math.MaxUint32), uint32(math.MaxUint32), uint32(math.MaxUint32), uint32(math.MaxUint32)
		for _, x := range xs {
			m0 = min(m0, a0*uint32(x)+b0)
			m1 = min(m1, a1*uint32(x)+b1)
			m2 = min(m2, a2*uint32(x)+b2)
			m3 = min(m3, a3*uint32(x)+b3)
		}
		least[0], least[1], least[2], least[3] = m0, m1, m2, m3
	}
}
