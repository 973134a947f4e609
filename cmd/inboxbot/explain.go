package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"inboxbot/bot"
	"inboxbot/rules"
)

type explainCmd struct {
	Thread string `arg:"" help:"ID of the thread, or a case file (.yaml) that --save wrote."`
	Ask    bool   `help:"Also ask the model. Nothing is sent."`
	Save   string `help:"Also write the conversation to this file, as a case: to explain it again, or to keep it as a test." placeholder:"FILE.yaml"`
	AsTest bool   `help:"Print the tests: entry for it, to paste into the rule file, instead of the explanation."`
}

// Run prints how one thread would be handled.
func (c *explainCmd) Run(ctx context.Context, p *process) error {
	if ext := filepath.Ext(c.Thread); ext == ".yaml" || ext == ".yml" {
		return c.saved(ctx, p)
	}
	need := needInbox
	if c.Ask {
		need |= needModel
	}
	cfg, gen, err := prepare(ctx, p.environ, need)
	if err != nil {
		return err
	}
	w, err := wire(ctx, cfg, gen, p, wiring{})
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.live.begin(ctx, 0); err != nil {
		return err
	}
	b, err := w.newBot(nil)
	if err != nil {
		return err
	}
	if c.Save == "" && !c.AsTest {
		return b.Explain(ctx, c.Thread, c.Ask, p.stdout)
	}
	conv, err := b.Conversation(ctx, c.Thread)
	if err != nil {
		return err
	}
	if err := c.keep(p, cfg, w.live.current(), conv); err != nil || c.AsTest {
		return err
	}
	return b.Explain(ctx, c.Thread, c.Ask, p.stdout)
}

// keep writes conv to the file of --save, and prints it with --as-test.
func (c *explainCmd) keep(p *process, cfg Config, gen bot.Generation, conv *bot.Conversation) error {
	if c.Save != "" {
		// Whoever may read it sees what people wrote.
		f, err := os.OpenFile(c.Save, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("--save: %s is there already: name another file", c.Save)
		} else if err != nil {
			return fmt.Errorf("--save: %w", err)
		}
		_, err = f.Write(caseOf(cfg, gen, conv.Thread.ID, conv).YAML())
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("--save: %w", err)
		}
	}
	if c.AsTest {
		_, err := p.stdout.Write(asTest(cfg, gen, conv.Thread.ID, conv).ShortYAML())
		return err
	}
	return nil
}

// caseOf is conv and what comes of it in a test of a rule file.
func caseOf(cfg Config, gen bot.Generation, name string, conv *bot.Conversation) rules.Case {
	return rules.NewCase(name, conv, bot.Judge(cfg.testConfig(), gen, conv))
}

// asTest is caseOf in whole seconds, for people to read, unless other things come of
// it then.
func asTest(cfg Config, gen bot.Generation, name string, conv *bot.Conversation) rules.Case {
	exact := caseOf(cfg, gen, name, conv)
	round := exact.InSeconds()
	if caseOf(cfg, gen, name, round.Conversation(cfg.Location())).Expect != exact.Expect {
		return exact
	}
	return round
}

// saved explains the cases of a file.
func (c *explainCmd) saved(ctx context.Context, p *process) error {
	if c.Save != "" {
		return newConfigError([]string{"--save: " + c.Thread + " is a saved case already"})
	}
	need := need(0)
	if c.Ask {
		need = needModel
	}
	cfg, gen, err := prepare(ctx, p.environ, need)
	if err == nil && cfg.FromRedis() {
		gen, err = loadPublished(ctx, cfg, need)
	}
	if err != nil {
		return err
	}
	src, err := readUpTo(c.Thread, maxCaseRead)
	if err != nil {
		return newConfigError([]string{c.Thread + ": " + err.Error()})
	}
	cases, err := rules.LoadCases(c.Thread, src)
	if err != nil {
		return newConfigError([]string{err.Error()})
	}
	var model bot.Model
	if c.Ask {
		if model, err = newModel(cfg); err != nil {
			return err
		}
	}
	for _, one := range cases {
		if err := c.explain(ctx, p, cfg, gen, model, one, len(cases) > 1); err != nil {
			return err
		}
	}
	return nil
}

const maxCaseRead = 8<<20 + 1 // more than rules.LoadCases takes

func (c *explainCmd) explain(ctx context.Context, p *process, cfg Config, gen loaded, model bot.Model, one rules.Case, named bool) error {
	conv := one.Conversation(cfg.Location())
	if c.AsTest {
		_, err := p.stdout.Write(asTest(cfg, gen.Generation, one.Name, conv).ShortYAML())
		return err
	}
	if named {
		fmt.Fprintf(p.stdout, "case %s\n", clip(one.Name, 200))
	}
	return bot.ExplainCase(ctx, cfg.botConfig(), gen.Generation, model, conv, p.stdout)
}
