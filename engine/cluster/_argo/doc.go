// Package argo tests the workflows of engine/cluster with the schema that Argo
// Workflows publishes, which is why it is a module of its own.
package argo

// The schema is in the same module; of its packages this one needs no other.
import _ "github.com/argoproj/argo-workflows/v3/errors"
