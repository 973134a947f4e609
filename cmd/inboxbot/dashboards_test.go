package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// dashboard is what the tests read of Grafana's JSON.
type dashboard struct {
	Title         string
	SchemaVersion int
	Panels        []panel
	Annotations   struct {
		List []struct {
			Name, Expr string
			Datasource datasource
		}
	}
	Templating struct {
		List []struct {
			Name, Type string
			Query      any
			Definition string
			Datasource datasource
		}
	}
}

type datasource struct{ Type, UID string }

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int }
	Datasource               datasource
	Targets                  []target
	FieldConfig              struct{ Defaults struct{ Unit string } }
}

type target struct {
	RefID, Expr, LegendFormat, Format string
	Datasource                        datasource
}

func shippedDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := dashboardFiles.ReadFile("dashboards/" + dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// rule is one alert of the rule file.
type rule struct {
	Alert, Expr         string
	For                 string
	Labels, Annotations map[string]string
}

func shippedRules(t *testing.T) []rule {
	t.Helper()
	text, err := dashboardFiles.ReadFile("dashboards/" + alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Groups) != 1 {
		t.Fatalf("%d groups, want 1", len(file.Groups))
	}
	return file.Groups[0].Rules
}

func TestDashboardIsWellFormed(t *testing.T) {
	d := shippedDashboard(t)
	if d.SchemaVersion < 39 || d.Title != "inboxbot" {
		t.Errorf("%q has the schema %d", d.Title, d.SchemaVersion)
	}
	ours := datasource{"prometheus", "${datasource}"}
	ids := map[int]string{}
	taken := map[[2]int]string{} // x, y
	for _, p := range d.Panels {
		if p.Title == "" || ids[p.ID] != "" || p.ID <= 0 {
			t.Errorf("panel %q has the number %d, as has %q", p.Title, p.ID, ids[p.ID])
		}
		ids[p.ID] = p.Title
		g := p.GridPos
		if g.W <= 0 || g.H <= 0 || g.X < 0 || g.Y < 0 || g.X+g.W > 24 {
			t.Errorf("panel %q is outside of the grid: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("panel %q stands on %q at %d, %d", p.Title, other, x, y)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || p.Datasource != ours {
			t.Errorf("panel %q lacks a description, a unit, a query or the datasource: %+v", p.Title, p)
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if target.RefID == "" || refs[target.RefID] || target.Expr == "" || target.Datasource != ours {
				t.Errorf("panel %q has a query without its own refId, or elsewhere: %+v", p.Title, target)
			}
			refs[target.RefID] = true
			if !strings.Contains(target.Expr, `{job=~"$job",instance=~"$instance"`) {
				t.Errorf("panel %q does not follow the choice of job and process: %s", p.Title, target.Expr)
			}
		}
	}
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name+" "+v.Type)
		if v.Type == "query" && v.Datasource != ours {
			t.Errorf("variable %s asks elsewhere: %+v", v.Name, v.Datasource)
		}
	}
	if got := strings.Join(names, ", "); got != "datasource datasource, job query, instance query" {
		t.Errorf("the variables are %s", got)
	}
}

func TestAlertRulesSayWhatToDo(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range shippedRules(t) {
		if seen[r.Alert] || !strings.HasPrefix(r.Alert, "Inboxbot") {
			t.Errorf("%s is there twice or has a name of somebody else's", r.Alert)
		}
		seen[r.Alert] = true
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
			t.Errorf("%s has the severity %q", r.Alert, r.Labels["severity"])
		}
		if r.Annotations["summary"] == "" || len(r.Annotations["description"]) < 40 {
			t.Errorf("%s does not say what is wrong and what to do", r.Alert)
		}
	}
}

// query is a PromQL expression and what shows its result.
type query struct {
	where, expr string
	shown       []string // labels that a legend or an annotation names
}

func shippedQueries(t *testing.T) []query {
	t.Helper()
	var all []query
	d := shippedDashboard(t)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, query{"panel " + p.Title, target.Expr, groups(legendLabel, target.LegendFormat)})
		}
	}
	for _, v := range d.Templating.List {
		all = append(all, query{"variable " + v.Name, v.Definition, nil})
	}
	for _, a := range d.Annotations.List {
		all = append(all, query{"annotation " + a.Name, a.Expr, nil})
	}
	for _, r := range shippedRules(t) {
		text := r.Annotations["summary"] + r.Annotations["description"]
		all = append(all, query{"alert " + r.Alert, r.Expr, groups(annotationLabel, text)})
	}
	return all
}

var (
	legendLabel     = regexp.MustCompile(`\{\{(\w+)\}\}`)
	annotationLabel = regexp.MustCompile(`\$labels\.(\w+)`)
	selector        = regexp.MustCompile(`\b((?:inboxbot|go|process)_[a-z_]+)\b(?:\{([^}]*)\})?`)
	matcher         = regexp.MustCompile(`(\w+)(=~|!~|!=|=)"([^"]*)"`)
	grouping        = regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`)
	sampleLine      = regexp.MustCompile(`^([a-zA-Z_:]\w*)(?:\{(.*)\})? \S+$`)
	sampleLabel     = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

func groups(re *regexp.Regexp, text string) []string {
	var all []string
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// exposed are the metrics of a scrape: their labels and the values these have.
type exposed map[string]map[string]map[string]bool

func readMetrics(t *testing.T, text string) exposed {
	t.Helper()
	all := exposed{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("this is no metric: %s", line)
		}
		if all[m[1]] == nil { // Prometheus adds the first two
			all[m[1]] = map[string]map[string]bool{"job": {}, "instance": {}}
		}
		for _, l := range sampleLabel.FindAllStringSubmatch(m[2], -1) {
			if all[m[1]][l[1]] == nil {
				all[m[1]][l[1]] = map[string]bool{}
			}
			all[m[1]][l[1]][l[2]] = true
		}
	}
	return all
}

// rare are label values that a bot which is well does not tell of.
var rare = map[string]bool{`inboxbot_api_requests_total{status="429"}`: true}

// asks checks that everything a query names is among the metrics.
func (e exposed) asks(t *testing.T, q query) {
	t.Helper()
	known := map[string]bool{}
	found := selector.FindAllStringSubmatch(q.expr, -1)
	if len(found) == 0 && !strings.HasPrefix(q.where, "variable datasource") && q.expr != "" {
		t.Errorf("%s asks for nothing of the bot's: %s", q.where, q.expr)
	}
	for _, s := range found {
		labels, ok := e[s[1]]
		if !ok {
			t.Errorf("%s asks for %s, which the bot does not tell", q.where, s[1])
			continue
		}
		for label := range labels {
			known[label] = true
		}
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			values, ok := labels[m[1]]
			if !ok {
				t.Errorf("%s asks for the label %s, which %s has not", q.where, m[1], s[1])
			} else if m[2] == "=" && !values[m[3]] && !rare[fmt.Sprintf("%s{%s=%q}", s[1], m[1], m[3])] {
				t.Errorf("%s asks for %s of %s to be %q, which it never is", q.where, m[1], s[1], m[3])
			}
		}
	}
	kept := q.shown
	for _, by := range groups(grouping, q.expr) {
		for label := range strings.SplitSeq(by, ",") {
			kept = append(kept, strings.TrimSpace(label))
		}
	}
	for _, label := range kept {
		if !known[label] {
			t.Errorf("%s groups by or shows %s, which is no label of what it asks for", q.where, label)
		}
	}
	if by := groups(grouping, q.expr); len(by) > 0 {
		for _, label := range q.shown {
			if !slices.ContainsFunc(by, func(g string) bool { return slices.Contains(strings.Split(g, ", "), label) }) {
				t.Errorf("%s shows %s, which its query does not keep", q.where, label)
			}
		}
	}
}

// startDemo runs the demo until the test ends and returns its address.
func startDemo(t *testing.T) (addr string) {
	t.Helper()
	addr = freeAddr(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"demo"}, []string{"BOT_HTTP_ADDR=" + addr}, io.Discard, t.Output())
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != exitDone {
			t.Errorf("the demo ended with %d", code)
		}
	})
	return addr
}

// scrape asks for /metrics until they hold what is wanted.
func scrape(t *testing.T, addr, want string) string {
	t.Helper()
	var last string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		status, text, err := fetched(t.Context(), "http://"+addr+"/metrics")
		if err == nil && status == http.StatusOK && strings.Contains(text, want) {
			return text
		}
		last = fmt.Sprintf("%d, %v\n%s", status, err, text)
	}
	t.Fatalf("nothing has %q within %s: %s", want, patience, last)
	return ""
}

func TestDashboardsAskForWhatTheBotTells(t *testing.T) {
	t.Parallel()
	addr := startDemo(t)
	scrapes := []string{
		scrape(t, addr, `inboxbot_handled_total{guard="default",mode="live",outcome="reply"}`),
		scrape(t, addr, `inboxbot_handled_total{guard="vip",mode="live",outcome="handoff"}`),
	}
	t.Run("queries", func(t *testing.T) {
		metrics := readMetrics(t, scrapes[1])
		for _, q := range shippedQueries(t) {
			metrics.asks(t, q)
		}
	})
	t.Run("names", func(t *testing.T) {
		for _, text := range scrapes {
			if out, err := promtool(t, text, "check", "metrics"); err != nil || out != "" {
				t.Errorf("promtool check metrics: %v\n%s", err, out)
			}
		}
	})
}

// promtool runs Prometheus's own tool, or skips the test by its name.
func promtool(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed; Debian has it in the package prometheus")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

// Grafana's variables as Prometheus would get them.
var substituted = strings.NewReplacer("$__range", "6h", "$__rate_interval", "1m", "$job", ".*", "$instance", ".*")

func TestDashboardQueriesParse(t *testing.T) {
	type record struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var all []record
	for i, q := range shippedQueries(t) {
		if strings.HasPrefix(q.where, "panel") {
			all = append(all, record{fmt.Sprintf("panel:query:%d", i), substituted.Replace(q.expr)})
		}
	}
	text, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": all}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "panels.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := promtool(t, "", "check", "rules", path); err != nil || len(all) < 40 {
		t.Errorf("promtool check rules with %d queries of the dashboard: %v\n%s", len(all), err, out)
	}
}

// well is what two processes tell that are well, with nothing else going on. A
// value is promtool's: the first, and how much is added every minute.
var well = map[string]string{
	`inboxbot_ready`:                                "1",
	`inboxbot_paused`:                               "0",
	`inboxbot_oldest_unanswered_seconds`:            "40",
	`inboxbot_answer_slo_seconds`:                   "900",
	`inboxbot_last_sweep_timestamp_seconds`:         "0+60",
	`inboxbot_token_refused`:                        "0",
	`inboxbot_redis_away`:                           "0",
	`inboxbot_model_down_seconds`:                   "0",
	`inboxbot_accounts_offline`:                     "0",
	`inboxbot_generation_refused`:                   "0",
	`inboxbot_generation_info{hash="g1"}`:           "1",
	`inboxbot_sends_in_doubt_total`:                 "0",
	`inboxbot_sends_unresolved`:                     "0",
	`inboxbot_handoffs_untagged_total`:              "0",
	`inboxbot_foreign_replies_total`:                "0",
	`inboxbot_handled_total{guard="loop"}`:          "0",
	`inboxbot_handled_total{guard="default"}`:       "0+3",
	`inboxbot_budget_used_ratio{kind="tokens"}`:     "0.5",
	`inboxbot_budget_used_ratio{kind="usd"}`:        "0",
	`inboxbot_api_requests_total{status="200"}`:     "0+20",
	`inboxbot_api_requests_total{status="429"}`:     "0",
	`inboxbot_alerts_total{result="failed"}`:        "0",
	`inboxbot_heartbeats_total{result="failed"}`:    "0",
	`inboxbot_unanswered_threads`:                   "2",
	`inboxbot_drafts_waiting`:                       "2",
	`inboxbot_oldest_draft_seconds`:                 "60",
	`inboxbot_alerts_total{result="sent"}`:          "0",
	`inboxbot_heartbeats_total{result="sent"}`:      "0+1",
	`inboxbot_drafts_overtaken_total`:               "0+1",
	`inboxbot_api_remaining`:                        "280",
	`inboxbot_model_calls_total{result="ok"}`:       "0+3",
	`inboxbot_trouble_total{part="redis"}`:          "0",
	`inboxbot_generation_loaded_timestamp_seconds`:  "0",
	`inboxbot_model_calls_total{result="unusable"}`: "0",
}

func TestAlertRules(t *testing.T) {
	t.Parallel()
	type values = map[string]string
	rows := []struct {
		name   string
		change values        // of the first of the two processes; "" takes a series away, from both
		at     time.Duration // when it is looked
		want   string        // the alerts that fire then
	}{
		{"all is well for a day", nil, 25 * time.Hour, ""},
		{"no process, not for long", values{"inboxbot_ready": ""}, 4 * time.Minute, ""},
		{"no process", values{"inboxbot_ready": ""}, 6 * time.Minute, "InboxbotGone"},
		{"not ready, not for long", values{"inboxbot_ready": "0"}, 4 * time.Minute, ""},
		{"not ready", values{"inboxbot_ready": "0"}, 6 * time.Minute, "InboxbotNotReady"},
		{"not ready because it is paused", values{"inboxbot_ready": "0", "inboxbot_paused": "1"}, time.Hour, ""},
		{"paused for half a day", values{"inboxbot_ready": "0", "inboxbot_paused": "1"}, 13 * time.Hour, "InboxbotPaused"},
		{"somebody waits, not too long", values{"inboxbot_oldest_unanswered_seconds": "899"}, time.Hour, ""},
		{"somebody waits too long", values{"inboxbot_oldest_unanswered_seconds": "901"}, 5 * time.Minute, "InboxbotOldestUnanswered"},
		{"the SLO is longer here", values{"inboxbot_oldest_unanswered_seconds": "901", "inboxbot_answer_slo_seconds": "3600"}, time.Hour, ""},
		{"a draft waits, not too long", values{"inboxbot_drafts_waiting": "1", "inboxbot_oldest_draft_seconds": "899"}, time.Hour, ""},
		{"a draft waits too long", values{"inboxbot_drafts_waiting": "1", "inboxbot_oldest_draft_seconds": "901"}, 5 * time.Minute, "InboxbotDraftsWait"},
		{"one process does not sweep, the other does", values{"inboxbot_last_sweep_timestamp_seconds": "0"}, time.Hour, ""},
		{"the token is refused", values{"inboxbot_token_refused": "1"}, 3 * time.Minute, "InboxbotTokenRefused"},
		{"Redis is away", values{"inboxbot_redis_away": "1"}, 3 * time.Minute, "InboxbotRedisAway"},
		{"the model stumbles", values{"inboxbot_model_down_seconds": "50"}, time.Hour, ""},
		{"the model is down", values{"inboxbot_model_down_seconds": "0+60"}, 4 * time.Minute, "InboxbotModelDown"},
		{"an account is offline", values{"inboxbot_accounts_offline": "1"}, 6 * time.Minute, "InboxbotAccountOffline"},
		{"an edit is refused", values{"inboxbot_generation_refused": "1"}, 3 * time.Minute, "InboxbotGenerationRefused"},
		{"processes differ, not for long", values{`inboxbot_generation_info{hash="g2"}`: "1"}, 10 * time.Minute, ""},
		{"processes differ", values{`inboxbot_generation_info{hash="g2"}`: "1"}, 20 * time.Minute, "InboxbotGenerationsDiffer"},
		{"a send in doubt now and then", values{"inboxbot_sends_in_doubt_total": "0+0.1"}, 2 * time.Hour, ""},
		{"many sends in doubt", values{"inboxbot_sends_in_doubt_total": "0+1"}, 10 * time.Minute, "InboxbotSendsInDoubt"},
		{"a send in doubt that is found", values{"inboxbot_sends_unresolved": "1 1 0"}, 6 * time.Minute, ""},
		{"a send that stays in doubt", values{"inboxbot_sends_unresolved": "1"}, 6 * time.Minute, "InboxbotSendUnresolved"},
		{"a handoff without its tag", values{"inboxbot_handoffs_untagged_total": "0x10 1"}, 15 * time.Minute, "InboxbotHandoffUntagged"},
		{"a handoff without its tag, hours ago", values{"inboxbot_handoffs_untagged_total": "0x10 1"}, 2 * time.Hour, ""},
		{"somebody else replies", values{"inboxbot_foreign_replies_total": "0x10 1"}, 15 * time.Minute, "InboxbotForeignReplies"},
		{"a loop is stopped", values{`inboxbot_handled_total{guard="loop"}`: "0x10 1"}, 15 * time.Minute, "InboxbotLoopStopped"},
		{"most of a budget is used", values{`inboxbot_budget_used_ratio{kind="usd"}`: "0.8"}, 5 * time.Minute, "InboxbotBudgetNearlyUsed"},
		{"a budget is used up", values{`inboxbot_budget_used_ratio{kind="usd"}`: "1"}, 5 * time.Minute, "InboxbotBudgetUsed"},
		{"the day's quota is nearly used", values{`inboxbot_api_requests_total{status="200"}`: "0+60"}, 30 * time.Hour, "InboxbotQuotaNearlyUsed"},
		{"a few refusals", values{`inboxbot_api_requests_total{status="429"}`: "0+0.5"}, time.Hour, ""},
		{"many refusals", values{`inboxbot_api_requests_total{status="429"}`: "0+2"}, 20 * time.Minute, "InboxbotRequestsRefused"},
		{"alerts do not arrive", values{`inboxbot_alerts_total{result="failed"}`: "0+0.5"}, 30 * time.Minute, "InboxbotAlertsNotDelivered"},
		{"heartbeats do not arrive", values{`inboxbot_heartbeats_total{result="failed"}`: "0+1"}, 30 * time.Minute, "InboxbotAlertsNotDelivered"},
	}
	var groups []ruleTest
	fires := map[string]bool{}
	for _, row := range rows {
		series := inputs(row.change, row.at, false)
		groups = append(groups, ruleTest{row.name, "1m", series, []exprTest{firing(row.want, row.at)}, nil})
		fires[row.want] = true
	}
	nobody := inputs(values{"inboxbot_last_sweep_timestamp_seconds": "0"}, time.Hour, true)
	groups = append(groups,
		ruleTest{"nobody sweeps, not for long", "1m", nobody, []exprTest{firing("", 14*time.Minute)}, nil},
		ruleTest{"nobody sweeps", "1m", nobody, []exprTest{firing("InboxbotNoSweep", 22*time.Minute)}, nil})
	fires["InboxbotNoSweep"] = true
	for _, r := range shippedRules(t) {
		if !fires[r.Alert] {
			t.Errorf("no row makes %s fire", r.Alert)
		}
	}
	groups = append(groups, rendered(t)...)
	checkRules(t, groups)
}

// rendered are tests of what the alerts say that calculate.
func rendered(t *testing.T) []ruleTest {
	t.Helper()
	byName := map[string]rule{}
	for _, r := range shippedRules(t) {
		byName[r.Alert] = r
	}
	var all []ruleTest
	for _, row := range []struct {
		alert, series, value, summary string
		labels                        map[string]string
	}{
		{"InboxbotOldestUnanswered", "inboxbot_oldest_unanswered_seconds", "1230", "Somebody has waited for 20m 30s for an answer", nil},
		{"InboxbotDraftsWait", "inboxbot_oldest_draft_seconds", "1230", "A draft has waited for 20m 30s to be approved", nil},
		{"InboxbotModelDown", "inboxbot_model_down_seconds", "125", "The model has not answered for 2m 5s", nil},
		{"InboxbotAccountOffline", "inboxbot_accounts_offline", "2", "2 account links cannot send", nil},
		{"InboxbotBudgetNearlyUsed", `inboxbot_budget_used_ratio{kind="usd"}`, "0.83", "83% of the day's budget of usd is used", map[string]string{"kind": "usd"}},
		{"InboxbotSendsInDoubt", "inboxbot_sends_in_doubt_total", "0+1", "15 sends in a quarter of an hour whose answer was lost", nil},
	} {
		r := byName[row.alert]
		labels := map[string]string{"job": "inboxbot", "severity": r.Labels["severity"]}
		maps.Copy(labels, row.labels)
		all = append(all, ruleTest{row.summary, "1m", inputs(map[string]string{row.series: row.value}, 30*time.Minute, false), nil, []alertTest{{
			EvalTime: "30m", Alertname: row.alert,
			ExpAlerts: []alertWant{{labels, map[string]string{"summary": row.summary, "description": r.Annotations["description"]}}},
		}}})
	}
	return all
}

// ruleTest and what it holds are promtool's format, which takes JSON as well.
type ruleTest struct {
	Name     string      `json:"name"`
	Interval string      `json:"interval"`
	Input    []input     `json:"input_series"`
	Exprs    []exprTest  `json:"promql_expr_test,omitempty"`
	Alerts   []alertTest `json:"alert_rule_test,omitempty"`
}

type input struct {
	Series string `json:"series"`
	Values string `json:"values"`
}

type exprTest struct {
	Expr     string   `json:"expr"`
	EvalTime string   `json:"eval_time"`
	Want     []sample `json:"exp_samples"`
}

type sample struct {
	Labels string  `json:"labels"`
	Value  float64 `json:"value"`
}

type alertTest struct {
	EvalTime  string      `json:"eval_time"`
	Alertname string      `json:"alertname"`
	ExpAlerts []alertWant `json:"exp_alerts"`
}

type alertWant struct {
	Labels      map[string]string `json:"exp_labels"`
	Annotations map[string]string `json:"exp_annotations"`
}

// firing wants exactly one kind of alert to fire, or none.
func firing(alert string, at time.Duration) exprTest {
	e := exprTest{Expr: `group by (alertname) (ALERTS{alertstate="firing"})`, EvalTime: at.String(), Want: []sample{}}
	if alert != "" {
		e.Want = append(e.Want, sample{fmt.Sprintf("{alertname=%q}", alert), 1})
	}
	return e
}

// inputs are the series of two processes for as long as d and a little longer.
func inputs(change map[string]string, d time.Duration, both bool) []input {
	minutes := int(d.Minutes()) + 5
	world := maps.Clone(well)
	for series := range change {
		if _, ok := world[series]; !ok {
			world[series] = "" // of the first process alone
		}
	}
	var all []input
	for _, series := range slices.Sorted(maps.Keys(world)) {
		changed, ok := change[series]
		if ok && changed == "" {
			continue
		}
		for i, instance := range []string{"one:8080", "two:8080"} {
			value := world[series]
			if ok && (i == 0 || both) {
				value = changed
			}
			if value != "" {
				all = append(all, input{ofProcess(series, instance), expanded(value, minutes)})
			}
		}
	}
	return all
}

// ofProcess adds what Prometheus adds to a series.
func ofProcess(series, instance string) string {
	name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
	if labels != "" {
		labels = "," + labels
	}
	return fmt.Sprintf(`%s{job="inboxbot",instance=%q%s}`, name, instance, labels)
}

// expanded repeats the last of the values for so many minutes.
func expanded(values string, minutes int) string {
	parts := strings.Fields(values)
	last := &parts[len(parts)-1]
	if !strings.Contains(*last, "+") {
		*last += "+0"
	}
	*last += fmt.Sprintf("x%d", minutes)
	return strings.Join(parts, " ")
}

func checkRules(t *testing.T, groups []ruleTest) {
	t.Helper()
	dir := t.TempDir()
	text, err := dashboardFiles.ReadFile("dashboards/" + alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	tests, err := json.Marshal(map[string]any{"rule_files": []string{alertsFile}, "evaluation_interval": "1m", "tests": groups})
	if err != nil {
		t.Fatal(err)
	}
	rulesPath, testPath := filepath.Join(dir, alertsFile), filepath.Join(dir, "test.yaml")
	for path, text := range map[string][]byte{rulesPath: text, testPath: tests} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := promtool(t, "", "check", "rules", rulesPath); err != nil {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
	if out, err := promtool(t, "", "test", "rules", testPath); err != nil {
		t.Errorf("promtool test rules: %v\n%s", err, out)
	}
}
