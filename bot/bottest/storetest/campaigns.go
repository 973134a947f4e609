package storetest

import (
	"slices"
	"strings"
	"time"
)

func (b *beside) campaignRead(thread, message string) {
	b.Helper()
	if err := b.KeepCampaignRead(b.Context(), thread, message, time.Hour); err != nil {
		b.Fatalf("keep campaign read: %v", err)
	}
}

// campaignsRead checks which of the threads are read, in any order.
func (b *beside) campaignsRead(messages map[string]string, want ...string) {
	b.Helper()
	got, err := b.CampaignsRead(b.Context(), messages)
	slices.Sort(got)
	if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		b.Fatalf("read: %v, %v, want %v", got, err, want)
	}
}

func campaigns() []besideTest {
	return []besideTest{
		{"campaigns/nothing", func(b *beside) {
			b.campaignsRead(nil)
			b.campaignsRead(map[string]string{"thread": "message", "other": "message"})
		}},
		{"campaigns/those with that message", func(b *beside) {
			b.campaignRead("thread", "message")
			b.campaignRead("other", "before")
			b.campaignRead("other", "after")
			b.campaignsRead(map[string]string{"thread": "message", "other": "after", "third": "message"}, "other", "thread")
			b.campaignsRead(map[string]string{"thread": "another", "other": "before"})
		}},
	}
}

func campaignsInTime() []besideTest {
	return []besideTest{
		{"campaigns/for as long as was asked", func(b *beside) {
			b.campaignRead("thread", "message")
			time.Sleep(time.Hour - time.Second)
			b.campaignsRead(map[string]string{"thread": "message"}, "thread")
			time.Sleep(2 * time.Second)
			b.campaignsRead(map[string]string{"thread": "message"})
		}},
	}
}
