package store_test

import (
	"testing"

	"github.com/tallystick/tallystick/engine/store"
	"github.com/tallystick/tallystick/engine/store/storetest"
)

func TestConformance(t *testing.T) {
	for driver, open := range map[string]func(t *testing.T) store.Store{
		"local": func(t *testing.T) store.Store { return store.NewLocal(t.TempDir() + "/made/on/demand") },
		"mem":   func(t *testing.T) store.Store { return store.NewMem() },
		"mem with short reads": func(t *testing.T) store.Store {
			m := store.NewMem()
			m.MaxRead = 3
			return m
		},
	} {
		t.Run(driver, func(t *testing.T) { storetest.Run(t, open) })
	}
}
