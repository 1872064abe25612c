package jsonnet

var (
	Nesting   = nesting
	ParsePath = parsePath
)
