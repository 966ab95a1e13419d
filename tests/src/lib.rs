//! End-to-end tests: they drive the real binary with real plugins.
