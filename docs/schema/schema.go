// Package schema holds the JSON Schemas (draft 2020-12) of the JSON files of a
// run (plan, estimate, tally, rejects, alarms, audit, manifest, timings, records of
// tasks), of the statement of a payment, and of what count, sweep, explain and status
// print. For a .jsonl file the schema is that of one line.
package schema

import "embed"

// Files are the schemas, named NAME.schema.json.
//
//go:embed *.schema.json
var Files embed.FS
