package tokenize

// AppendReplaced is for tests.
var AppendReplaced = appendReplaced
