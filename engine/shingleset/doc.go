// Package shingleset stores the shingle sets of documents and tells how much two of
// them have in common.
//
// A shingle set is the distinct shingle hashes of a document, ascending: 8 bytes for
// about every word of it. Who proves that one document repeats another needs the whole
// sets of both, and those of a corpus are more than memory holds. They are stored by
//
//   - a Writer, which takes the sets of numbered documents: in memory while there is
//     room, many of them as their few edits of another one (writer.go, edits.go), what
//     comes later in a file;
//   - or a File, which takes sets that are wanted later, some of them at a time (file.go).
//
// What comes back from either is Stored: the sets by document, through the interface
// Sets (sets.go, stored.go). Two of them are compared in three ways, the cheapest first:
//
//   - ParityDistance bounds what two sets can have in common by small bitmaps of them,
//     which are always in memory (parity.go);
//   - Sets.Overlap knows it exactly of two sets that are kept as edits of the same one,
//     from the edits alone (edits.go);
//   - OverlapAtLeast merges two sets that were loaded (overlap.go).
//
// The first is a bound that is never wrong, the others are exact. The files are scratch
// memory of one process: nothing else ever reads them.
package shingleset
