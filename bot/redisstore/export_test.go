package redisstore

// SetRunID is what happens when a new connection reaches another server.
func SetRunID(s *Store, id string) { s.runID.Store(&id) }
