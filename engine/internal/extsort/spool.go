package extsort

// Spool keeps records on disk in the order in which they came. They can be read
// again and again, and more be added in between.
type Spool struct{ run *run }

// NewSpool makes a spool in the folder dir.
func NewSpool(dir string) (*Spool, error) {
	r, err := newRun(dir, 0, 1<<14)
	if err != nil {
		return nil, err
	}
	return &Spool{r}, nil
}

// Add appends a record. It keeps neither key nor value.
func (s *Spool) Add(key, value []byte) error {
	if len(key)+len(value) > maxRecord {
		return errTooLong
	}
	return s.run.add(key, value)
}

// Each calls fn for every record; key and value are valid during the call.
func (s *Spool) Each(fn func(key, value []byte) error) error {
	if len(s.run.block) > blockHead {
		if err := s.run.write(); err != nil {
			return err
		}
	}
	c := cursor{run: s.run}
	for {
		ok, err := c.next()
		if !ok || err != nil {
			return err
		}
		if err := fn(c.key, c.value); err != nil {
			return err
		}
	}
}

// Close frees the file.
func (s *Spool) Close() error { return s.run.close() }
