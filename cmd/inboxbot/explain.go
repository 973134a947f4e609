package main

import "context"

type explainCmd struct {
	Thread string `arg:"" help:"ID of the thread."`
	Ask    bool   `help:"Also ask the model. Nothing is sent."`
}

// Run prints how one thread would be handled.
func (c *explainCmd) Run(ctx context.Context, p *process) error {
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
	return b.Explain(ctx, c.Thread, c.Ask, p.stdout)
}
