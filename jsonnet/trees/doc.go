// Package trees has what Writ adds to Jsonnet in Jsonnet itself, parsed: a start, and each evaluation, would take most of a
// millisecond to do so. The texts are native.libsonnet and format.libsonnet.
package trees
