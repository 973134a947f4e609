package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
	"inboxbot/inboxapi"
)

// limiter spends the team's request budget, which all processes of the bot
// share, by what each request is for. Until there is a budget, and while Redis
// is away, it paces this process alone.
type limiter struct {
	budget   atomic.Pointer[redisstore.Budget]
	alone    *rate.Limiter
	reserved atomic.Int64 // sends that have been paid for
	waited   atomic.Int64 // when a request last had to wait, Unix ms
}

// errNoBudget refuses a request that would have to wait for longer than it has, a
// send above all: what was looked at would be too old by then.
var errNoBudget = errors.New("the team's request budget is used up for now")

// A process that cannot ask for its share takes half of what the team's minute
// allows, in bursts that a start needs.
const (
	aloneRate  = 2.5
	aloneBurst = 20
	sendWait   = 1500 * time.Millisecond
)

// teamQuota is what the bot spends of the team's 300 requests a minute at most. A
// send is paid for up to some seconds before it leaves, and up to 16 of them do
// so together, so a little less than all of it keeps every window of a minute
// within the API's limit; a small burst leaves most of it to the steady rate.
var teamQuota = redisstore.Quota{Minute: redisstore.Window{Quota: 290, Burst: 8}}

func newLimiter() *limiter { return &limiter{alone: rate.NewLimiter(aloneRate, aloneBurst)} }

// Wait implements inboxapi.Limiter.
func (l *limiter) Wait(ctx context.Context, op string) error {
	budget := l.budget.Load()
	if budget == nil {
		return l.pace(ctx)
	}
	p := priority(bot.PurposeOf(ctx), op)
	if p == redisstore.PriorityPost && l.reserved.Add(-1) >= 0 {
		return nil
	} else if p == redisstore.PriorityPost {
		l.reserved.Add(1)
	}
	return l.take(ctx, budget, p)
}

// shortFor is how long after a request had to wait requests count as short.
const shortFor = 15 * time.Second

// Reserve pays for one send ahead of its look, and reports whether requests are
// short.
func (l *limiter) Reserve(ctx context.Context) (short bool, err error) {
	budget := l.budget.Load()
	if budget == nil {
		return false, nil
	}
	if err := l.take(ctx, budget, redisstore.PriorityLook); err != nil {
		return false, err
	}
	l.reserved.Add(1)
	return time.Since(time.UnixMilli(l.waited.Load())) < shortFor, nil
}

func (l *limiter) take(ctx context.Context, budget *redisstore.Budget, p redisstore.Priority) error {
	began := time.Now()
	for {
		wait, err := budget.Take(ctx, 1, p)
		switch {
		case err != nil && p == redisstore.PriorityPost:
			return err // without the store nothing is sent
		case err != nil:
			return l.pace(ctx)
		case wait <= 0:
			return nil
		case p == redisstore.PriorityPost && time.Since(began)+wait > sendWait:
			return errNoBudget
		}
		l.waited.Store(time.Now().UnixMilli())
		if end, ok := ctx.Deadline(); ok && time.Until(end) < wait {
			return errNoBudget
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// pace waits for this process's own share.
func (l *limiter) pace(ctx context.Context) error {
	err := l.alone.Wait(ctx)
	if err != nil && ctx.Err() == nil {
		return errNoBudget // the wait would end after ctx does
	}
	return err
}

// observe tells the budget what an answer said of it.
func (l *limiter) observe(ctx context.Context, o inboxapi.Observation) {
	budget := l.budget.Load()
	if budget == nil {
		return
	}
	// The answer must not wait for Redis longer than a moment; what could not be
	// told is told by the next one.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if o.RetryAfter > 0 && o.Status == 429 {
		_ = budget.Pause(ctx, o.RetryAfter)
	}
	if r := o.RateLimit; r != nil {
		_ = budget.Seen(ctx, r.Remaining, r.Limit)
	}
}

// priority says how urgent a request is: by what it is for, else by its operation.
func priority(purpose bot.Purpose, op string) redisstore.Priority {
	if op == "threads.thread.messages.create" {
		return redisstore.PriorityPost
	}
	switch purpose {
	case bot.ForReconcile:
		return redisstore.PriorityReconcile
	case bot.ForHandover:
		return redisstore.PriorityTag
	case bot.ForLook:
		return redisstore.PriorityLook
	case bot.ForAnything:
	}
	switch op {
	case "prospects.update", "prospects.get", "threads.thread.update", "tags.create":
		return redisstore.PriorityTag
	case "threads.thread.messages.list", "threads.thread.get":
		return redisstore.PriorityHistory
	case "threads.thread.typing":
		return redisstore.PriorityList
	}
	return redisstore.PriorityLook
}
