// Package kubernetes tests the manifests of `tallystick cluster kubernetes`
// against the types of Kubernetes itself, in a module of its own: nothing else
// needs them.
package kubernetes
