"""Makes a voice small and fast: a weights directory from a weights directory, and a report of what that changed."""
