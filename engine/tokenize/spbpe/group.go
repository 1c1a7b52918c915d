package spbpe

import (
	"bytes"

	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// Groups makes the worker a pipeline.Grouper, where no text as a whole is a
// token and none needs more than NFC.
func (w *worker) Groups() bool {
	return len(w.steps) == 0 && (w.model.whole == nil || w.split) && (w.normalized == asIs || !w.prepend)
}

// IsNormal tells whether text is normalised.
func (w *worker) IsNormal(text []byte) bool {
	if w.nfc && ucd.QuickNFC(text) < len(text) {
		return false
	}
	from, to := w.rewrites()
	return w.normalized == asIs || from == to || !bytes.Contains(text, []byte(from))
}

// CountGroup is Count of many texts.
func (w *worker) CountGroup(text []byte, spans []pipeline.Span, counts []int) {
	var starts [pipeline.GroupBytes / pipeline.GroupBlock]uint64
	w.texts.Clear()
	for _, s := range spans {
		one := text[s.Start:s.Stop]
		if w.joined == nil && w.lead(one, true) {
			// A space is a marker to the model.
			w.leading = append(append(w.leading[:0], ' '), one...)
			one = w.leading
		}
		w.scanner = scanner{cuts: w.cuts, text: one}
		blocks := w.scanner.Bits(starts[:])
		w.texts.Add(one, starts[:blocks])
	}
	w.cache.CountTexts(&w.texts, &w.merger, counts)
}
