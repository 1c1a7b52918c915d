package pipeline

// checkPostProcessor refuses a post_processor that leaves out the tokens of the
// text or repeats them. A template can, which is applied without special tokens
// too (processors/template.rs); the others add special tokens only.
func checkPostProcessor(o Object) error {
	if o == nil {
		return nil
	}
	var kind string
	if err := o.Decode("type", &kind); err != nil {
		return err
	}
	switch kind {
	case "Sequence":
		var processors []Object
		if err := o.Require("processors", &processors); err != nil {
			return err
		}
		for _, p := range processors {
			if err := checkPostProcessor(p); err != nil {
				return err
			}
		}
	case "TemplateProcessing":
		var pieces []Object
		if err := o.Require("single", &pieces); err != nil {
			return err
		}
		return checkTemplate(pieces)
	}
	return nil
}

// checkTemplate refuses all but a template with the text in one place.
func checkTemplate(pieces []Object) error {
	times := 0
	for _, piece := range pieces {
		var sequence Object
		var id string
		if err := piece.Decode("Sequence", &sequence); err != nil {
			return err
		}
		if sequence == nil {
			continue
		}
		if err := sequence.Require("id", &id); err != nil {
			return err
		}
		if id != "A" {
			return Unsupported("a template for one text with %q", id)
		}
		times++
	}
	if times != 1 {
		return Unsupported("a template with the text %d times", times)
	}
	return nil
}
