//go:build race

package bot_test

// raced says that the race detector slows everything down.
const raced = true
