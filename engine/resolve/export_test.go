package resolve

// DoIn is Do in a room of so many bytes.
var DoIn = resolveIn
