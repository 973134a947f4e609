package bot

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"
)

// Prices are what a model costs, in USD per million tokens. Zero prices cost
// nothing and are not counted.
type Prices struct {
	Input  float64
	Cached float64 // input that the server had in its cache; 0: as Input
	Output float64
}

// Known reports whether anything has a price.
func (p Prices) Known() bool { return p.Input > 0 || p.Output > 0 }

// USD is what t costs.
func (p Prices) USD(t Tokens) float64 {
	cached := p.Cached
	if cached == 0 {
		cached = p.Input
	}
	return (float64(max(0, t.Prompt-t.Cached))*p.Input + float64(t.Cached)*cached + float64(t.Completion)*p.Output) / 1e6
}

// Budget bounds what the model may cost a day, for all processes of the team.
// Zero is no bound.
type Budget struct {
	Tokens int64
	USD    float64
}

func (b Budget) bounded() bool { return b.Tokens > 0 || b.USD > 0 }

// used is how much of the budget s is, 1 being all of it, of tokens and of money.
func (b Budget) used(s Spent) (tokens, usd float64) {
	if b.Tokens > 0 {
		tokens = float64(s.Tokens) / float64(b.Tokens)
	}
	if b.USD > 0 {
		usd = float64(s.MicroUSD) / 1e6 / b.USD
	}
	return tokens, usd
}

// guardBudget is named where a used-up budget decides.
const guardBudget = "budget"

// budgetWarning is the share of a budget from which the operator is told.
const budgetWarning = 0.8

// account is what this process knows of the day's costs.
type account struct {
	mu     sync.Mutex
	day    string
	spent  Spent
	warned string // the day
}

// today names the day that costs are counted for.
func (b *Bot) today() string { return b.Now().In(b.cfg.Zone).Format(time.DateOnly) }

// spent asks for the day's costs, and adds t to them.
func (b *Bot) spent(ctx context.Context, t Tokens) (Spent, error) {
	if b.Purse == nil {
		return Spent{}, nil
	}
	ctx, cancel := lasting(ctx, ledgerTimeout)
	defer cancel()
	day := b.today()
	s, err := b.Purse.Spend(ctx, day, Spent{int64(t.Total()), int64(math.Round(b.cfg.Prices.USD(t) * 1e6))})
	if err != nil {
		return s, err
	}
	b.account.mu.Lock()
	b.account.day, b.account.spent = day, s
	tokens, usd := b.cfg.Budget.used(s)
	warn := max(tokens, usd) >= budgetWarning && b.account.warned != day
	if warn {
		b.account.warned = day
	}
	b.account.mu.Unlock()
	if warn {
		b.Logger.Warn("most of the day's budget is used: at 100 % people get what the bot would have answered",
			"tokens", s.Tokens, "usd", float64(s.MicroUSD)/1e6, "max_tokens", b.cfg.Budget.Tokens, "max_usd", b.cfg.Budget.USD)
	}
	return s, nil
}

// unaffordable hands a thread over when the day's budget is used up.
func (h *handling) unaffordable(ctx context.Context) (result, bool) {
	b := h.bot
	if !b.cfg.Budget.bounded() || b.Purse == nil {
		return result{}, false
	}
	s, err := b.spent(ctx, Tokens{})
	if err != nil {
		return b.failed(ctx, h.c, "redis", fmt.Errorf("costs: %w", err)), true
	}
	reason := fmt.Sprintf("the day's %d tokens are used up", b.cfg.Budget.Tokens)
	switch tokens, usd := b.cfg.Budget.used(s); {
	case tokens >= 1:
	case usd >= 1:
		reason = fmt.Sprintf("the day's %.2f USD are used up", b.cfg.Budget.USD)
	default:
		return result{}, false
	}
	b.model.notAsked()
	if r, stop := h.confirm(ctx); stop {
		return r, true
	}
	h.verdict.Guard = guardBudget
	return h.handOff(ctx, Outcome{Action: Handoff, Cause: CauseCap, Reason: reason}), true
}

// BudgetUsed is how much of the day's budget this process knows to be used, of
// tokens and of money: 1 is all of it, 0 also when there is no bound.
func (b *Bot) BudgetUsed() (tokens, usd float64) {
	b.account.mu.Lock()
	defer b.account.mu.Unlock()
	if b.account.day != b.today() {
		return 0, 0
	}
	return b.cfg.Budget.used(b.account.spent)
}
