package jsonnet

// growStack gives the calling goroutine's stack 512 KiB at once. The parser takes 47 KB for each level of brackets: a stack that
// grows with it is copied six times on the way down through the smallest text, which is a seventh of what a start of `writ build`
// takes. Of the room, only what is used becomes memory; a stack that is large enough already is left alone.
func growStack() { useStack(0) }

// stackPart is a third of the room: larger ones would be put on the heap.
type stackPart [120 << 10]byte

// useStack needs a stack with room for its variables, when it is called, although it does not use them.
//
//go:noinline
func useStack(n int) byte {
	if n == 0 {
		return 0
	}
	var a, b, c stackPart
	touch(&a, &b, &c, n)
	return a[n] + b[n] + c[n]
}

//go:noinline
func touch(a, b, c *stackPart, n int) { a[n], b[n], c[n] = 1, 1, 1 }
