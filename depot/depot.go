// Package depot serves orders to agents that pull them: the files NAME.jwt of one directory, as they are.
//
// Invariants: an ETag is of what a file holds, so that no change is missed and none is made up, however the file was written;
// nothing but such files is served, and what is asked for makes nothing be kept. Who may run an order is not decided here: it
// is signed, and agents verify it. What Front answers is what ServeHTTP would.
//
//	GET NAME.jwt ─▶ the file is as it was? ─▶ its ETag, kept ──▶ is it the one that the agent has? ─▶ 304
//	                 └─ no: read, its ETag ──▶ kept by name             └─ no: 200 with the file
package depot

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/writ-run/writ/api"
)

const (
	suffix   = ".jwt"
	maxOrder = 32 << 20    // what an agent takes
	settled  = time.Second // after which a file that has not changed is known by its times
)

// Depot serves the orders in a directory. It is an http.Handler, of paths below a prefix.
type Depot struct {
	directory string
	prefix    string // of paths, with a slash at its end
	log       *slog.Logger
	now       func() time.Time

	mu    sync.RWMutex
	known map[string]order // by name, of files that were there
}

// order is what is known of a file.
type order struct {
	path  string
	stamp stamp
	etag  []string // one, as header values are
}

// stamp is by what a file is known again.
type stamp struct {
	device, inode    uint64
	size             int64
	modified, change syscall.Timespec
}

// New returns a Depot of a directory, which has to be there, for paths below a prefix like /orders/.
func New(directory, prefix string, log *slog.Logger) (*Depot, error) {
	info, err := os.Stat(directory)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: directory, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, err
	}
	return &Depot{directory: directory, prefix: prefix, log: log, now: time.Now, known: map[string]order{}}, nil
}

// These are shared by all answers.
var (
	noCache = []string{"no-cache"} // it may be kept, and has to be asked for
	jwt     = []string{"application/jwt"}
	noSniff = []string{"nosniff"}
)

// ServeHTTP answers a request for one order. Conditions and ranges hold as RFC 9110 has them.
func (d *Depot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	name, below := strings.CutPrefix(r.URL.Path, d.prefix)
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	if match := r.Header["If-None-Match"]; below && get && len(match) == 1 { // what agents ask for nearly always comes first
		if o := d.order(name); o.etag != nil && o.etag[0] == match[0] && o.unchanged() {
			header["Cache-Control"], header["Etag"] = noCache, o.etag
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if !below || !served(name) {
		refuse(w, http.StatusNotFound, "not_found", "there is nothing at this path")
		return
	}
	if !get {
		header.Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "this path takes GET, HEAD")
		return
	}
	path := filepath.Join(d.directory, name)
	file, o, err := d.open(name, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		refuse(w, http.StatusNotFound, "not_found", "there is no such order")
		return
	case err != nil:
		d.log.Error("an order cannot be served", "file", path, "error", err)
		refuse(w, http.StatusInternalServerError, "server_error", "the order cannot be read")
		return
	}
	defer file.Close()
	header["Cache-Control"], header["Content-Type"], header["Etag"], header["X-Content-Type-Options"] = noCache, jwt, o.etag, noSniff
	http.ServeContent(w, r, "", time.Time{}, file)
}

// served tells whether a name is that of an order: NAME.jwt, of letters, digits and ._-, not hidden.
func served(name string) bool {
	base, is := strings.CutSuffix(name, suffix)
	return is && base != "" && base[0] != '.' && len(name) <= 255 && !strings.ContainsFunc(name, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-')
	})
}

// order is what is known of a file: nothing, where its name is not that of an order.
func (d *Depot) order(name string) order {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.known[name]
}

// unchanged is true for an order whose file is as it was.
func (o order) unchanged() bool {
	var found syscall.Stat_t
	return syscall.Stat(o.path, &found) == nil && stampOf(&found) == o.stamp
}

// open opens a file and says what it is. It is read anew where it is another one than before, or so young that it might change
// without a trace.
func (d *Depot) open(name, path string) (file *os.File, o order, err error) {
	file, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // no waiting for the other end of a pipe
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			d.mu.Lock()
			delete(d.known, name)
			d.mu.Unlock()
		}
		return nil, order{}, err
	}
	if o, err = d.look(name, file); err != nil {
		file.Close()
		return nil, order{}, err
	}
	return file, o, nil
}

func (d *Depot) look(name string, file *os.File) (order, error) {
	info, err := file.Stat()
	switch {
	case err != nil:
		return order{}, err
	case !info.Mode().IsRegular():
		return order{}, errors.New("is no regular file")
	case info.Size() > maxOrder:
		return order{}, errors.New("has more bytes than agents take")
	}
	system, is := info.Sys().(*syscall.Stat_t)
	if !is {
		return order{}, errors.New("cannot be told from others")
	}
	now := stampOf(system)
	if o := d.order(name); o.etag != nil && o.stamp == now {
		return o, nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.LimitReader(file, maxOrder)); err != nil {
		return order{}, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return order{}, err
	}
	o := order{file.Name(), now, []string{`"` + base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:18]) + `"`}}
	// Of a file that has just changed, the clock of its file system may say the same after the next change.
	if d.now().Sub(time.Unix(now.change.Unix())) > settled {
		d.mu.Lock()
		d.known[name] = o
		d.mu.Unlock()
	}
	return o, nil
}

func stampOf(s *syscall.Stat_t) stamp {
	return stamp{uint64(s.Dev), s.Ino, s.Size, s.Mtim, s.Ctim}
}

// refuse answers with an error body.
func refuse(w http.ResponseWriter, status int, code, description string) {
	w.Header()["X-Content-Type-Options"] = noSniff
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	body, err := json.Marshal(api.Error{Code: code, Description: description})
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.WriteHeader(status)
	w.Write(body)
}
