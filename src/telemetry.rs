//! Logs and metrics. Imports nothing of ours.
