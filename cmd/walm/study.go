package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"walm/studies"
	"walm/studies/study"
)

func newStudy() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "study",
		Short: "Publications on live migration, reproduced claim by claim",
		Long: `A study is a publication, experiments that put its claims to the test, and what they found. walm carries the results
that it was made with; study run makes them anew on this machine.`,
	})
	cmd.AddCommand(newStudyList(), newStudyRun(), newStudyReport())
	return cmd
}

// aStudy finds a study by its name.
func aStudy(cmd *cobra.Command, name string) (study.Study, error) {
	var names []string
	for _, s := range studies.All() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return study.Study{}, seeHelp(cmd, fmt.Errorf("unknown study %q: one of %s", name, strings.Join(names, ", ")))
}

func newStudyList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the studies with their claims by verdict",
		Example: "  walm study list",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			head := "STUDY"
			for _, v := range study.Verdicts() {
				head += "\t" + strings.ToUpper(string(v))
			}
			fmt.Fprintln(w, head+"\tMIGRATIONS\tTOOK\tPUBLICATION")
			for _, s := range studies.All() {
				d, err := s.Committed()
				if err != nil {
					return err
				}
				planned, err := s.Planned()
				if err != nil {
					return err
				}
				fmt.Fprint(w, s.Name)
				count := study.Count(s.Answers(d))
				for _, v := range study.Verdicts() {
					fmt.Fprintf(w, "\t%d", count[v])
				}
				done, took := d.Spent()
				fmt.Fprintf(w, "\t%d of %d\t%v\t%s\n", done, planned, took.Round(time.Minute), s.Title)
			}
			return w.Flush()
		},
	}
}

func newStudyReport() *cobra.Command {
	var from, html, output string
	cmd := &cobra.Command{
		Use:   "report STUDY",
		Short: "Say of each claim of a study whether it holds",
		Long: `report holds each claim of a publication against what its experiments found: the results that walm carries, or those of
a study run here. A claim whose experiment has no results is not answered.`,
		Example: `  walm study report icclab
  walm study report icclab --html icclab.html
  walm study report icclab --results ./icclab -o json`,
		Args: one("a study's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := aStudy(cmd, args[0])
			if err != nil {
				return err
			}
			d, err := s.Committed()
			if from != "" {
				if _, err := os.Stat(from); err != nil {
					return fmt.Errorf("read results: %w", err)
				}
				d, err = s.Load(os.DirFS(from))
			}
			if err != nil {
				return err
			}
			if html != "" {
				page, err := study.Report(s, d)
				if err != nil {
					return err
				}
				if err := os.WriteFile(html, page.HTML, 0o666); err != nil {
					return fmt.Errorf("write the report: %w", err)
				}
			}
			if output == "json" {
				return studyJSON(cmd.OutOrStdout(), s, d)
			}
			return studyText(cmd.OutOrStdout(), s, d)
		},
	}
	cmd.Flags().StringVar(&from, "results", "", "folder of results in place of those that walm carries")
	cmd.Flags().StringVar(&html, "html", "", "write the study's page, with figures, to this file")
	parsed(cmd.Flags(), &output, "output,o", "FORMAT", "text", "text or json", oneOf("text", "json"))
	return cmd
}

func studyText(w io.Writer, s study.Study, d study.Data) error {
	answers := s.Answers(d)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n", s.Title, s.Source)
	for _, a := range answers {
		fmt.Fprintf(&b, "%s: %s\n  %s\n  published: %s\n  ours:      %s\n  because:   %s\n\n", a.ID, a.Finding.Verdict, a.Text, a.Published,
			a.Ours, a.Evidence)
	}
	fmt.Fprintln(&b, study.Tally(answers))
	_, err := io.WriteString(w, b.String())
	return err
}

// studyJSON writes the claims as {"walm":1,"study":…,"claims":[…]}.
func studyJSON(w io.Writer, s study.Study, d study.Data) error {
	type claim struct {
		ID        string        `json:"id"`
		Text      string        `json:"text"`
		Published string        `json:"published"`
		Ours      string        `json:"ours"`
		Verdict   study.Verdict `json:"verdict"`
		Evidence  string        `json:"evidence"`
	}
	out := struct {
		Walm   int     `json:"walm"`
		Study  string  `json:"study"`
		Title  string  `json:"title"`
		Source string  `json:"source"`
		Claims []claim `json:"claims"`
	}{Walm: 1, Study: s.Name, Title: s.Title, Source: s.Source}
	for _, a := range s.Answers(d) {
		out.Claims = append(out.Claims, claim{a.ID, a.Text, a.Published, a.Ours, a.Finding.Verdict, a.Evidence})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
