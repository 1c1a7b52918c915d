package wordpiece

import "github.com/tallystick/tallystick/engine/tokenize/pipeline"

// Groups makes the worker a pipeline.Grouper, where nothing is normalised but
// words.
func (w *worker) Groups() bool { return len(w.steps) == 0 }

// IsNormal tells whether text is normalised.
func (w *worker) IsNormal([]byte) bool { return true }

// CountGroup is Count of many texts.
func (w *worker) CountGroup(text []byte, spans []pipeline.Span, counts []int) {
	w.scan.group(&w.classes, text)
	w.texts.Clear()
	for i, s := range spans {
		counts[i] += w.scan.part(&w.classes, text[s.Start:s.Stop], s.Start)
		w.texts.Add(w.scan.text(), w.scan.starts[:])
	}
	w.cache.CountTexts(&w.texts, w, counts)
}
