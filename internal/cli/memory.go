package cli

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/writ-run/writ/jsonnet"
)

// An order may hold many files. From largeInput on, memory is collected so often that 10 MB of them are built, shown and
// compared in less than 100 MB. Where more than three times spareHeap is in use all the same, that is how much it takes, and
// collecting often would only take time.
const (
	largeInput = 1 << 20
	spareHeap  = 40 << 20
)

// sparing collects more often where an input is large, unless the environment says how often (GOMEMLIMIT).
func sparing(size int) {
	if size < largeInput || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(spareHeap)
	watchHeap(new([16]byte))
}

// watchHeap is called with something that nobody uses, which is collected with the rest: then it looks, and does it again.
func watchHeap(unused *[16]byte) {
	runtime.SetFinalizer(unused, func(again *[16]byte) {
		var now runtime.MemStats
		if runtime.ReadMemStats(&now); now.HeapAlloc > 3*spareHeap {
			debug.SetMemoryLimit(math.MaxInt64)
			return
		}
		watchHeap(again)
	})
}

// sparingFiles is an importer that counts what it finds.
func sparingFiles(next jsonnet.Importer) jsonnet.Importer {
	size, known := 0, false
	return func(from, path string) (string, []byte, error) {
		found, text, err := next(from, path)
		if size += len(text); size >= largeInput && !known {
			known = true
			sparing(size)
		}
		return found, text, err
	}
}
