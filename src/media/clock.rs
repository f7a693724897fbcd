//! The ingest clock: a publisher's timestamps repaired once, so that every exit shares one timeline.
