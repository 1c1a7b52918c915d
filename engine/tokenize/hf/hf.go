// Package hf counts tokens with Hugging Face's own tokenizers library, version
// 0.22.2, through the binding github.com/daulet/tokenizers. It knows every
// tokenizer.json that the library knows and is the reference that the native
// engine is held to; it is also hundreds of times slower than what the rest of
// tallystick is built for.
//
// The Rust library behind it is linked only under the build tag hf, after
// `make hf` has built it; without the tag New returns an error that says so.
//
// Three things are done differently from the binding's own calls:
//
//   - Text is passed with its length. The binding passes a C string and so does
//     not count what follows the first NUL, which is a legal character.
//   - Truncation and padding in the file are switched off: they would cap or
//     round up the count.
//   - Text is copied before C sees it. It may lie in a memory map of a file
//     that shrinks; Go code can recover from that fault, C code cannot.
package hf
