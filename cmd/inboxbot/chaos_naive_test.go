package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"inboxbot/inboxapi"
)

// runNaiveBot is what a careful script does: a lock with a time to live, the
// list, the model, the send, and a mark once it is sent. It is here to fail: a
// harness in which it does not is too gentle to say anything of the other one.
func runNaiveBot(ctx context.Context, p *perils) error {
	client, err := inboxapi.New(inboxapi.Options{BaseURL: p.spec.API, Token: "chaos", Timeout: 2 * time.Second})
	if err != nil {
		return err
	}
	o, err := redis.ParseURL(p.spec.Redis)
	if err != nil {
		return err
	}
	n := naiveBot{client, redis.NewClient(o), p}
	defer n.rdb.Close()
	var workers sync.WaitGroup
	defer workers.Wait()
	slots := make(chan struct{}, 8)
	for ctx.Err() == nil {
		for row, err := range client.Threads(ctx, inboxapi.ThreadQuery{View: inboxapi.ViewDefault, Limit: 100}) {
			if err != nil {
				break
			}
			last := row.LastMessage
			if last == nil || last.AuthorID == row.AccountLinkID {
				continue
			}
			slots <- struct{}{}
			workers.Go(func() {
				defer func() { <-slots }()
				n.answer(ctx, row.ID, last.ID, last.Content)
			})
		}
		_ = pause(ctx, 300*time.Millisecond) // ctx is asked above
	}
	return nil
}

type naiveBot struct {
	api *inboxapi.Client
	rdb *redis.Client
	p   *perils
}

func (n naiveBot) answer(ctx context.Context, thread, message, text string) {
	lock, done := "lock:"+thread, "done:"+message
	if ok, err := n.rdb.SetNX(ctx, lock, n.p.spec.Name, chaosLease).Result(); err != nil || !ok {
		return
	}
	defer n.rdb.Del(context.WithoutCancel(ctx), lock)
	n.p.at("after the lock", thread)
	if marked, err := n.rdb.Exists(ctx, done).Result(); err != nil || marked > 0 {
		return
	}
	if pause(ctx, n.p.dice.between(0, chaosThinking)) != nil {
		return
	}
	n.p.at("before the POST", thread)
	sending, cancel := context.WithTimeout(ctx, chaosSend)
	defer cancel()
	answer := answerTo(askedNumber.FindString(text))
	_, err := n.api.SendMessage(sending, thread, inboxapi.NewMessage{Content: answer})
	n.p.log.Info("sent", "thread", thread, "text", answer, "err", err)
	n.p.at("after the POST", thread)
	if err == nil {
		err = n.rdb.Set(ctx, done, "1", time.Hour).Err()
	}
	if err != nil {
		n.p.log.Info(fmt.Sprintf("not marked: %v", err), "thread", thread)
	}
}
