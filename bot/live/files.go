package live

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// rest is how long content must be left alone before it counts: longer than
	// an editor or a copy takes between two writes to one file.
	rest = 200 * time.Millisecond
	// patience bounds how long events alone put off a look. In a directory that
	// is never quiet, two equal readings have to do.
	patience = time.Second
	// every is the time between looks when nothing is heard: inotify is deaf on
	// network mounts, on some container mounts and behind links.
	every = time.Second
	// share bounds what looking costs: at most one part in so many of the time.
	share = 50
)

// Files follows files that people edit under a running program, by whatever way
// editors, copies and mounted volumes change them: in place and in pieces, by
// renaming a new file over the old one, by pointing a link at another directory.
//
// It does not look at single files: a watch on a file goes deaf when a new one
// takes its name. It watches directories, and reads everything again.
type Files[T any] struct {
	// Dirs are the directories whose entries matter. They may vanish and come
	// back. None: no events, the files are only looked at, once a second.
	Dirs []string
	// Read returns the content as it is now, be it good, broken or missing, and a
	// fingerprint that is the same when and only when the content is.
	Read func() (T, string)
	// From is the fingerprint of what is known already.
	From string
	// Settled is told of content that differs from the content before and has come
	// to rest: it was read twice, 200 ms apart, and was the same. Nothing is read
	// while it runs.
	Settled func(T)
	// Deaf is told why changes are noticed by looking alone, when they are: once.
	// nil: nobody.
	Deaf func(error)
}

// Run follows the files until ctx ends. Read and Settled are called from here,
// one at a time. A change is told of 400 ms after it came to rest, and at most a
// second later where the system gives no events, if Read is quick.
func (f *Files[T]) Run(ctx context.Context) {
	e := f.listen()
	defer e.close()
	events, errs := e.channels()
	f.follow(ctx, events, errs, e.renew)
}

// follow is Run with the events handed in.
func (f *Files[T]) follow(ctx context.Context, events <-chan fsnotify.Event, errs <-chan error, renew func()) {
	s := settling[T]{files: f, last: f.From, quiet: time.NewTimer(rest)}
	s.calm()
	defer s.quiet.Stop()
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-events:
			if !ok {
				events = nil // unreachable: it is closed after this ends
			} else if e.Op != fsnotify.Chmod { // indexers and backups, not authors
				s.disturbed()
			}
		case _, ok := <-errs: // the queue ran over: anything may have changed
			if !ok {
				errs = nil // unreachable, as above
			}
			s.disturbed()
		case <-s.quiet.C:
			s.look()
		case <-look.C:
			began := time.Now()
			renew()
			if s.since.IsZero() {
				s.look()
			}
			look.Reset(max(every, share*time.Since(began)))
		}
	}
}

// settling waits for content to come to rest.
type settling[T any] struct {
	files     *Files[T]
	last      string // the fingerprint that was told of last
	candidate string // what was read last, "" when it has been disturbed since
	since     time.Time
	quiet     *time.Timer // runs while since is not zero
}

func (s *settling[T]) calm() {
	s.candidate, s.since = "", time.Time{}
	s.quiet.Stop()
}

// disturbed begins the rest anew.
func (s *settling[T]) disturbed() {
	if s.since.IsZero() {
		s.since = time.Now()
	}
	if time.Since(s.since) < patience {
		s.candidate = ""
		s.quiet.Reset(rest)
	}
}

// look reads the files and tells of them if they differ and have come to rest.
func (s *settling[T]) look() {
	content, now := s.files.Read()
	switch now {
	case s.last:
		s.calm()
	case s.candidate:
		s.last = now
		s.calm()
		s.files.Settled(content)
	default:
		if s.since.IsZero() {
			s.since = time.Now()
		}
		s.candidate = now
		s.quiet.Reset(rest)
	}
}

// ears hears of changes in directories.
type ears struct {
	watcher *fsnotify.Watcher // nil: deaf
	dirs    map[string]os.FileInfo
	deaf    func(error)
}

// listen starts to listen. Where the system has no more watches to give, as in a
// crowded container host, looking has to do.
func (f *Files[T]) listen() *ears {
	e := &ears{dirs: map[string]os.FileInfo{}, deaf: f.Deaf}
	if len(f.Dirs) == 0 {
		return e
	}
	var err error
	if e.watcher, err = fsnotify.NewWatcher(); err != nil {
		e.watcher = nil
		e.cannot(err)
		return e
	}
	for _, d := range f.Dirs {
		e.dirs[filepath.Clean(d)] = nil
	}
	e.renew()
	return e
}

func (e *ears) cannot(err error) {
	if e.deaf != nil {
		e.deaf(err)
		e.deaf = nil
	}
}

func (e *ears) channels() (<-chan fsnotify.Event, <-chan error) {
	if e.watcher == nil {
		return nil, nil
	}
	return e.watcher.Events, e.watcher.Errors
}

// renew watches the directories that have the names now. A watch belongs to a
// directory, not to its name: it ends with it, and stays behind when a link above
// is pointed elsewhere.
func (e *ears) renew() {
	if e.watcher == nil {
		return
	}
	watched := e.watcher.WatchList()
	for dir, had := range e.dirs {
		now, err := os.Stat(dir)
		heard := slices.Contains(watched, dir)
		if heard && had != nil && err == nil && os.SameFile(had, now) {
			continue
		}
		if heard {
			_ = e.watcher.Remove(dir) // what cannot be removed is gone
		}
		e.dirs[dir] = nil
		if err != nil {
			continue // looked for again the next time
		}
		if err := e.watcher.Add(dir); err == nil {
			e.dirs[dir] = now
		} else if !errors.Is(err, os.ErrNotExist) {
			e.cannot(err)
		}
	}
}

func (e *ears) close() {
	if e.watcher != nil {
		_ = e.watcher.Close() // nobody listens any more
	}
}
