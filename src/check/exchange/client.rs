//! The client.

use std::io::{self, Read as _};
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::header::{ACCEPT_ENCODING, HeaderValue, IF_NONE_MATCH, LOCATION, ORIGIN, RANGE, USER_AGENT};
use http::{Method, Request, Response, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;
use url::Url;

use super::answer::{Answer, Http};
use super::trust;

/// Most redirects that are followed for one request.
pub const MAX_REDIRECTS: usize = 5;
/// Most bytes of an answer's head.
const MAX_HEAD: u32 = 64 << 10;
/// Most header fields of an answer.
const MAX_FIELDS: usize = 128;
/// Most arrivals that are noted of one answer.
const MAX_ARRIVALS: usize = 4_096;
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// The page that a player in a browser would have been loaded from; answers that name no other origins are refused there.
const PAGE: HeaderValue = HeaderValue::from_static("https://player.example");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("sluicegate-check/", env!("CARGO_PKG_VERSION")));

/// How a client behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Believe any certificate.
    pub insecure: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The authorities that this machine trusts cannot be read.
    #[error("the certificates of this machine's authorities cannot be read: {0}")]
    Trust(io::Error),
    /// Not the address of something that HTTP serves.
    #[error("{url} is no address of HTTP: {why}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// No connection, or it broke.
    #[error("{url}: {why}")]
    Failed {
        /// The address asked.
        url: String,
        /// What happened, from the outermost to the innermost cause.
        why: String,
    },
    /// Not whole in time.
    #[error("{url}: no whole answer within {:.1} s", after.as_secs_f64())]
    Late {
        /// The address asked.
        url: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// More content than was asked for.
    #[error("{url}: more than {limit} bytes")]
    TooLong {
        /// The address asked.
        url: String,
        /// The bound.
        limit: u64,
    },
    /// Content in a coding that was not offered, or broken in it.
    #[error("{url}: content that is coded as {coding} cannot be read")]
    Coding {
        /// The address asked.
        url: String,
        /// `Content-Encoding`.
        coding: String,
    },
    /// More than [`MAX_REDIRECTS`].
    #[error("{url}: more than {MAX_REDIRECTS} redirects")]
    Redirects {
        /// The address first asked.
        url: String,
    },
}

/// A request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The address.
    pub url: String,
    /// `HEAD` in place of `GET`.
    pub head_only: bool,
    /// The bytes asked for, in place of all.
    pub range: Option<Range<u64>>,
    /// Asked for only if it is not this version any more: an `ETag`.
    pub unless: Option<String>,
    /// Most bytes of content, compressed and not.
    pub limit: u64,
    /// How long all of the answer may take.
    pub patience: Duration,
}

impl Ask {
    /// A plain `GET`.
    pub fn get(url: impl Into<String>, limit: u64, patience: Duration) -> Self {
        Self { url: url.into(), head_only: false, range: None, unless: None, limit, patience }
    }
}

/// A client with its connections.
#[derive(Debug, Clone)]
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    began: Instant,
}

impl Client {
    /// A client whose time begins now.
    ///
    /// # Errors
    /// When the machine's authorities cannot be read.
    pub fn new(options: Options) -> Result<Self, Error> {
        let tls = trust::config(options.insecure).map_err(Error::Trust)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_all_versions().wrap_connector(tcp);
        let pool = Pool::builder(TokioExecutor::new())
            .http1_max_headers(MAX_FIELDS)
            .http1_max_buf_size(MAX_HEAD as usize)
            .http2_max_header_list_size(MAX_HEAD)
            .build(connector);
        Ok(Self { pool, began: Instant::now() })
    }

    /// The time that has passed.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Asks, follows redirects, and takes all of the answer, whatever its status.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn ask(&self, ask: &Ask) -> Result<Answer, Error> {
        let late = || Error::Late { url: ask.url.clone(), after: ask.patience };
        timeout(ask.patience, self.follow(ask)).await.map_err(|_| late())?
    }

    async fn follow(&self, ask: &Ask) -> Result<Answer, Error> {
        let asked = self.now();
        let mut url = parse(&ask.url)?;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(ask, &url).await?;
            let moved = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            let target = response.headers().get(LOCATION).filter(|_| moved).and_then(|value| value.to_str().ok());
            let Some(target) = target else { return self.take(ask, url, asked, response).await };
            url = parse(url.join(target).map_err(|why| broken(target, why))?.as_str())?;
        }
        Err(Error::Redirects { url: ask.url.clone() })
    }

    async fn send(&self, ask: &Ask, url: &Url) -> Result<Response<Incoming>, Error> {
        let method = if ask.head_only { Method::HEAD } else { Method::GET };
        let mut request = Request::builder().method(method).uri(url.as_str()).header(USER_AGENT, AGENT).header(ORIGIN, PAGE);
        match &ask.range {
            Some(range) => request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end.saturating_sub(1))),
            None => request = request.header(ACCEPT_ENCODING, HeaderValue::from_static("gzip")),
        }
        if let Some(tag) = &ask.unless {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let request = request.body(Empty::new()).map_err(|why| broken(url.as_str(), why))?;
        self.pool.request(request).await.map_err(|error| Error::Failed { url: ask.url.clone(), why: causes(&error) })
    }

    async fn take(&self, ask: &Ask, from: Url, asked: Duration, response: Response<Incoming>) -> Result<Answer, Error> {
        let head_at = self.now();
        let (head, mut body) = response.into_parts();
        let mut content = BytesMut::new();
        let mut arrivals = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Error::Failed { url: ask.url.clone(), why: causes(&error) })?;
            let Ok(data) = frame.into_data() else { continue };
            if (content.len() + data.len()) as u64 > ask.limit {
                return Err(Error::TooLong { url: ask.url.clone(), limit: ask.limit });
            }
            content.extend_from_slice(&data);
            if arrivals.len() < MAX_ARRIVALS {
                arrivals.push((self.now(), content.len() as u64));
            }
        }
        let fields =
            head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let mut answer = Answer {
            url: ask.url.clone(),
            from: from.into(),
            is_head: ask.head_only,
            status: head.status.as_u16(),
            http: match head.version {
                Version::HTTP_2 => Http::V2,
                Version::HTTP_11 => Http::V11,
                _ => Http::V10,
            },
            fields: fields.collect(),
            wire: content.len() as u64,
            body: content.freeze(),
            asked,
            head_at,
            done: self.now(),
            arrivals,
        };
        if let Some(coding) = answer.field("content-encoding").filter(|_| !answer.body.is_empty()) {
            answer.body = decode(coding, &answer.body, ask)?;
        }
        Ok(answer)
    }
}

fn parse(url: &str) -> Result<Url, Error> {
    let mut parsed = Url::parse(url).map_err(|why| broken(url, why))?;
    parsed.set_fragment(None);
    if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
        return Err(broken(url, "it begins with neither http:// nor https://"));
    }
    Ok(parsed)
}

fn broken(url: &str, why: impl ToString) -> Error {
    Error::Url { url: url.to_owned(), why: why.to_string() }
}

fn decode(coding: &str, content: &[u8], ask: &Ask) -> Result<Bytes, Error> {
    let unreadable = || Error::Coding { url: ask.url.clone(), coding: coding.to_owned() };
    match coding.to_ascii_lowercase().as_str() {
        "identity" => Ok(Bytes::copy_from_slice(content)),
        "gzip" | "x-gzip" => {
            let mut plain = Vec::new();
            let limit = ask.limit.saturating_add(1);
            MultiGzDecoder::new(content).take(limit).read_to_end(&mut plain).map_err(|_| unreadable())?;
            if plain.len() as u64 > ask.limit {
                return Err(Error::TooLong { url: ask.url.clone(), limit: ask.limit });
            }
            Ok(plain.into())
        }
        _ => Err(unreadable()),
    }
}

/// An error with all that led to it: the outermost says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        cause = inner.source();
    }
    told
}
