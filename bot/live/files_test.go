package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// disk stands for files, whose content is one word.
type disk struct {
	mu      sync.Mutex
	content string
	events  chan fsnotify.Event // nil: no events, as on a network mount
	told    []string
	at      []time.Duration // of each, since the start
	reads   int
}

// write changes the content, with the event that the system gives.
func (d *disk) write(content string) {
	d.mu.Lock()
	d.content = content
	d.mu.Unlock()
	d.event(fsnotify.Write)
}

func (d *disk) event(op fsnotify.Op) {
	if d.events != nil {
		d.events <- fsnotify.Event{Name: "rules.yaml", Op: op}
	}
}

// watched runs edit while Files follows d, and 5 s longer.
func watched(t *testing.T, hears bool, edit func(d *disk)) *disk {
	t.Helper()
	d := &disk{content: "first"}
	synctest.Test(t, func(t *testing.T) {
		if hears {
			d.events = make(chan fsnotify.Event)
		}
		start := time.Now()
		f := Files[string]{
			From: "first",
			Read: func() (string, string) {
				d.mu.Lock()
				defer d.mu.Unlock()
				d.reads++
				return d.content, d.content
			},
			Settled: func(s string) {
				d.told = append(d.told, s)
				d.at = append(d.at, time.Since(start))
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		go f.follow(ctx, d.events, nil, func() {})
		time.Sleep(time.Millisecond) // the first look is behind us
		edit(d)
		time.Sleep(5 * time.Second)
		cancel()
		synctest.Wait()
	})
	return d
}

func TestFilesTellsOfContentThatCameToRest(t *testing.T) {
	pause := time.Sleep
	tests := []struct {
		name string
		edit func(*disk)
		want []string
	}{
		{"nothing is changed", func(*disk) {}, nil},
		{"a file is saved", func(d *disk) { d.write("second") }, []string{"second"}},
		{"a file is saved as it was", func(d *disk) { d.write("first") }, nil},
		{"its owner is changed", func(d *disk) { d.event(fsnotify.Chmod) }, nil},
		{"saved twice, minutes apart", func(d *disk) {
			d.write("second")
			pause(time.Minute)
			d.write("third")
		}, []string{"second", "third"}},
		{"changed and changed back at once", func(d *disk) {
			d.write("second")
			pause(rest / 2)
			d.write("first")
		}, nil},
		{"a broken one, repaired to what it was", func(d *disk) {
			d.write("broken")
			pause(time.Minute)
			d.write("first")
		}, []string{"broken", "first"}},
		{"written in pieces", func(d *disk) {
			for _, piece := range []string{"", "s", "se", "sec", "second"} {
				d.write(piece)
				pause(rest - 20*time.Millisecond)
			}
		}, []string{"second"}},
		{"written in pieces for three seconds", func(d *disk) {
			for n := range 20 {
				d.write(fmt.Sprint("piece ", n))
				pause(rest - 50*time.Millisecond)
			}
			d.write("second")
		}, []string{"second"}},
		{"emptied and rewritten again and again, always through the same half", func(d *disk) {
			for range 4 {
				d.write("half")
				pause(rest / 4)
				d.write("second")
				pause(rest / 4)
			}
		}, []string{"second"}},
	}
	for _, hears := range []bool{true, false} {
		for _, tt := range tests {
			name := map[bool]string{true: "with events/", false: "without/"}[hears] + tt.name
			t.Run(name, func(t *testing.T) {
				if d := watched(t, hears, tt.edit); !slices.Equal(d.told, tt.want) {
					t.Errorf("told of %q, want %q", d.told, tt.want)
				}
			})
		}
	}
}

func TestFilesIsQuick(t *testing.T) {
	tests := []struct {
		name  string
		hears bool
		edit  func(*disk)
		most  time.Duration
	}{
		{"with events", true, func(d *disk) { d.write("second") }, 2*rest + 10*time.Millisecond},
		{"looking alone", false, func(d *disk) { d.write("second") }, every + rest + 10*time.Millisecond},
		{"in a directory that is never quiet", true, func(d *disk) {
			d.write("second")
			for range 40 {
				time.Sleep(rest / 4)
				d.event(fsnotify.Create) // a log file beside it, say
			}
		}, patience + 2*rest + 10*time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := watched(t, tt.hears, tt.edit)
			if len(d.at) != 1 || d.at[0] > tt.most {
				t.Errorf("told of %q after %v, want once and within %v", d.told, d.at, tt.most)
			}
		})
	}
}

func TestFilesCostsLittle(t *testing.T) {
	tests := []struct {
		name string
		edit func(*disk)
		most int // reads in a minute
	}{
		{"when nothing happens", func(*disk) { time.Sleep(time.Minute) }, 70},
		{"when everything else in the directory changes all the time", func(d *disk) {
			for range 60 * 100 {
				d.event(fsnotify.Create)
				time.Sleep(10 * time.Millisecond)
			}
		}, 150},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := watched(t, true, tt.edit); d.reads > tt.most {
				t.Errorf("%d reads, want at most %d", d.reads, tt.most)
			}
		})
	}
	t.Run("when reading is slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			reads := 0
			f := Files[string]{Read: func() (string, string) { reads++; time.Sleep(time.Second); return "", "" }}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			f.Run(ctx)
			if most := 10*60/share + 1; reads > most {
				t.Errorf("%d reads of a second each in ten minutes, want at most %d", reads, most)
			}
		})
	})
}

func TestFilesTellsOfWhatChangedBeforeItRan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		f := Files[string]{
			From:    "loaded at the start",
			Read:    func() (string, string) { return "edited since", "edited since" },
			Settled: func(s string) { told = append(told, s) },
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		f.Run(ctx)
		if !slices.Equal(told, []string{"edited since"}) {
			t.Errorf("told of %q, want the edit once", told)
		}
	})
}

func TestFilesLooksAfterLostEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int64
		errs := make(chan error)
		f := Files[string]{Read: func() (string, string) { reads.Add(1); return "", "" }}
		ctx, cancel := context.WithCancel(t.Context())
		go f.follow(ctx, nil, errs, func() {})
		time.Sleep(time.Millisecond)
		errs <- fsnotify.ErrEventOverflow
		time.Sleep(rest + time.Millisecond)
		if n := reads.Load(); n != 2 {
			t.Errorf("%d reads, want the first and one after the overflow", n)
		}
		close(errs) // must not spin
		time.Sleep(10 * time.Second)
		cancel()
		synctest.Wait()
	})
}

// TestEarsFollowTheName is about the system's real events: what a name leads to
// is replaced, and the next change there must still be heard.
func TestEarsFollowTheName(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(dir string) { must(os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte("x"), 0o600)) }
	tests := []struct {
		name    string
		prepare func(base string) (dir string)
		replace func(base string)
	}{
		{"it stays", func(base string) string { return base }, func(string) {}},
		{"it is deleted and made again", func(base string) string {
			must(os.Mkdir(filepath.Join(base, "prompts"), 0o700))
			return filepath.Join(base, "prompts")
		}, func(base string) {
			must(os.RemoveAll(filepath.Join(base, "prompts")))
			must(os.Mkdir(filepath.Join(base, "prompts"), 0o700))
		}},
		{"another is renamed to it", func(base string) string {
			must(os.Mkdir(filepath.Join(base, "prompts"), 0o700))
			return filepath.Join(base, "prompts")
		}, func(base string) {
			must(os.Mkdir(filepath.Join(base, "next"), 0o700))
			must(os.Rename(filepath.Join(base, "prompts"), filepath.Join(base, "old")))
			must(os.Rename(filepath.Join(base, "next"), filepath.Join(base, "prompts")))
		}},
		{"a link above it is pointed elsewhere", func(base string) string {
			must(os.MkdirAll(filepath.Join(base, "..1", "prompts"), 0o700))
			must(os.Symlink("..1", filepath.Join(base, "..data")))
			return filepath.Join(base, "..data", "prompts")
		}, func(base string) {
			must(os.MkdirAll(filepath.Join(base, "..2", "prompts"), 0o700))
			must(os.Symlink("..2", filepath.Join(base, "..tmp")))
			must(os.Rename(filepath.Join(base, "..tmp"), filepath.Join(base, "..data")))
		}},
		{"it appears late", func(base string) string { return filepath.Join(base, "late") }, func(base string) {
			must(os.Mkdir(filepath.Join(base, "late"), 0o700))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := t.TempDir()
			dir := tt.prepare(base)
			f := Files[string]{Dirs: []string{dir, dir + "/"}, Deaf: func(err error) { t.Skip("no events here:", err) }}
			e := f.listen()
			defer e.close()
			tt.replace(base)
			e.renew()
			write(dir)
			timeout := time.After(10 * time.Second)
			for {
				select {
				case event := <-e.watcher.Events:
					if filepath.Base(event.Name) == "rules.yaml" {
						return
					}
					e.renew()  // as Run does once a second: the end of a watch
					write(dir) // may have come to light only now
				case <-timeout:
					t.Fatal("the write was not heard of")
				}
			}
		})
	}
}

func TestFilesSaysOnceThatItIsDeaf(t *testing.T) {
	said := 0
	e := &ears{deaf: func(error) { said++ }}
	e.cannot(errors.New("too many open files"))
	e.cannot(errors.New("too many open files"))
	e.renew()
	e.close()
	if events, errs := e.channels(); said != 1 || events != nil || errs != nil {
		t.Errorf("said %d times, want once; events %v, errors %v, want none", said, events, errs)
	}
	(&ears{}).cannot(errors.New("nobody to tell"))
}
