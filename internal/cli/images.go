package cli

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/image"
)

func (a *app) imagesVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "images", Short: "List and remove cached container images", Example: "  writ images list"}
	cmd.AddCommand(a.imagesListVerb(), a.imagesPruneVerb())
	return cmd
}

func (a *app) imagesListVerb() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the images in the cache",
		Long: `List the images whose layers are all in the cache, the one used last first. The size counts layers that
images share for each of them.`,
		Example: "  writ images list",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := a.imageStore(cmd, dir)
			if err != nil {
				return err
			}
			images, err := store.Images()
			if err != nil {
				return err
			}
			if asJSON {
				if images == nil {
					images = []image.Listed{}
				}
				return json.NewEncoder(a.stdout).Encode(images)
			}
			table := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(table, "IMAGE\tDIGEST\tLAYERS\tSIZE\tUSED\tIN USE")
			for _, i := range images {
				inUse := "no"
				if i.InUse {
					inUse = "yes"
				}
				fmt.Fprintf(table, "%s\t%.19s\t%d\t%s\t%s\t%s\n", i.Name, i.Digest, i.Layers, byteText(i.Size),
					i.Used.UTC().Format("2006-01-02 15:04:05Z"), inUse)
			}
			return table.Flush()
		},
	}
	imagesFlag(cmd, &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) imagesPruneVerb() *cobra.Command {
	var dir string
	var all bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove cached layers that no run uses",
		Long: `Remove layers that no run uses: with --all every one of them, without it those used longest ago, until the
cache holds no more than container.imageCacheBytes (20 GiB). A layer in use stays.`,
		Example: "  writ images prune --all",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := a.imageStore(cmd, dir)
			if err != nil {
				return err
			}
			freed, err := store.Prune(cmd.Context(), all)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "freed %s\n", byteText(freed))
			return err
		},
	}
	imagesFlag(cmd, &dir)
	cmd.Flags().BoolVar(&all, "all", false, "every layer that is not in use")
	return cmd
}

func imagesFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "", "directory of the cache (default: container.imageCache)")
}

// imageStore opens the cache that the configuration or --dir names.
func (a *app) imageStore(cmd *cobra.Command, dir string) (*image.Store, error) {
	loaded, err := a.loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	if dir != "" {
		loaded.Container.ImageCache = dir
	}
	return openStore(loaded.Container, nil)
}

// byteText is a size for people: 12.3 MiB.
func byteText(size int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if size < 1<<10 {
		return fmt.Sprintf("%d B", size)
	}
	value, unit := float64(size)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}
