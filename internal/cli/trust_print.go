package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/trust"
)

// printTrust prints a plan and what came of it, in the format that was asked for.
func (a *app) printTrust(f trustFlags, plan *trust.Plan, sample trust.Sample, report token.Report, others []trust.Other) error {
	about := a.stderr
	switch f.format {
	case "json":
		encoder := json.NewEncoder(a.stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			Party     string         `json:"party"`
			Audience  string         `json:"audience"`
			Scope     string         `json:"subject_scope"`
			Commands  string         `json:"commands"`
			Terraform string         `json:"terraform,omitempty"`
			Job       string         `json:"job"`
			Notes     []string       `json:"notes"`
			Algorithm string         `json:"algorithm"`
			Claims    map[string]any `json:"claims"`
			Accepted  bool           `json:"accepted"`
			Checks    token.Report   `json:"checks"`
			Others    []trust.Other  `json:"others,omitempty"`
		}{
			f.party.Name(), plan.Audience, string(plan.Scope), plan.Commands, plan.Terraform, plan.Job, plan.Notes,
			sample.Algorithm, sample.Claims, len(report.Failed()) == 0, report, others,
		})
	case "commands":
		if _, err := io.WriteString(a.stdout, plan.Commands); err != nil {
			return err
		}
	case "terraform":
		if _, err := io.WriteString(a.stdout, plan.Terraform); err != nil {
			return err
		}
	default:
		about = a.stdout
		for _, part := range []struct{ title, text string }{
			{"Commands", plan.Commands}, {"Terraform, in their place", plan.Terraform}, {"The job", plan.Job},
		} {
			if part.text == "" {
				continue
			}
			if _, err := fmt.Fprintf(a.stdout, "## %s\n\n%s\n", part.title, part.text); err != nil {
				return err
			}
		}
	}
	return printSimulation(about, f.party.Name(), plan, sample, report, others)
}

// printSimulation prints the notes, the checks, and who else gets in.
func printSimulation(w io.Writer, party string, plan *trust.Plan, sample trust.Sample, report token.Report, others []trust.Other) error {
	var out strings.Builder
	fmt.Fprintf(&out, "## What %s would do with a token of %s\n\n", party, safe(fmt.Sprint(sample.Claims["sub"])))
	if err := printChecks(&out, report); err != nil {
		return err
	}
	if len(others) > 0 {
		out.WriteString("\n## Who else gets in\n\n")
		table := tabwriter.NewWriter(&out, 0, 4, 2, ' ', 0)
		for _, other := range others {
			mark := "out"
			if other.Admitted {
				mark = "in"
				switch {
				case !other.Meant:
					mark = "HOLE"
				case other.Wide:
					mark = "WIDE"
				}
			}
			fmt.Fprintf(table, "%s\t%s\n", mark, safe(other.Who))
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	if len(plan.Notes) > 0 {
		out.WriteString("\n## To know\n\n")
		for _, note := range plan.Notes {
			fmt.Fprintf(&out, "- %s\n", safe(note))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}
