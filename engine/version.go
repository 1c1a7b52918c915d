package engine

// ToolVersion is the version of this program. It names no result: versions of
// rules and formats do.
const ToolVersion = "0.1.0-dev"
