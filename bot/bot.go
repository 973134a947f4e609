// Package bot answers the threads of an inbox that wait for us, and hands to a
// person what a person should answer.
package bot
