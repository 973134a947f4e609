package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"inboxbot/bot"
	"inboxbot/bot/openaichat"
	"inboxbot/cmd/inboxbot/replay"
	"inboxbot/inboxapi"
	"inboxbot/rules"
)

type replayCmd struct {
	Past         string   `arg:"" optional:"" name:"file" help:"Conversations, one JSON object a line. Without it those of the Inbox account are read."`
	File         string   `help:"The same as the argument." placeholder:"FILE"`
	Requests     int      `default:"200" help:"Most requests to the Inbox API: one a thread, newest first, and one for 100 in a list."`
	Candidate    string   `help:"What to compare with: a rule file, or a directory with rules.yaml, templates or both." placeholder:"PATH"`
	Ask          bool     `help:"Also ask the model for every reply. Nothing is sent."`
	PriceIn      *float64 `help:"USD per million input tokens; not given: OPENAI_PRICE_INPUT." placeholder:"USD"`
	PriceOut     *float64 `help:"USD per million output tokens; not given: OPENAI_PRICE_OUTPUT." placeholder:"USD"`
	OwnGuards    bool     `help:"Let the bot's own guards decide too (a person took over, handed over, loop ...), which are counted apart otherwise."`
	All          bool     `help:"List every changed cut, not only the first 20."`
	JSON         bool     `help:"Print one JSON document in place of the table."`
	HTML         string   `help:"Also write a page to read, whole in itself." placeholder:"FILE"`
	FailOnChange bool     `help:"Exit with status 1 when an outcome changes."`
}

// Run judges conversations of the past with the rules and prompts in force, and
// with a candidate beside them.
func (c *replayCmd) Run(ctx context.Context, p *process) error {
	cfg, sides, err := c.prepare(ctx, p)
	if err != nil {
		return err
	}
	model, err := c.model(cfg)
	if err != nil {
		return err
	}
	page, err := c.page()
	if err != nil {
		return err
	}
	defer discard(page)
	bar := newBar(p.stderr)
	past, err := c.past(ctx, cfg, bar)
	bar.clear()
	if err != nil {
		return err
	}
	var candidate *replay.Side
	if len(sides) == 2 {
		candidate = &sides[1]
	}
	report := replay.Run(ctx, past, sides[0], candidate, replay.Options{
		Config: cfg.botConfig(), Settle: cfg.Settle, OwnGuards: c.OwnGuards, Model: model,
		Prices: c.prices(cfg), Progress: bar.show,
	})
	bar.clear()
	if err := errors.Join(c.write(page, report), c.print(p.stdout, report)); err != nil {
		return err
	}
	if c.FailOnChange && report.Changed > 0 {
		return fmt.Errorf("%d outcomes change", report.Changed)
	}
	return nil
}

// prepare reads the configuration and both generations. Its error is a
// *configError with every problem of them.
func (c *replayCmd) prepare(ctx context.Context, p *process) (Config, []replay.Side, error) {
	need := need(0)
	if c.source() == "" {
		need |= needInbox
	}
	if c.Ask {
		need |= needModel
	}
	cfg, err := readConfig(ctx, p.environ, need)
	if wrong := c.check(); wrong != "" {
		err = joinConfig(err, newConfigError([]string{wrong}))
	}
	current, wrong := currentSide(ctx, cfg)
	sides := []replay.Side{current}
	if c.Candidate != "" {
		compared, missing := candidateSide(cfg, c.Candidate)
		sides = append(sides, compared)
		wrong = joinConfig(wrong, missing)
	}
	return cfg, sides, once(joinConfig(err, wrong))
}

// once leaves out what both sides have wrong.
func once(err error) error {
	config, ok := errors.AsType[*configError](err)
	if !ok {
		return err
	}
	var problems []string
	for _, p := range config.problems {
		if !slices.Contains(problems, p) {
			problems = append(problems, p)
		}
	}
	return newConfigError(problems)
}

func (c *replayCmd) source() string { return cmp.Or(c.Past, c.File) }

// check returns what is wrong with the flags together.
func (c *replayCmd) check() string {
	switch {
	case c.Past != "" && c.File != "" && c.Past != c.File:
		return "replay: two files: name one, as the argument or with --file"
	case slices.Contains([]string{".yaml", ".yml", ".tmpl"}, filepath.Ext(c.source())):
		return fmt.Sprintf("replay: %s holds no conversations, which are one JSON object a line: rules to compare with are named by --candidate %[1]s", c.source())
	case c.Requests < 1:
		return "replay: --requests has to be at least 1"
	case !isPrice(c.PriceIn) || !isPrice(c.PriceOut):
		return "replay: --price-in and --price-out are USD per million tokens, from 0"
	case c.FailOnChange && c.Candidate == "":
		return "replay: --fail-on-change needs a --candidate to compare with"
	}
	return ""
}

// isPrice reports whether a price is none or can be one; NaN cannot.
func isPrice(p *float64) bool { return p == nil || *p >= 0 }

// prices are those of the configuration, where no flag says otherwise.
func (c *replayCmd) prices(cfg Config) replay.Prices {
	p := replay.Prices{Input: cfg.PriceInput, Output: cfg.PriceOutput}
	if c.PriceIn != nil {
		p.Input = *c.PriceIn
	}
	if c.PriceOut != nil {
		p.Output = *c.PriceOut
	}
	return p
}

// sideOf loads what cfg names as one side of a replay.
func sideOf(cfg Config) (replay.Side, error) {
	src, err := configured(cfg)
	if err != nil {
		return replay.Side{}, newConfigError([]string{err.Error()})
	}
	gen, err := src.load(cfg)
	return newSide(gen), err
}

// currentSide loads what is in force: what was published, with BOT_SOURCE=redis.
func currentSide(ctx context.Context, cfg Config) (replay.Side, error) {
	if !cfg.FromRedis() {
		return sideOf(cfg)
	}
	gen, err := loadPublished(ctx, cfg, 0)
	return newSide(gen), err
}

func newSide(gen loaded) replay.Side {
	s := replay.Side{Name: gen.from.rulesName + " and " + gen.from.promptsName, Generation: gen.Generation}
	if set, ok := gen.Guards.(*rules.Set); ok { // always
		s.JudgeAll = set.JudgeAll
	}
	return s
}

// candidateSide loads a candidate. What it does not hold is as the configuration
// names it; beside a published generation it has to be whole, as for publish.
func candidateSide(cfg Config, path string) (replay.Side, error) {
	if cfg.FromRedis() {
		src, err := authored(cfg, path)
		if err != nil {
			return replay.Side{}, newConfigError([]string{"--candidate: " + err.Error()})
		}
		gen, err := src.load(cfg)
		return newSide(gen), err
	}
	cfg, err := candidate(cfg, path)
	if err != nil {
		return replay.Side{}, err
	}
	return sideOf(cfg)
}

// candidate is cfg with the rules and prompts of a rule file or a directory.
func candidate(cfg Config, path string) (Config, error) {
	wrong := func(format string, args ...any) (Config, error) {
		return cfg, newConfigError([]string{"--candidate: " + fmt.Sprintf(format, args...)})
	}
	info, err := os.Stat(path)
	if err != nil {
		return wrong("%s: %v", path, withoutPath(err))
	}
	if !info.IsDir() {
		cfg.RulesFile = path
		return cfg, nil
	}
	ruleFile, templates, err := layout(path)
	switch {
	case err != nil:
		return wrong("%v", err)
	case ruleFile == "" && templates == "":
		return wrong("%s holds neither rules.yaml nor templates (*.tmpl), nor does its prompts", path)
	case ruleFile != "":
		cfg.RulesFile = ruleFile
	}
	if templates != "" {
		cfg.PromptsDir = templates
	}
	return cfg, nil
}

func (c *replayCmd) model(cfg Config) (bot.Model, error) {
	if !c.Ask {
		return nil, nil
	}
	m, err := openaichat.New(openaichat.Options{
		BaseURL: cfg.OpenAIBaseURL, APIKey: cfg.OpenAIKey.Reveal(), Model: cfg.OpenAIModel,
		Format: cfg.ResponseFormat, Timeout: cfg.ModelTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return m, nil
}

// past reads the conversations.
func (c *replayCmd) past(ctx context.Context, cfg Config, bar *bar) (replay.Corpus, error) {
	if c.source() == "" {
		return c.fromInbox(ctx, cfg, bar)
	}
	f, err := os.Open(c.source())
	if err != nil {
		return replay.Corpus{}, newConfigError([]string{fmt.Sprintf("%s: %v", c.source(), withoutPath(err))})
	}
	defer f.Close()
	past, err := replay.ReadFile(c.source(), f, cfg.Location())
	if problems, ok := errors.AsType[replay.FileErrors](err); ok {
		return past, newConfigError(problems)
	}
	return past, err
}

func (c *replayCmd) fromInbox(ctx context.Context, cfg Config, bar *bar) (replay.Corpus, error) {
	client, err := inboxapi.New(inboxapi.Options{
		BaseURL: cfg.InboxBaseURL, Token: cfg.InboxToken.Reveal(), UserAgent: "inboxbot/" + version, Limiter: replay.NewBudget(c.Requests),
	})
	if err != nil {
		return replay.Corpus{}, fmt.Errorf("inbox: %w", err)
	}
	views := []inboxapi.View{inboxapi.ViewDefault, inboxapi.ViewArchived}
	if cfg.AnswerRequests {
		views = append(views, inboxapi.ViewRequests)
	}
	past, err := replay.ReadInbox(ctx, client, views, func(n int) { bar.show("reading conversations", n, 0) })
	if errors.Is(err, inboxapi.ErrUnauthorized) || errors.Is(err, inboxapi.ErrForbidden) {
		return past, newConfigError([]string{"INBOX_API_TOKEN: Inbox refuses it: " + err.Error()})
	} else if err != nil {
		return past, fmt.Errorf("inbox: %w", err)
	}
	return past, nil
}

// page makes the file that becomes --html's, beside it, before anything is spent
// on what goes into it: one that is there already stays until the new one is
// whole. What strangers wrote is for its owner alone. nil: no page is wanted.
func (c *replayCmd) page() (*os.File, error) {
	if c.HTML == "" {
		return nil, nil
	}
	wrong := func(why any) error { return newConfigError([]string{fmt.Sprintf("--html: %s: %v", c.HTML, why)}) }
	if info, err := os.Stat(c.HTML); err == nil && !info.Mode().IsRegular() {
		return nil, wrong("not a regular file")
	}
	f, err := os.CreateTemp(filepath.Dir(c.HTML), ".replay-*")
	if err != nil {
		return nil, wrong(withoutPath(err))
	}
	return f, nil
}

func (c *replayCmd) write(page *os.File, r *replay.Report) error {
	if page == nil {
		return nil
	}
	if err := errors.Join(replay.WritePage(page, r), page.Close()); err != nil {
		return fmt.Errorf("--html: %w", err)
	}
	return os.Rename(page.Name(), c.HTML)
}

// discard takes away a page that did not come to be.
func discard(page *os.File) {
	if page != nil {
		_ = page.Close()
		_ = os.Remove(page.Name()) // renamed, unless something went wrong
	}
}

func (c *replayCmd) print(w io.Writer, r *replay.Report) error {
	if !c.JSON {
		return replay.WriteText(w, r, c.All)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// bar shows on a terminal how far something has come.
type bar struct {
	w    io.Writer // nil: nobody looks
	last time.Time
}

func newBar(w io.Writer) *bar {
	f, ok := w.(*os.File)
	if !ok {
		return &bar{}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &bar{}
	}
	return &bar{w: w}
}

const (
	barWidth = 30
	barEvery = 100 * time.Millisecond
)

// show draws n of so many; of 0 is an unknown number.
func (b *bar) show(what string, n, of int) {
	if b.w == nil || time.Since(b.last) < barEvery {
		return
	}
	b.last = time.Now()
	if of == 0 {
		fmt.Fprintf(b.w, "\r\x1b[K%s: %d", what, n)
		return
	}
	full := barWidth * n / of
	fmt.Fprintf(b.w, "\r\x1b[K%-8s [%s%s] %d of %d", what, strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), n, of)
}

// clear takes the bar away.
func (b *bar) clear() {
	if b.w != nil {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
	b.last = time.Time{}
}
