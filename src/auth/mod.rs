//! Who may publish and who may play: one question, and who answers it.
//!
//! What belongs here: rules, secrets, and the patience with those who guess. What does not: protocols. Whoever serves one finds the
//! secret in its own way and puts the [`Question`]; the [`Authority`] answers all alike, by the rules of the configuration.

mod apps;
mod authority;
mod secret;
mod tries;

pub use apps::{App, Apps, FIELDS, Play, Publish};
pub use authority::{Action, Authority, Denied, Question};
pub use secret::{MIN_SECRET, Secret, SecretError};
