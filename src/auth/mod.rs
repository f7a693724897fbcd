//! Who may publish and who may play: one question, and those who can answer it.
//!
//! What belongs here: rules, secrets, and the patience with those who guess. What does not: protocols. Whoever serves one finds the
//! secret in its own way and puts the [`Question`]; the answer is the same for all. There is one kind of answer so far, the rules of
//! the configuration; [`Authority::check`] waits, so that one that must be asked for elsewhere can join.

mod apps;
mod authority;
mod secret;
mod tries;

pub use apps::{App, Apps, FIELDS, Play, Publish};
pub use authority::{Action, Authority, Denied, Question};
pub use secret::{MIN_SECRET, Secret, SecretError};
