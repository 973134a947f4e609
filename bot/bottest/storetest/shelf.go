package storetest

import (
	"context"
	"reflect"
	"time"

	"inboxbot/bot"
)

// talk is what was said in a thread.
func talk(thread string, texts ...string) bot.Shelved {
	s := bot.Shelved{Thread: thread, ProspectID: "1700"}
	for i, text := range texts {
		s.Messages = append(s.Messages, bot.ShelvedMessage{ID: "message-" + text, Text: text, Author: "1700", At: draftMade.Add(-time.Duration(i) * time.Second)})
	}
	return s
}

func (b *beside) shelve(s bot.Shelved) {
	b.Helper()
	if err := b.Shelve(b.Context(), s); err != nil {
		b.Fatalf("shelve: %v", err)
	}
}

func (b *beside) shelved(thread string, want bot.Shelved) {
	b.Helper()
	if got, err := b.Shelved(b.Context(), thread); err != nil || !reflect.DeepEqual(got, want) {
		b.Fatalf("on the shelf: %+v, %v, want %+v", got, err, want)
	}
}

func shelf() []besideTest {
	return []besideTest{
		{"shelf/nothing", func(b *beside) { b.shelved("thread", bot.Shelved{}) }},
		{"shelf/the newest of each thread", func(b *beside) {
			b.shelve(talk("thread", "hi"))
			b.shelve(talk("other", "bye"))
			b.shelve(talk("thread", "hello", "hi"))
			b.shelved("thread", talk("thread", "hello", "hi"))
			b.shelved("other", talk("other", "bye"))
		}},
		{"shelf/any message as it is", func(b *beside) {
			s := talk("t}{:*", "naïve {{.Secret}} \r\n\x00 <b>&amp;</b> \u2028 \"'redis.call' \U0001F600", "")
			s.More = true
			s.Messages[0].At = s.Messages[0].At.Add(123456789)
			s.Messages[1] = bot.ShelvedMessage{
				ID: "ours", Text: "", Author: "account", At: draftMade.Add(-time.Hour), Origin: "api",
				Campaign: true, Media: []string{"image", "media"}, Edited: true, Deleted: true, Failed: true,
			}
			b.shelve(s)
			b.shelved(s.Thread, s)
		}},
		{"shelf/no thread and no messages are refused", func(b *beside) {
			for _, s := range []bot.Shelved{talk("", "hi"), talk("thread"), {}} {
				if err := b.Shelve(b.Context(), s); err == nil {
					b.Errorf("%+v is on the shelf", s)
				}
			}
		}},
		{"shelf/an ended context is an error", func(b *beside) {
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			if err := b.Shelve(ctx, talk("thread", "hi")); err == nil {
				b.Error("shelved")
			}
			if _, err := b.Shelved(ctx, "thread"); err == nil {
				b.Error("read")
			}
		}},
	}
}

func shelfInTime() []besideTest {
	return []besideTest{
		{"shelf/for an hour", func(b *beside) {
			b.shelve(talk("thread", "hi"))
			time.Sleep(bot.KeptFor - time.Minute)
			b.shelved("thread", talk("thread", "hi"))
			b.shelve(talk("other", "bye"))
			time.Sleep(2 * time.Minute)
			b.shelved("thread", bot.Shelved{})
			b.shelved("other", talk("other", "bye"))
		}},
	}
}
