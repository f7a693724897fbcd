//! The beginning and the end: what an address leads to, who follows which playlist, and the report.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use url::Url;

use crate::check::exchange::{Answer, Ask, Client, Error, Options as Exchange};
use crate::check::finding::{Finding, Report};
use crate::check::hls;
use crate::check::hls::model::{Multivariant, Playlist, Variant};
use crate::check::hls::read::{Given, MAX_BYTES};
use crate::check::transport;

use super::dash;
use super::follow::{Followed, Rendition, follow};
use super::ledger::{Ledger, Summary};

/// Most media playlists of one stream that are followed.
pub const MAX_PLAYLISTS: usize = 12;
/// How long the first answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// What to watch.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address of a playlist or manifest.
    pub url: String,
    /// For how long.
    pub watch: Duration,
    /// Believe any certificate.
    pub insecure: bool,
}

/// Why a stream cannot be watched at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unwatchable {
    /// No answer.
    #[error(transparent)]
    Exchange(#[from] Error),
    /// Not an address.
    #[error("{0} is no address: {1}")]
    Address(String, url::ParseError),
    /// An answer that says no.
    #[error("{url} is answered by {status}")]
    Status {
        /// The address.
        url: String,
        /// The status code.
        status: u16,
    },
    /// Something else.
    #[error("{url} is no playlist of HLS and no manifest of DASH (it came as {kind})")]
    Kind {
        /// The address.
        url: String,
        /// `Content-Type`, or what stands for it.
        kind: String,
    },
    /// A multivariant playlist with nothing in it, or nothing of it came.
    #[error("no media playlist of {0} could be read")]
    Empty(String),
}

impl Unwatchable {
    /// What to do about it, where that can be told.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Exchange(Error::Failed { why, .. }) if why.contains("certificate") => Some("--insecure believes any certificate"),
            // Media that does not end is one of these two.
            Self::Exchange(Error::Late { .. } | Error::TooLong { .. } | Error::Url { .. }) | Self::Kind { .. } => {
                Some("give the address of a playlist of HLS or of a manifest of DASH: http://HOST:8080/live/NAME/index.m3u8")
            }
            _ => None,
        }
    }
}

/// A stream that can be watched.
#[derive(Debug)]
pub struct Opened {
    ledger: Ledger,
    url: String,
    watch: Duration,
    list: Option<Box<Multivariant>>,
    renditions: Vec<Rendition>,
    /// A manifest of DASH in place of playlists: its name, and the answer that brought it.
    manifest: Option<(String, Answer)>,
}

/// All that came of it.
#[derive(Debug)]
pub struct Watched {
    /// The address.
    pub url: String,
    /// What is wrong.
    pub report: Report,
    /// What was watched.
    pub summary: Summary,
}

/// Asks for the playlist and settles what there is to watch.
///
/// # Errors
/// When there is nothing that can be watched.
pub async fn open(options: Options) -> Result<Opened, Unwatchable> {
    let client = Client::new(Exchange { insecure: options.insecure })?;
    let answer = client.ask(&Ask::get(&options.url, MAX_BYTES as u64, PATIENCE)).await?;
    if !answer.is_ok() {
        return Err(Unwatchable::Status { url: options.url, status: answer.status });
    }
    let base = Url::parse(&answer.from).map_err(|error| Unwatchable::Address(answer.from.clone(), error))?;
    let name = short(&base, &base);
    if dash::is_manifest(&answer) {
        let ledger = Ledger::new(client, options.watch);
        let manifest = Some((name, answer));
        return Ok(Opened { ledger, url: options.url, watch: options.watch, list: None, renditions: Vec::new(), manifest });
    }
    let given = Given { query: base.query().unwrap_or_default(), imported: None };
    let (list, mistakes) = hls::read::playlist(&answer.body, &name, given);
    let ledger = Ledger::new(client, options.watch);
    let (list, renditions) = match list {
        Some(Playlist::Media(_)) => {
            let rendition = Rendition { name, uri: String::new(), url: base, variables: Arc::default(), independent: false };
            (None, vec![rendition])
        }
        Some(Playlist::Multivariant(list)) => {
            ledger.add(mistakes);
            ledger.add(transport::of_playlist(&name, &answer, None, false));
            ledger.add(hls::playlist::check(&Playlist::Multivariant(list.clone()), &name));
            let renditions = renditions(&base, &list);
            (Some(list), renditions)
        }
        None => {
            let kind = answer.media_type().unwrap_or_else(|| "no type".to_owned());
            return Err(Unwatchable::Kind { url: options.url, kind });
        }
    };
    Ok(Opened { ledger, url: options.url, watch: options.watch, list, renditions, manifest: None })
}

/// The media playlists that a multivariant playlist names, each once.
fn renditions(base: &Url, list: &Multivariant) -> Vec<Rendition> {
    let variables: Arc<BTreeMap<String, String>> = Arc::new(list.header.variables.clone());
    let independent = list.header.independent_segments;
    let variants = list.variants.iter().map(|variant| variant.uri.as_str());
    let groups = list.renditions.iter().filter_map(|rendition| rendition.uri.as_deref());
    let iframes = list.iframes.iter().map(|variant| variant.uri.as_str());
    let mut found: Vec<Rendition> = Vec::new();
    for uri in variants.chain(groups).chain(iframes) {
        let Ok(url) = base.join(uri) else { continue };
        if !found.iter().any(|known| known.url == url) {
            found.push(Rendition { name: short(base, &url), uri: uri.to_owned(), url, variables: Arc::clone(&variables), independent });
        }
    }
    found
}

/// An address as people call it: as it is told beside `base`, without its query.
fn short(base: &Url, url: &Url) -> String {
    let mut plain = url.clone();
    plain.set_query(None);
    let relative = base.make_relative(&plain).filter(|relative| !relative.is_empty());
    relative.unwrap_or_else(|| plain.path_segments().and_then(|mut path| path.next_back()).unwrap_or_default().to_owned())
}

impl Opened {
    /// The media playlists that will be followed.
    pub fn playlists(&self) -> impl Iterator<Item = &str> {
        let manifest = self.manifest.iter().map(|(name, _)| name.as_str());
        manifest.chain(self.renditions.iter().take(MAX_PLAYLISTS).map(|rendition| rendition.name.as_str()))
    }

    /// Watches until time is over or the stream is.
    ///
    /// # Errors
    /// When none of its media playlists could be read, or its manifest could not.
    pub async fn watch(mut self) -> Result<Watched, Unwatchable> {
        let left_out = self.renditions.len().saturating_sub(MAX_PLAYLISTS);
        self.renditions.truncate(MAX_PLAYLISTS);
        let began = self.ledger.now();
        self.ledger.until = began + self.watch;
        if let Some((name, answer)) = self.manifest {
            if !dash::follow(self.ledger.clone(), answer).await {
                return Err(Unwatchable::Empty(self.url));
            }
            self.ledger.count(|summary| {
                summary.playlists = vec![name];
                summary.is_dash = true;
                summary.watched = self.ledger.now().saturating_sub(began);
            });
            let (report, summary) = self.ledger.close();
            return Ok(Watched { url: self.url, report, summary });
        }
        let mut watching = JoinSet::new();
        for rendition in self.renditions.clone() {
            watching.spawn(follow(self.ledger.clone(), rendition));
        }
        let followed: Vec<Followed> = watching.join_all().await.into_iter().flatten().collect();
        if followed.is_empty() {
            return Err(Unwatchable::Empty(self.url));
        }
        if let Some(list) = &self.list {
            self.ledger.add(list.variants.iter().chain(&list.iframes).flat_map(|variant| of_variant(list, variant, &followed)));
        }
        self.ledger.count(|summary| {
            summary.playlists = self.renditions.iter().map(|rendition| rendition.name.clone()).collect();
            summary.left_out = left_out;
            summary.watched = self.ledger.now().saturating_sub(began);
        });
        let (report, summary) = self.ledger.close();
        Ok(Watched { url: self.url, report, summary })
    }
}

/// What a variant declares, beside what its playlist and one rendition of its group of sound turned out to hold.
fn of_variant(list: &Multivariant, variant: &Variant, followed: &[Followed]) -> Vec<Finding> {
    let held = |uri: &str| followed.iter().find(|followed| followed.uri == uri).map(|followed| &followed.held);
    let Some(own) = held(&variant.uri) else { return Vec::new() };
    let mut group =
        list.renditions.iter().filter(|rendition| rendition.kind == "AUDIO" && Some(&rendition.group) == variant.audio.as_ref());
    let sound = group.find_map(|rendition| Some((rendition, held(rendition.uri.as_deref()?)?)));
    // A variant of sound alone may have its own playlist in its group.
    let both: Vec<_> = [own].into_iter().chain(sound.map(|(_, sound)| sound).filter(|sound| !std::ptr::eq(*sound, own))).collect();
    let tracks: Vec<_> = both.iter().flat_map(|held| &held.tracks).collect();
    let meters: Vec<_> = both.iter().map(|held| held.meter).collect();
    let mut found = hls::media::variant(&variant.uri, variant, &tracks, own.frame_rate);
    found.extend(hls::media::bandwidth(&variant.uri, variant, &meters));
    if let Some((rendition, sound)) = sound
        && let Some((told, track)) = rendition.channels.as_deref().zip(sound.tracks.first())
    {
        found.extend(hls::media::channels(rendition.uri.as_deref().unwrap_or_default(), told, track));
    }
    found
}
