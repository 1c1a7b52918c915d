package bpe

import (
	"github.com/tallystick/tallystick/engine/tokenize/countcache"
	"github.com/tallystick/tallystick/engine/tokenize/pipeline"
	"github.com/tallystick/tallystick/engine/tokenize/ucd"
)

// All texts of a group fit in countcache.Texts.
const _ = uint(countcache.MaxTexts - pipeline.GroupBytes)

// Groups makes the worker a pipeline.Grouper, where texts are counted as they
// are or nearly so.
func (w *worker) Groups() bool {
	return w.rules != nil && !w.prefixSpace && (w.nfc || len(w.steps) == 0)
}

// IsNormal tells whether text is normalised.
func (w *worker) IsNormal(text []byte) bool { return !w.nfc || ucd.QuickNFC(text) == len(text) }

// CountGroup is Count of many texts.
func (w *worker) CountGroup(text []byte, spans []pipeline.Span, counts []int) {
	var starts [pipeline.GroupBytes / pipeline.GroupBlock]uint64
	w.scanner.StartJoined(w.rules, text)
	w.texts.Clear()
	for _, s := range spans {
		w.scanner.BitsOf(starts[s.Start/pipeline.GroupBlock:], s.Start, s.Stop)
	}
	// No cut is made beside the spaces that stand before a text.
	w.model.cut(text, 0, starts[:len(text)/pipeline.GroupBlock-1], w.hangul.leads(len(text)))
	for _, s := range spans {
		w.texts.Add(text[s.Start:s.Stop], starts[s.Start/pipeline.GroupBlock:])
	}
	w.cache.CountTexts(&w.texts, w, counts)
}
