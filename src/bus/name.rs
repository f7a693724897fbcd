//! Stream names: what an address may call a stream.

use std::fmt;
use std::sync::Arc;

/// A stream's canonical name, `app/name`: the last component is the stream, all before it the application.
///
/// Components hold ASCII letters, digits, `.`, `_`, `~` and `-`, and never begin with a dot, so that a name is safe in an address, a log
/// line and a file name alike.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName {
    path: Arc<str>,
    /// Where the `/` before the stream's own name stands.
    slash: usize,
}

/// Longest name, in bytes.
pub const MAX_NAME: usize = 255;
/// Most components of a name.
pub const MAX_COMPONENTS: usize = 8;
/// First components that the gateway's own routes use.
pub const RESERVED: [&str; 10] = ["api", "assets", "console", "embed", "favicon.ico", "healthz", "metrics", "robots.txt", "time", "watch"];

/// Why a name is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// There is an application but no stream name, or the other way round.
    #[error("'{0}' is but half of app/name; the name is what encoders call the stream key")]
    Incomplete(String),
    /// Longer than [`MAX_NAME`].
    #[error("the name has {0} bytes; at most {MAX_NAME} are allowed")]
    TooLong(usize),
    /// More than [`MAX_COMPONENTS`].
    #[error("the name has {0} components; at most {MAX_COMPONENTS} are allowed")]
    TooDeep(usize),
    /// An empty component, or one that begins with a dot.
    #[error("component '{0}' is empty or begins with a dot")]
    Component(String),
    /// A character outside letters, digits, `.`, `_`, `~` and `-`.
    #[error("character {character:?} at byte {at} is not allowed; use letters, digits, '.', '_', '~' and '-'")]
    Character {
        /// The character.
        character: char,
        /// Its byte position.
        at: usize,
    },
    /// The application is called like one of the gateway's own routes.
    #[error("an application cannot be called '{0}': the gateway's own pages live there")]
    Reserved(String),
}

impl StreamName {
    /// Checks a canonical path, already percent-decoded once.
    ///
    /// # Errors
    /// Names the first rule that the path breaks.
    pub fn parse(path: &str) -> Result<Self, NameError> {
        if path.len() > MAX_NAME {
            return Err(NameError::TooLong(path.len()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._~-/".contains(c);
        if let Some((at, character)) = path.char_indices().find(|(_, c)| !allowed(*c)) {
            return Err(NameError::Character { character, at });
        }
        let Some(slash) = path.rfind('/') else {
            return Err(NameError::Incomplete(path.to_owned()));
        };
        let components = path.split('/');
        let count = components.clone().count();
        if count > MAX_COMPONENTS {
            return Err(NameError::TooDeep(count));
        }
        if let Some(bad) = components.clone().find(|c| c.is_empty() || c.starts_with('.')) {
            return Err(NameError::Component(bad.to_owned()));
        }
        let first = components.clone().next().unwrap_or_default();
        if RESERVED.contains(&first) {
            return Err(NameError::Reserved(first.to_owned()));
        }
        Ok(Self { path: path.into(), slash })
    }

    /// The whole name, `app/name`.
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// The application: all but the last component.
    pub fn app(&self) -> &str {
        &self.path[..self.slash]
    }

    /// The stream's own name: the last component.
    pub fn name(&self) -> &str {
        &self.path[self.slash + 1..]
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_component_is_the_streams_own_name() {
        let name = StreamName::parse("sports/hall-2/main").unwrap();
        assert_eq!((name.app(), name.name()), ("sports/hall-2", "main"));
    }

    #[test]
    fn a_name_that_could_mislead_a_log_a_file_or_a_route_is_refused() {
        let refused = |path: &str| StreamName::parse(path).unwrap_err();
        assert_eq!(refused("live"), NameError::Incomplete("live".into()));
        assert_eq!(refused("live/.."), NameError::Component("..".into()));
        assert_eq!(refused("live//x"), NameError::Component(String::new()));
        assert_eq!(refused("live/x\0"), NameError::Character { character: '\0', at: 6 });
        assert_eq!(refused("live/x\n"), NameError::Character { character: '\n', at: 6 });
        assert_eq!(refused("live/x%2Fy"), NameError::Character { character: '%', at: 6 });
        assert_eq!(refused("api/x"), NameError::Reserved("api".into()));
        assert_eq!(refused(&format!("live/{}", "x".repeat(300))), NameError::TooLong(305));
        assert_eq!(refused("a/b/c/d/e/f/g/h/i"), NameError::TooDeep(9));
    }
}
