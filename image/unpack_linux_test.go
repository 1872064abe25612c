package image

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/internal/scratch"
)

// unpackInto unpacks headers with generous limits into a directory of the test.
func unpackInto(t *testing.T, raw []byte, limits Limits) (string, *unpacker, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "fs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { scratch.RemoveAll(dir) })
	return unpackTo(dir, raw, limits)
}

func unpackTo(dir string, raw []byte, limits Limits) (string, *unpacker, error) {
	fill(&limits.UnpackedBytes, 1<<30)
	fill(&limits.Entries, 1000)
	left := &budget{}
	left.bytes.give(limits.UnpackedBytes)
	left.entries.give(limits.Entries)
	u, err := unpack(newUncompressed(bytes.NewReader(raw), &left.bytes, limits.UnpackedBytes), dir, os.Geteuid() != 0, left, limits)
	return dir, u, err
}

func TestUnpackForms(t *testing.T) {
	t.Parallel()
	when := time.Unix(1_000_000_000, 5)
	dir, u, err := unpackInto(t, archive(t,
		tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o711},
		tar.Header{Name: "closed", Typeflag: tar.TypeDir, Mode: 0o500, ModTime: when},
		file("closed/inside", "x"),
		tar.Header{Name: "/su", Mode: 0o4755, ModTime: when, PAXRecords: map[string]string{"content": "setuid"}},
		tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "./su"},
		link("absolute", "/etc/passwd"), link("dangling", "../../../nowhere"), link("run", "/etc"),
		tar.Header{Name: "fifo", Typeflag: tar.TypeFifo, Mode: 0o640},
		tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3},
		tar.Header{Name: "smuggled", Typeflag: tar.TypeChar},
		tar.Header{Name: "disk", Typeflag: tar.TypeBlock, Devmajor: 8},
		file("tmp/implied", ""),
		file("usr/.wh.gone", ""), file("usr/.wh..wh.plnk", ""),
		directory("opaque"), file("opaque/.wh..wh..opq", ""),
		file(".wh.filled", ""), file("filled/new", "1"),
		directory("refilled"), file(".wh.refilled", ""),
		file("twice", "first"), file("twice", "second"),
		directory("turned"), file("turned/x", "x"), file("turned", "file now"),
		file("back", "file"), directory("back"), file("back/y", "y"),
		file("longer/"+strings.Repeat("n", 200), "long"),
	), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(filepath.Join(dir, "su")); err != nil || info.Mode() != os.ModeSetuid|0o755 || !info.ModTime().Equal(when) {
		t.Errorf("su: %v %v", info, err)
	} else if info.Sys().(*syscall.Stat_t).Nlink != 2 {
		t.Error("su: is not linked twice")
	}
	for name, mode := range map[string]os.FileMode{
		"": os.ModeDir | 0o711, "closed": os.ModeDir | 0o500, "tmp": os.ModeDir | os.ModeSticky | 0o777,
		"usr": os.ModeDir | 0o755, "fifo": os.ModeNamedPipe | 0o640, "run": os.ModeSymlink | 0o777,
	} {
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v %v, want %v", name, info.Mode(), err, mode)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "closed")); err != nil || !info.ModTime().Equal(when) {
		t.Errorf("closed: %v %v, want the archive's time", info.ModTime(), err)
	}
	for name, target := range map[string]string{"absolute": "/etc/passwd", "dangling": "../../../nowhere", "run": "/etc"} {
		if got, err := os.Readlink(filepath.Join(dir, name)); err != nil || got != target {
			t.Errorf("link %s: %q %v, want %q", name, got, err, target)
		}
	}
	for _, name := range []string{"null", "disk", "smuggled", "usr/.wh.gone", "turned/x", ".wh.filled"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is there", name)
		}
	}
	var stat unix.Stat_t
	if err := unix.Lstat(filepath.Join(dir, "usr/gone"), &stat); err != nil || !isWhiteout(&stat) {
		t.Errorf("usr/gone is no whiteout: %v", err)
	}
	for _, name := range []string{"opaque", "filled", "refilled"} {
		value := make([]byte, 8)
		count, err := unix.Getxattr(filepath.Join(dir, name), u.overlay()+"opaque", value)
		if err != nil || string(value[:count]) != "y" {
			t.Errorf("%s is not opaque: %v", name, err)
		}
	}
	wantFile(t, filepath.Join(dir, "twice"), "second")
	wantFile(t, filepath.Join(dir, "turned"), "file now")
	wantFile(t, filepath.Join(dir, "back/y"), "y")
	if notes := strings.Join(u.notes(), "; "); notes != "1 special whiteouts skipped; 3 device nodes skipped" {
		t.Errorf("notes %q", notes)
	}
}

func TestUnpackOwnersAndAttributes(t *testing.T) {
	t.Parallel()
	needRoot(t)
	capability := "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	dir, u, err := unpackInto(t, archive(t, tar.Header{Name: "ping", Uid: 70000, Gid: 12, Mode: 0o2755, PAXRecords: map[string]string{
		"content": "x", "SCHILY.xattr.user.note": "kept", "SCHILY.xattr.security.capability": capability,
		"SCHILY.xattr.trusted.overlay.redirect": "/etc", "SCHILY.xattr.user.overlay.opaque": "y", "SCHILY.xattr.system.posix_acl_access": "z"}},
		tar.Header{Name: "ln", Typeflag: tar.TypeSymlink, Linkname: "x", Uid: 5, Gid: 6},
		tar.Header{Name: "d", Typeflag: tar.TypeDir, Uid: 7, Gid: 8, Mode: 0o3750, PAXRecords: map[string]string{"SCHILY.xattr.user.note": "kept"}}), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var stat unix.Stat_t
	if err := unix.Lstat(filepath.Join(dir, "ping"), &stat); err != nil || stat.Uid != 70000 || stat.Gid != 12 || stat.Mode&0o7777 != 0o2755 {
		t.Errorf("ping: %d:%d %o %v", stat.Uid, stat.Gid, stat.Mode, err)
	}
	if err := unix.Lstat(filepath.Join(dir, "ln"), &stat); err != nil || stat.Uid != 5 || stat.Gid != 6 {
		t.Errorf("ln: %d:%d %v", stat.Uid, stat.Gid, err)
	}
	if err := unix.Lstat(filepath.Join(dir, "d"), &stat); err != nil || stat.Uid != 7 || stat.Gid != 8 || stat.Mode&0o7777 != 0o3750 {
		t.Errorf("d: %d:%d %o %v", stat.Uid, stat.Gid, stat.Mode, err)
	}
	if _, err := unix.Getxattr(filepath.Join(dir, "d"), "user.note", make([]byte, 8)); err != nil {
		t.Errorf("d: user.note: %v", err)
	}
	names := make([]byte, 1024)
	count, err := unix.Listxattr(filepath.Join(dir, "ping"), names)
	if got := string(names[:max(0, count)]); err != nil || !strings.Contains(got, "security.capability\x00") ||
		!strings.Contains(got, "user.note\x00") || strings.Contains(got, "overlay") || strings.Contains(got, "acl") {
		t.Errorf("extended attributes %q %v", got, err)
	}
	if notes := strings.Join(u.notes(), "; "); notes != "3 extended attributes skipped" {
		t.Errorf("notes %q", notes)
	}
}

// TestUnpackHostile holds that nothing is written outside, and that each refusal says why.
func TestUnpackHostile(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	for name, test := range map[string]struct {
		entries []tar.Header
		want    string
		limits  Limits
	}{
		"dot dot":                 {entries: []tar.Header{file("../evil", "x")}, want: `".."`},
		"dot dot inside":          {entries: []tar.Header{directory("a"), file("a/../../evil", "x")}, want: `".."`},
		"only dot dot":            {entries: []tar.Header{directory("..")}, want: `".."`},
		"through a link":          {entries: []tar.Header{link("a", outside), file("a/passwd", "x")}, want: "symbolic link"},
		"through a relative link": {entries: []tar.Header{directory("b"), link("a", "b"), file("a/passwd", "x")}, want: "symbolic link"},
		"deep through a link":     {entries: []tar.Header{link("d/a", "../../.."), file("d/a/b/c", "x")}, want: "symbolic link"},
		"through a file":          {entries: []tar.Header{file("a", "x"), file("a/b", "x")}, want: "not a directory"},
		"directory over link":     {entries: []tar.Header{link("a", outside), directory("a"), file("a/evil", "x")}},
		"file over link":          {entries: []tar.Header{link("a", outside+"/evil"), file("a", "x")}},
		"whiteout through a link": {entries: []tar.Header{link("a", outside), file("a/.wh.keep", "")}, want: "symbolic link"},
		"opaque through a link":   {entries: []tar.Header{link("a", outside), file("a/.wh..wh..opq", "")}, want: "symbolic link"},
		"whiteout of a link":      {entries: []tar.Header{link("a", outside), file(".wh.a", "")}},
		"whiteout of nothing":     {entries: []tar.Header{file(".wh.", "")}, want: "whiteout of no file"},
		"whiteout of the root":    {entries: []tar.Header{file(".wh..", "")}, want: "whiteout of no file"},
		"whiteout of dot dot":     {entries: []tar.Header{file("a/.wh...", "")}, want: "whiteout of no file"},
		"root is a link":          {entries: []tar.Header{link("./", outside)}, want: "root is no directory"},
		"hard link out":           {entries: []tar.Header{{Name: "a", Typeflag: tar.TypeLink, Linkname: "../../etc/passwd"}}, want: `".."`},
		"hard link absolute":      {entries: []tar.Header{{Name: "a", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}}, want: "not in the same layer"},
		"hard link through link": {entries: []tar.Header{link("l", outside), {Name: "a", Typeflag: tar.TypeLink, Linkname: "l/keep"}},
			want: "symbolic link"},
		"hard link to itself":    {entries: []tar.Header{file("a", "x"), {Name: "a", Typeflag: tar.TypeLink, Linkname: "a"}}, want: "itself"},
		"hard link over target":  {entries: []tar.Header{file("a/b", "x"), {Name: "a", Typeflag: tar.TypeLink, Linkname: "a/b"}}, want: "replace"},
		"hard link to directory": {entries: []tar.Header{directory("d"), {Name: "a", Typeflag: tar.TypeLink, Linkname: "d"}}, want: "directory"},
		"hard link to whiteout": {entries: []tar.Header{file(".wh.w", ""), {Name: "a", Typeflag: tar.TypeLink, Linkname: "w"}},
			want: "not in the same layer"},
		"too many entries": {entries: []tar.Header{file("a", ""), file("b", ""), file("c", "")}, limits: Limits{Entries: 2}, want: "more than the 2 entries"},
		"too many bytes":   {entries: []tar.Header{file("a", strings.Repeat("x", 1<<20))}, limits: Limits{UnpackedBytes: 1 << 16}, want: "more than the 65536 bytes"},
		"too deep":         {entries: []tar.Header{file(strings.Repeat("d/", 300)+"f", "")}, want: "256 deep"},
		"name too long":    {entries: []tar.Header{file(strings.Repeat("n", 300), "")}, want: "file name too long"},
		"path too long":    {entries: []tar.Header{file(strings.Repeat(strings.Repeat("n", 200)+"/", 30)+"f", "")}, want: "allowed are 4095"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, _, err := unpackInto(t, archive(t, test.entries...), test.limits)
			if test.want != "" {
				wantError(t, err, test.want)
			} else if err != nil {
				t.Error(err)
			}
			for _, place := range []string{outside, filepath.Dir(dir)} {
				entries, err := os.ReadDir(place)
				if err != nil {
					t.Fatal(err)
				}
				for _, entry := range entries {
					if entry.Name() != "fs" {
						t.Errorf("%s is outside", filepath.Join(place, entry.Name()))
					}
				}
			}
		})
	}
}

// TestUnpackMemory bounds what is kept in memory until the end.
func TestUnpackMemory(t *testing.T) {
	t.Parallel()
	u := &unpacker{later: map[string]looks{}, laterBytes: maxLater - 200}
	if err := u.remember("a", looks{}); err != nil {
		t.Error(err)
	}
	if err := u.remember("a", looks{}); err != nil {
		t.Errorf("known already: %v", err)
	}
	wantError(t, u.remember("b", looks{}), "too many directories")
}

func TestUnpackTruncated(t *testing.T) {
	t.Parallel()
	raw := archive(t, file("a", strings.Repeat("x", 4096)))
	_, _, err := unpackInto(t, raw[:2048], Limits{})
	wantError(t, err, "unexpected EOF")
}

// TestUnpackSparse counts the holes of a sparse file too: they are small only in the archive.
func TestUnpackSparse(t *testing.T) {
	t.Parallel()
	// A file of 1 GiB that is one hole, in GNU's form 1.0: a map in front of no data.
	var raw bytes.Buffer
	records := "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n28 GNU.sparse.realsize=1GiB\n"
	records = strings.ReplaceAll(records, "28 GNU.sparse.realsize=1GiB", "34 GNU.sparse.realsize=1073741824")
	records += "24 GNU.sparse.name=hole\n"
	write := func(kind byte, name string, content string) {
		header := make([]byte, 512)
		copy(header, name)
		copy(header[100:], "0000644\x000000000\x000000000\x00")
		copy(header[124:], octal(len(content)))
		copy(header[136:], "00000000000\x00")
		header[156] = kind
		copy(header[257:], "ustar\x0000")
		copy(header[148:], "        ")
		sum := 0
		for _, b := range header {
			sum += int(b)
		}
		copy(header[148:], octal(sum)[5:11]+"\x00 ")
		raw.Write(header)
		raw.WriteString(content)
		raw.Write(make([]byte, (512-len(content)%512)%512))
	}
	write('x', "pax", records)
	sparse := "1\n1073741824\n0\n"
	write('0', "hole", sparse+strings.Repeat("\x00", 512-len(sparse)))
	raw.Write(make([]byte, 1024))
	_, _, err := unpackInto(t, raw.Bytes(), Limits{UnpackedBytes: 1 << 20})
	wantError(t, err, "more than the 1048576 bytes")
}

func octal(n int) string {
	digits := "00000000000" + string(rune('\x00'))
	text := []byte(digits)
	for at := 10; n > 0; at-- {
		text[at] = byte('0' + n%8)
		n /= 8
	}
	return string(text)
}

// layered is an image whose upper layers hide things of the lower ones; shown is what an overlay of it holds.
func layered(t *testing.T) (image v1.Image, shown string) {
	t.Helper()
	return imageOf(t,
		layerOf(t, archive(t, file("below", "hidden by the opaque root"))),
		layerOf(t, archive(t, file(".wh..wh..opq", ""), file("gone", "1"), file("kept", "1"), file("dir/old", "1"), file("again/old", "1"))),
		layerOf(t, archive(t, file(".wh.gone", ""), file("dir/.wh..wh..opq", ""), file("dir/new", "2"), file(".wh.again", ""), file("again/new", "2"))),
	), "again again/new dir dir/new kept"
}

// TestOverlay mounts an image's layers as the container runtime does, as root and as an ordinary user: upper layers hide
// what they say they hide.
func TestOverlay(t *testing.T) {
	t.Parallel()
	for name, rootless := range map[string]bool{"root": false, "rootless": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unshare, options := "-m", "ro"
			if rootless {
				unshare, options = "-Urm", "ro,userxattr"
			} else {
				needRoot(t)
			}
			if err := exec.Command("unshare", unshare, "true").Run(); err != nil {
				if os.Getenv("WRIT_TEST_REQUIRE") == "all" {
					t.Fatal(err)
				}
				t.Skipf("SKIPPED: needs unshare %s: %v", unshare, err)
			}
			pushed, want := layered(t)
			server := newServer(t)
			s := openStore(t, func(c *Config) { c.Rootless = rootless }, server.host)
			image := mustPull(t, s, server.push(t, "app", pushed))
			if len(image.Layers) != 2 {
				t.Fatalf("layers %q, want the two from the opaque root on", image.Layers)
			}
			const script = `mount -t overlay -o "$1,lowerdir=$2:$3" overlay "$4" && cd "$4" && find . -mindepth 1 | sort | cut -c3-`
			output, err := exec.Command("unshare", unshare, "sh", "-c", script, "sh", options, image.Layers[1], image.Layers[0], t.TempDir()).CombinedOutput()
			if got := strings.Join(strings.Fields(string(output)), " "); err != nil || got != want {
				t.Errorf("the overlay shows %q (%v), want %q", got, err, want)
			}
		})
	}
}
