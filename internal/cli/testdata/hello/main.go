// Command hello is the floor of a start: a Go program that prints a line.
package main

import "fmt"

func main() { fmt.Println("hello") }
