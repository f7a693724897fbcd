//! The question and its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::apps::{Apps, Play, Publish};
use super::tries::Tries;
use crate::bus::StreamName;

/// What somebody wants to do with a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Send it.
    Publish,
    /// Receive it.
    Play,
}

/// Who wants what, and by which right.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// What for.
    pub action: Action,
    /// Which stream.
    pub name: &'a StreamName,
    /// The key or the token, where one was given.
    pub secret: Option<&'a str>,
    /// Who asks.
    pub peer: SocketAddr,
    /// In which protocol: `rtmp`, `rtmps` or `http`.
    pub protocol: &'static str,
}

/// Why it is not allowed. The words may reach the peer: none of them tells whether a stream exists.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Denied {
    /// The application is not among those that are open.
    #[error("application '{0}' is not open to publishers")]
    App(String),
    /// No key was given where one is needed.
    #[error("'{0}' demands a key: publish to {0}/NAME?key=SECRET")]
    NoKey(String),
    /// The key is none of this stream's.
    #[error("the key is wrong")]
    WrongKey,
    /// The key is none of this stream's, like too many before it from the same address.
    #[error("the key is wrong, as were many before it from this address")]
    TooManyTries,
    /// No token was given where one is needed.
    #[error("this stream demands a token: ?token=SECRET behind its address")]
    NoToken,
    /// The token is none of this stream's.
    #[error("the token is wrong")]
    WrongToken,
}

/// Who answers: the rules of the configuration, and the memory of those who broke them.
#[derive(Debug)]
pub struct Authority {
    apps: Apps,
    tries: Tries,
}

impl Denied {
    /// In one word, for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::App(_) => "app",
            Self::NoKey(_) => "no_key",
            Self::WrongKey => "wrong_key",
            Self::TooManyTries => "too_many_tries",
            Self::NoToken => "no_token",
            Self::WrongToken => "wrong_token",
        }
    }
}

impl Authority {
    /// By the rules of the configuration.
    pub fn new(apps: Apps) -> Arc<Self> {
        Arc::new(Self { apps, tries: Tries::default() })
    }

    /// Answers. It may take its time: with a wrong key it does so on purpose. Cancel safe.
    ///
    /// # Errors
    /// Says why it is not allowed.
    pub async fn check(&self, question: &Question<'_>) -> Result<(), Denied> {
        let answer = match question.action {
            Action::Publish => self.check_key(question).await,
            Action::Play => self.check_token(question),
        };
        if let Err(denied) = &answer {
            metrics::counter!("sluicegate_denied_total", "protocol" => question.protocol, "reason" => denied.label()).increment(1);
        }
        answer
    }

    async fn check_key(&self, question: &Question<'_>) -> Result<(), Denied> {
        let (name, peer) = (question.name, question.peer.ip());
        let Some(rule) = self.apps.rule(name.app()) else { return Err(Denied::App(name.app().to_owned())) };
        if rule.publish == Publish::Open {
            return Ok(());
        }
        let Some(offered) = question.secret else { return Err(Denied::NoKey(name.app().to_owned())) };
        // Noted before the wait, so that it does not help to hang up during it.
        let (is_right, now) = (rule.has_key(name, offered), Instant::now());
        let verdict = if is_right { self.tries.pass(peer, now) } else { self.tries.note(peer, now) };
        tokio::time::sleep(verdict.delay).await;
        match (is_right, verdict.is_suspect) {
            (true, _) => Ok(()),
            (false, false) => Err(Denied::WrongKey),
            (false, true) => Err(Denied::TooManyTries),
        }
    }

    /// Nobody is slowed down here: hundreds of viewers share the address of a network, and one old bookmark must not lock them out. A
    /// token is kept safe by its length.
    fn check_token(&self, question: &Question<'_>) -> Result<(), Denied> {
        // Where nobody may publish there is nothing to hide.
        let Some(rule) = self.apps.rule(question.name.app()) else { return Ok(()) };
        match question.secret {
            _ if rule.play == Play::Open => Ok(()),
            None => Err(Denied::NoToken),
            Some(offered) if rule.has_token(question.name, offered) => Ok(()),
            Some(_) => Err(Denied::WrongToken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{App, Secret};

    const KEY: &str = "key-of-the-app";
    const STREAM_KEY: &str = "key-of-hall-alone";

    fn authority() -> Arc<Authority> {
        let secret = |text: &str| Secret::parse(text).unwrap();
        let guarded = App {
            publish: Publish::Key,
            keys: vec![secret("another-key"), secret(KEY)],
            stream_keys: [("hall".to_owned(), vec![secret(STREAM_KEY)])].into(),
            play: Play::Token,
            tokens: vec![secret("a-viewers-token")],
            stream_tokens: [("hall".to_owned(), vec![secret("token-of-hall")])].into(),
        };
        Authority::new(Apps([("open".to_owned(), App::default()), ("live".to_owned(), guarded)].into()))
    }

    async fn ask(authority: &Authority, action: Action, name: &str, secret: Option<&str>) -> Result<(), Denied> {
        let name = StreamName::parse(name).unwrap();
        let peer = "192.0.2.1:5".parse().unwrap();
        authority.check(&Question { action, name: &name, secret, peer, protocol: "rtmp" }).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_opens_its_application_or_its_stream() {
        let authority = authority();
        let publish = async |name: &str, key: Option<&str>| ask(&authority, Action::Publish, name, key).await;
        assert_eq!(publish("open/a", None).await, Ok(()));
        assert_eq!(publish("open/a", Some("whatever")).await, Ok(()));
        assert_eq!(publish("other/a", Some(KEY)).await, Err(Denied::App("other".into())));
        assert_eq!(publish("live/a", Some(KEY)).await, Ok(()));
        assert_eq!(publish("live/hall", Some(STREAM_KEY)).await, Ok(()));
        assert_eq!(publish("live/a", Some(STREAM_KEY)).await, Err(Denied::WrongKey));
        assert_eq!(publish("live/a", Some("")).await, Err(Denied::WrongKey));
        assert_eq!(publish("live/a", None).await, Err(Denied::NoKey("live".into())));
        assert_eq!(publish("live/hall", Some("a-viewers-token")).await, Err(Denied::WrongKey), "a viewer's token is no key");
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_keys_wait_and_right_ones_do_not() {
        let authority = authority();
        for _ in 0..5 {
            let began = tokio::time::Instant::now();
            assert_eq!(ask(&authority, Action::Publish, "live/a", Some("guess-guess")).await, Err(Denied::WrongKey));
            assert!(!began.elapsed().is_zero());
            let began = tokio::time::Instant::now();
            assert_eq!(ask(&authority, Action::Publish, "live/a", Some(KEY)).await, Ok(()));
            assert!(began.elapsed().is_zero());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_guesser_never_shuts_out_the_encoder_beside_him_nor_learns_anything_early() {
        let authority = authority();
        // The clock of this test stands still but for waits; the count is by the machine's own.
        while ask(&authority, Action::Publish, "live/a", Some("guess-guess")).await != Err(Denied::TooManyTries) {}
        let mut waits = Vec::new();
        for (key, answer) in [(KEY, Ok(())), ("guess-guess", Err(Denied::TooManyTries)), (KEY, Ok(()))] {
            let began = tokio::time::Instant::now();
            assert_eq!(ask(&authority, Action::Publish, "live/a", Some(key)).await, answer);
            waits.push(began.elapsed().as_secs());
        }
        assert_eq!(waits, [4; 3], "who hangs up sooner knows nothing of the key");
    }

    #[tokio::test]
    async fn a_token_opens_to_players_and_says_nothing_of_what_exists() {
        let authority = authority();
        let play = async |name: &str, token: Option<&str>| ask(&authority, Action::Play, name, token).await;
        assert_eq!(play("open/a", None).await, Ok(()));
        assert_eq!(play("nowhere/a", None).await, Ok(()));
        assert_eq!(play("live/a", None).await, Err(Denied::NoToken));
        assert_eq!(play("live/a", Some("a-viewers-token")).await, Ok(()));
        assert_eq!(play("live/hall", Some("token-of-hall")).await, Ok(()));
        assert_eq!(play("live/a", Some("token-of-hall")).await, Err(Denied::WrongToken));
        assert_eq!(play("live/a", Some(KEY)).await, Err(Denied::WrongToken), "an encoder's key is no token");
    }
}
