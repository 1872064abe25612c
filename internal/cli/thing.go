package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/machine"
)

// The three ways of a thing of this machine.
const (
	checkThing  = "check"
	changeThing = "change"
	removeThing = "remove"
)

// thingLong is what the help of each of these verbs says.
const thingLong = `

check exits 0 where it is so, and else 1 and prints in one line what differs. change makes it so and prints what it
changed: nothing where there was nothing to do. remove takes it away, if it is there, and only as it is described.
Exit status 2: what was asked for makes no sense, or a check could not be made.`

// thingVerb is a verb with check, change and remove. describe registers the flags of one of them, and returns what makes
// the thing of its arguments.
func (a *app) thingVerb(name, short, long, example string, describe func(cmd *cobra.Command, way string) func(path string) (machine.Thing, error)) *cobra.Command {
	verb := &cobra.Command{Use: name, Short: short, Long: long + thingLong, Example: example}
	for way, words := range map[string]string{
		checkThing: "Check whether it is so", changeThing: "Make it so", removeThing: "Take it away",
	} {
		cmd := &cobra.Command{Use: way + " PATH", Short: words, Long: long, Example: example, Args: exactly("PATH")}
		make := describe(cmd, way)
		cmd.RunE = func(cmd *cobra.Command, arguments []string) error {
			if err := noneEmpty(cmd); err != nil {
				return err
			}
			thing, err := make(arguments[0])
			if err != nil || thing == nil {
				return err
			}
			ctx, stop := a.interruptible(cmd.Context())
			defer stop()
			return thingError(ctx, cmd, way, a.handle(ctx, way, arguments[0], thing))
		}
		verb.AddCommand(cmd)
	}
	return verb
}

// noneEmpty refuses flags without a value, which a variable that was not set has made: they would count as not given.
func noneEmpty(cmd *cobra.Command) error {
	for _, name := range []string{"mode", "owner", "group", "to", "from", "checksum", "match"} {
		if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed && flag.Value.String() == "" {
			return usage(cmd, "--%s is empty", name)
		}
	}
	return nil
}

// interruptible ends with the first interrupt.
func (a *app) interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	interrupts := a.interrupts()
	go func() {
		select {
		case <-interrupts:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// stoppable ends with the first interrupt, and asks the script that runs to end; the second kills it.
func (a *app) stoppable(ctx context.Context, o *orders) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	kill, killNow := context.WithCancel(context.Background())
	o.kill = kill
	interrupts := a.interrupts()
	go func() {
		select {
		case <-interrupts:
		case <-kill.Done():
			return
		}
		o.note(cmp.Or(o.stopping, "interrupted: the script that runs is asked to end; another interrupt kills it"))
		cancel()
		select {
		case <-interrupts:
			killNow()
		case <-kill.Done():
		}
	}()
	return ctx, func() { cancel(); killNow() }
}

func (a *app) handle(ctx context.Context, way, path string, thing machine.Thing) error {
	switch way {
	case checkThing:
		differences, err := thing.Check(ctx)
		if err == nil && len(differences) > 0 {
			fmt.Fprintf(a.stdout, "%s: %s\n", machine.Show(path), differences)
			err = exit{status: statusFailed}
		}
		return err
	case changeThing:
		differences, err := thing.Change(ctx)
		if err == nil && len(differences) > 0 {
			fmt.Fprintf(a.stdout, "%s: %s: changed\n", machine.Show(path), differences)
		}
		return err
	}
	removed, err := thing.Remove(ctx)
	if err == nil && removed {
		fmt.Fprintf(a.stdout, "%s: removed\n", machine.Show(path))
	}
	return err
}

// thingError gives an error its exit status: a change that failed is 1, a check that could not be made is 2.
func thingError(ctx context.Context, cmd *cobra.Command, way string, err error) error {
	var own exit
	var wrong *machine.Mistake
	switch {
	case err == nil, errors.As(err, &own):
		return err
	case errors.As(err, &wrong):
		return usage(cmd, "%v", err)
	case ctx.Err() != nil:
		return exit{statusAborted, errors.New("interrupted")}
	case way == checkThing:
		return err
	}
	return exit{statusFailed, err}
}

// attributeFlags registers --mode, --owner and --group.
func attributeFlags(cmd *cobra.Command, attributes *machine.Attributes, mode string) {
	flags := cmd.Flags()
	flags.StringVar(&attributes.Mode, "mode", "", "octal mode (default: as it is; where it is made, "+mode+")")
	flags.StringVar(&attributes.Owner, "owner", "", "owner, a name or a number (default: as it is; where it is made, you)")
	flags.StringVar(&attributes.Group, "group", "", "group, a name or a number (default: as it is; where it is made, yours)")
}
