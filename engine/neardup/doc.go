// Package neardup finds documents that repeat an earlier one.
//
// The parts, in the order a corpus passes through them:
//
//   - a Sketcher turns a document's shingles into band keys (sketch.go), as
//     many and as wide as the plan says (params.go);
//   - match: Buckets and ExactGroups gather the documents of one partition
//     that share a key (buckets.go), and NewGraph turns buckets into the
//     bucket list of each document (graph.go);
//   - Resolve walks the documents in priority order and proves or refutes each
//     candidate by their shingle sets, which package shingleset stores and
//     compares (resolve.go, prove.go); where a bucket is hot it finds the
//     candidates by their shingles (prefix.go);
//   - Pairs and ExactPairs list all proven pairs instead, with and without the
//     help of buckets (pairs.go, exactjoin.go).
//
// Documents are numbered by rank, their place in priority order, from 0.
// Scores are fractions of integers everywhere: nothing is decided by an
// estimate or in floating point, and no result depends on the number of
// workers.
package neardup
