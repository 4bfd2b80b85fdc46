package store

// Path returns the file's path.
func (s *Store) Path() string { return s.path }
