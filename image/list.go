package image

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxRecords is how many images are listed; more than that are only layers.
const maxRecords = 1000

// A Listed is an image all of whose layers the cache holds.
type Listed struct {
	Name   string    `json:"name"` // repository, or the file that it was loaded from
	Digest string    `json:"digest"`
	Layers int       `json:"layers"`
	Size   int64     `json:"size"` // of its layers on disk, roughly, shared ones included
	Used   time.Time `json:"used"`
	InUse  bool      `json:"in_use"` // any of its layers, in this process or another
}

// An imageRecord is kept for each image, so that it can be listed.
type imageRecord struct {
	Name   string   `json:"name"`
	Digest string   `json:"digest"`
	Layers []string `json:"layers"`
}

func (s *Store) records() string { return filepath.Join(s.layers, "images") }

// note records an image. One without a digest is not kept.
func (s *Store) note(record imageRecord) error {
	if checkDigest(record.Digest) != nil {
		return nil
	}
	raw, err := json.Marshal(record)
	if err != nil {
		return err
	}
	path := filepath.Join(s.records(), strings.TrimPrefix(record.Digest, "sha256:"))
	if err := replaceFile(path, raw); err != nil {
		return err
	}
	now := s.config.Now()
	return os.Chtimes(path, now, now)
}

// replaceFile writes a file that another process may be reading or writing.
func replaceFile(path string, raw []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "new-")
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return os.Rename(file.Name(), path)
}

// Images lists the images that the cache holds, the one used last first.
func (s *Store) Images() ([]Listed, error) {
	layers, err := s.Layers()
	if err != nil {
		return nil, err
	}
	byID := map[string]Layer{}
	for _, layer := range layers {
		byID[layer.DiffID] = layer
	}
	entries, err := os.ReadDir(s.records())
	if err != nil {
		return nil, err
	}
	var images []Listed
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			continue // removed meanwhile
		}
		if listed, complete := s.listed(entry.Name(), byID); complete {
			listed.Used = info.ModTime()
			images = append(images, listed)
		}
	}
	slices.SortFunc(images, func(a, b Listed) int { return b.Used.Compare(a.Used) })
	return images, nil
}

// listed reads one record; false where it is damaged or where a layer of it is gone.
func (s *Store) listed(name string, layers map[string]Layer) (Listed, bool) {
	raw, err := readBounded(filepath.Join(s.records(), name), 1<<20)
	if err != nil {
		return Listed{}, false
	}
	var record imageRecord
	if json.Unmarshal(raw, &record) != nil || record.Digest != "sha256:"+name {
		return Listed{}, false
	}
	listed := Listed{Name: record.Name, Digest: record.Digest, Layers: len(record.Layers)}
	seen := map[string]bool{}
	for _, diffID := range record.Layers {
		layer, found := layers[diffID]
		if !found {
			return Listed{}, false
		}
		listed.InUse = listed.InUse || layer.InUse
		if !seen[diffID] {
			listed.Size = addUp(listed.Size, layer.Size)
		}
		seen[diffID] = true
	}
	return listed, true
}

// trimRecords removes the records of images that are no longer whole, and the oldest ones.
func (s *Store) trimRecords() error {
	images, err := s.Images()
	if err != nil {
		return err
	}
	whole := map[string]bool{}
	for _, image := range images[:min(len(images), maxRecords)] {
		whole[strings.TrimPrefix(image.Digest, "sha256:")] = true
	}
	entries, err := os.ReadDir(s.records())
	if err != nil {
		return err
	}
	var problems []error
	for _, entry := range entries {
		if whole[entry.Name()] || strings.HasPrefix(entry.Name(), "new-") && s.isYoung(entry) {
			continue
		}
		if err := os.Remove(filepath.Join(s.records(), entry.Name())); err != nil && !isMissing(err) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// isYoung reports whether a temporary file may still be somebody's.
func (s *Store) isYoung(entry os.DirEntry) bool {
	info, err := entry.Info()
	return err == nil && time.Since(info.ModTime()) < time.Hour
}
