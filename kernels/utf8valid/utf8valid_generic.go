package utf8valid

import "unicode/utf8"

func validGeneric(b []byte) bool { return utf8.Valid(b) }
