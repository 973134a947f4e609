package history

import (
	"math"
	"slices"
	"time"

	"inboxbot/bot"
)

// Numbers is what came of the messages of a time. Messages that only waited are
// not in it: they are counted when they come to an end.
type Numbers struct {
	From, To time.Time
	// Since is where the counting begins when the log or the view does not reach
	// back to From; zero when it does.
	Since time.Time

	Count
	ByCause   map[bot.Cause]int // handed over
	ByGuard   map[string]int    // left alone
	Answer    Spread            // from the message to our reply
	Work      Spread            // on what came to an end, the model included
	Model     Spread            // the model's part, where it was asked
	ByAccount map[string]Ends   // of each account link
	PerBucket time.Duration     // an hour, or a day: of the calendar, so one in spring is shorter
	Buckets   []Bucket          // every one from From to To, the empty ones too
}

// Count is how many messages came to which end, and what the model cost.
type Count struct {
	Answered, HandedOver, LeftAlone int
	Tokens                          Tokens
	USD                             float64
}

func (c *Count) add(e *Entry) {
	switch e.Outcome {
	case bot.Reply:
		c.Answered++
	case bot.Handoff:
		c.HandedOver++
	case bot.Skip:
		c.LeftAlone++
	case bot.Wait:
	}
	c.Tokens = Tokens{c.Tokens.In + e.Tokens.In, c.Tokens.Cached + e.Tokens.Cached, c.Tokens.Out + e.Tokens.Out}
	c.USD += e.USD
}

// Ends is what came of the messages to one account link.
type Ends struct {
	Count
	Answer Spread
}

// Spread is how long something took: half of it at most P50, all but a twentieth
// at most P95.
type Spread struct {
	N        int
	P50, P95 time.Duration
}

func spreadOf(took []int64) Spread {
	if len(took) == 0 {
		return Spread{}
	}
	slices.Sort(took)
	at := func(q float64) time.Duration {
		i := int(math.Ceil(q*float64(len(took)))) - 1
		return time.Duration(took[max(0, i)]) * time.Millisecond
	}
	return Spread{N: len(took), P50: at(0.5), P95: at(0.95)}
}

// Bucket is Numbers of one hour or day.
type Bucket struct {
	From time.Time
	Ends

	tally tally
}

// hourly is the longest time that is told by the hour; mostBuckets bounds the
// days.
const (
	hourly      = 49 * time.Hour
	mostBuckets = 400
)

// Numbers counts what was decided from from on and before to, of one account link
// or, with "", of all. Hours and days are those of from's time zone.
func (v *View) Numbers(from, to time.Time, account string) Numbers {
	n := Numbers{From: from, To: to, ByCause: map[bot.Cause]int{}, ByGuard: map[string]int{}, ByAccount: map[string]Ends{}}
	n.PerBucket, n.Buckets = bucketsOf(from, to)
	chunks := v.snapshot()
	if len(chunks) > 0 && chunks[0][0].At.After(from) {
		n.Since = chunks[0][0].At
	}
	var answers, work, model []int64
	links := map[string]*tally{}
	wanted := Filter{From: from, To: to, Account: account}.matcher()
	for _, c := range chunks {
		for i := range c {
			e := &c[i]
			if e.Shadow != nil || !wanted.match(e) {
				continue // a comparison is no end: the message was told of when it was drafted
			}
			n.add(e)
			tallyOf(links, e.Account).add(e)
			switch e.Outcome {
			case bot.Reply:
				answers = append(answers, e.WaitedMS)
			case bot.Handoff:
				n.ByCause[e.Cause]++
			case bot.Skip:
				n.ByGuard[e.Guard]++
			case bot.Wait:
			}
			if e.Outcome != bot.Wait {
				work = append(work, e.ElapsedMS)
			}
			if e.ModelMS > 0 {
				model = append(model, e.ModelMS)
			}
			if b := bucketAt(n.Buckets, e.At); b != nil {
				b.tally.add(e)
			}
		}
	}
	n.Answer, n.Work, n.Model = spreadOf(answers), spreadOf(work), spreadOf(model)
	for name, t := range links {
		n.ByAccount[name] = t.ends()
	}
	for i := range n.Buckets {
		b := &n.Buckets[i]
		b.Ends, b.tally = b.tally.ends(), tally{}
	}
	return n
}

// tally is Ends in the making.
type tally struct {
	Count
	answers []int64
}

func tallyOf(all map[string]*tally, name string) *tally {
	t := all[name]
	if t == nil {
		t = &tally{}
		all[name] = t
	}
	return t
}

func (t *tally) add(e *Entry) {
	t.Count.add(e)
	if e.Outcome == bot.Reply {
		t.answers = append(t.answers, e.WaitedMS)
	}
}

func (t *tally) ends() Ends { return Ends{t.Count, spreadOf(t.answers)} }

func bucketsOf(from, to time.Time) (time.Duration, []Bucket) {
	year, month, day := from.Date()
	at, next, per := time.Date(year, month, day, 0, 0, 0, 0, from.Location()), func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }, 24*time.Hour
	if to.Sub(from) <= hourly {
		_, offset := from.Zone()
		shift := time.Duration(offset) * time.Second // zones of half an hour have their own hours
		at, next, per = from.Add(shift).Truncate(time.Hour).Add(-shift), func(t time.Time) time.Time { return t.Add(time.Hour) }, time.Hour
	}
	var buckets []Bucket
	for ; at.Before(to) && len(buckets) < mostBuckets; at = next(at) {
		buckets = append(buckets, Bucket{From: at})
	}
	return per, buckets
}

// bucketAt is the last bucket that begins at t or before, nil when there is none.
func bucketAt(buckets []Bucket, t time.Time) *Bucket {
	i, found := slices.BinarySearchFunc(buckets, t, func(b Bucket, t time.Time) int { return b.From.Compare(t) })
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return &buckets[i]
}
