package folder

// ParsePlan is what LoadPlan does with what it has read.
var ParsePlan = parsePlan
