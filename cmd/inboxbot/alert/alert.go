// Package alert tells a team over a webhook what is wrong with its bot: once
// when it starts, once when it is over, every hour in between, and never in a
// storm.
//
// Start reading at Alerter.Run. An Alerter looks at the problems there are every
// few seconds; known.go holds what it knows of each, message.go writes what is
// told, courier.go delivers it, heartbeat.go is the dead man's switch.
package alert

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Problem is something that is wrong at the moment. Text and Do are for people
// and hold one line each; they may change from look to look.
type Problem struct {
	Name string `json:"name"` // stable, such as model-down: there is one alert a name
	Text string `json:"text"` // what is wrong
	Do   string `json:"do"`   // what to do about it

	After time.Duration `json:"-"`               // for how long it has to be there before anybody is told
	Mine  bool          `json:"-"`               // told by the process that has it, not by the one that leads
	Event bool          `json:"event,omitempty"` // it happened and is over: its end is not told
	Once  bool          `json:"once,omitempty"`  // not told again every hour
}

// Look is what there is to see at one instant.
type Look struct {
	Leads    bool // whether this process tells what is true of all of them
	Problems []Problem
}

// Memory keeps what has been told for the process that leads next. An error means
// that it cannot be reached at the moment.
type Memory interface {
	// LoadAlerts returns what was saved last, nil when nothing was.
	LoadAlerts(ctx context.Context) ([]byte, error)
	SaveAlerts(ctx context.Context, state []byte) error
}

// Format is how a message travels.
type Format string

// The formats.
const (
	Slack Format = "slack" // JSON for incoming webhooks of Slack and Mattermost, with fields for machines beside the text
	Plain Format = "plain" // text/plain, for ntfy and the like
)

// Options is what an Alerter cannot do without.
type Options struct {
	URL    string // a secret: whoever has it can write. It is in no error and no log
	Format Format
	Source string       // who tells, such as the name of the team
	Look   func() Look  // what there is to see; must answer within seconds
	Memory Memory       // nil: what was told is forgotten at exit
	Logger *slog.Logger // hears of deliveries that fail, at most once a minute

	Transport http.RoundTripper // nil: http.DefaultTransport
	Count     func(sent bool)   // told of every attempt; may be nil
}

const (
	lookEvery   = 10 * time.Second
	apart       = 30 * time.Second // between two messages: what comes meanwhile is told together
	remindEvery = time.Hour
	memoryWait  = 2 * time.Second // for one answer of the memory
)

// Alerter tells what is wrong.
type Alerter struct {
	o       Options
	courier *courier
	known   known
	leads   bool   // as of the last look, and the memory has been read
	kept    string // what the memory holds
}

// New returns an Alerter that has told nothing yet.
func New(o Options) *Alerter {
	return &Alerter{
		o:       o,
		courier: newCourier(o.URL, "alert", o.Transport, o.Logger, o.Count),
		known:   known{},
	}
}

// Run looks and tells until ctx ends, and returns nil.
func (a *Alerter) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			a.step(ctx)
		}
	}
}

// step looks once, tells what is due and keeps what was told.
func (a *Alerter) step(ctx context.Context) {
	look := a.o.Look()
	a.lead(ctx, look.Leads)
	now := time.Now()
	for _, p := range look.Problems {
		if p.Mine || a.leads {
			a.known.saw(p, now)
		}
	}
	a.known.forget(now)
	if due := a.known.due(now); len(due) > 0 && a.courier.mayTry(now) {
		body, kind := compose(a.o.Format, a.o.Source, due)
		if a.courier.deliver(ctx, body, kind) {
			a.known.told(due, time.Now())
		}
	}
	a.keep(ctx)
}

// lead takes over what the process that led before has told, or leaves it to the
// next one. Until the memory has answered, nothing of all processes is told: it
// may have been told before.
func (a *Alerter) lead(ctx context.Context, leads bool) {
	switch {
	case leads == a.leads:
		return
	case !leads:
		a.leads = false
		a.known.leave()
		return
	case a.o.Memory == nil:
		a.leads = true
		return
	}
	ctx, cancel := context.WithTimeout(ctx, memoryWait)
	defer cancel()
	state, err := a.o.Memory.LoadAlerts(ctx)
	if err != nil {
		return // asked again at the next look
	}
	a.leads, a.kept = true, string(state)
	a.known.join(state, time.Now())
}

// keep writes down what was told when it has changed.
func (a *Alerter) keep(ctx context.Context) {
	if !a.leads || a.o.Memory == nil {
		return
	}
	state := a.known.shared()
	if string(state) == a.kept {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, memoryWait)
	defer cancel()
	if a.o.Memory.SaveAlerts(ctx, state) == nil { // else at the next look
		a.kept = string(state)
	}
}
