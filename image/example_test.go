package image_test

import (
	"context"
	"fmt"

	"github.com/writ-run/writ/image"
)

// A run pins its image once, and holds its layers until it ends.
func Example() {
	run := func(ctx context.Context) error {
		store, err := image.Open(image.Config{Dir: "/var/cache/writ/images"})
		if err != nil {
			return err
		}
		pinned, err := store.Resolve(ctx, image.Source{Repository: "registry.example/team/app", Tag: "v2"})
		if err != nil {
			return err
		}
		pulled, err := store.Pull(ctx, pinned)
		if err != nil {
			return err
		}
		defer pulled.Close()
		uid, gid, _, home, err := pulled.LookupUser(pulled.User)
		if err != nil {
			return err
		}
		fmt.Println(pinned, pulled.Layers, uid, gid, home)
		return nil
	}
	_ = run
}
