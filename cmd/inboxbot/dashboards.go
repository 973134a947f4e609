package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// dashboardFiles is what people who run Prometheus and Grafana need.
//
//go:embed dashboards
var dashboardFiles embed.FS

const (
	dashboardFile = "inboxbot-dashboard.json"
	alertsFile    = "inboxbot-alerts.yaml"
)

type dashboardsCmd struct {
	Dir   string `help:"Directory to write to; it is made when it is not there." default:"." placeholder:"DIR"`
	Force bool   `help:"Overwrite files that were changed."`
}

// Run writes a Grafana dashboard and Prometheus alert rules. A file that is there
// and differs stays as it is, and nothing is written, unless Force.
func (c *dashboardsCmd) Run(p *process) error {
	var changed []error
	files := map[string][]byte{}
	for _, name := range []string{dashboardFile, alertsFile} {
		ours, err := dashboardFiles.ReadFile("dashboards/" + name)
		if err != nil {
			return err // unreachable: it is part of the binary
		}
		path := filepath.Join(c.Dir, name)
		theirs, err := os.ReadFile(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return fmt.Errorf("look at what is there: %w", err)
		case !bytes.Equal(theirs, ours) && !c.Force:
			changed = append(changed, fmt.Errorf("%s is there and differs from what this version writes: move it away, or overwrite it with --force", path))
		}
		files[path] = ours
	}
	if len(changed) > 0 {
		return errors.Join(changed...)
	}
	return c.write(p, files)
}

func (c *dashboardsCmd) write(p *process, files map[string][]byte) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	dashboard, alerts := filepath.Join(c.Dir, dashboardFile), filepath.Join(c.Dir, alertsFile)
	for _, path := range []string{dashboard, alerts} {
		if err := os.WriteFile(path, files[path], 0o644); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	_, err := fmt.Fprintf(p.stdout, `wrote %[1]s
wrote %[2]s

Next:
1. Let Prometheus reach the bot: BOT_HTTP_ADDR=:8080 listens for other machines too,
   in a network that only they are in. In prometheus.yml:

     scrape_configs:
       - job_name: inboxbot
         static_configs: [{targets: ["BOT-HOST:8080"]}]
     rule_files: [%[3]s]

2. Reload Prometheus. Before that: promtool check rules %[2]s
3. Grafana: Dashboards, New, Import, upload %[1]s.
`, dashboard, alerts, alertsFile)
	return err
}
