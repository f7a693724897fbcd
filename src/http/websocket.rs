//! The opening handshake of WebSocket (RFC 6455 §4.2), answered by ourselves: the connection then carries bytes framed beforehand.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version, header};
use http_body::Body;
use tungstenite::handshake::derive_accept_key;

use super::problem::Problem;

/// The only version there is (RFC 6455 §4.1).
const VERSION: &str = "13";
/// A key is 16 bytes in base64.
const KEY_LEN: usize = 24;
/// Most protocols of an offer that are looked at.
const MAX_OFFERS: usize = 8;

/// A handshake that was accepted.
#[derive(Clone, Debug)]
pub struct Upgrade {
    accept: HeaderValue,
    protocol: Option<HeaderValue>,
}

/// Why a handshake is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// Not GET, or not HTTP/1.1.
    #[error("a WebSocket handshake is a GET request of HTTP/1.1")]
    Request,
    /// The `Connection` field does not ask for an upgrade.
    #[error("the Connection field does not name 'Upgrade'")]
    Connection,
    /// Another version than 13.
    #[error("Sec-WebSocket-Version must be {VERSION}")]
    Version,
    /// The key is missing or is not 16 bytes in base64.
    #[error("Sec-WebSocket-Key must be 16 bytes in base64")]
    Key,
    /// Content, of which a GET request has none, and which could not be told from the frames that follow (RFC 9110 §9.3.1).
    #[error("a WebSocket handshake has no content")]
    Content,
    /// The page's origin is not among those allowed.
    #[error("pages of this origin are not allowed here")]
    Origin,
}

impl From<Refused> for Problem {
    fn from(why: Refused) -> Self {
        let status = match why {
            Refused::Version => StatusCode::UPGRADE_REQUIRED,
            Refused::Origin => StatusCode::FORBIDDEN,
            Refused::Request | Refused::Connection | Refused::Key | Refused::Content => StatusCode::BAD_REQUEST,
        };
        Self::new(status, why.to_string())
    }
}

impl Upgrade {
    /// Looks whether the request is a handshake: `None` where it does not ask for one. No `origins` allow all.
    ///
    /// # Errors
    /// Says which rule the handshake breaks.
    pub fn of<B: Body>(request: &Request<B>, origins: &[String]) -> Result<Option<Self>, Refused> {
        let fields = request.headers();
        if !names(fields, header::UPGRADE, "websocket") {
            return Ok(None);
        }
        if request.method() != Method::GET || request.version() != Version::HTTP_11 {
            return Err(Refused::Request);
        }
        if !names(fields, header::CONNECTION, "upgrade") {
            return Err(Refused::Connection);
        }
        if fields.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION) {
            return Err(Refused::Version);
        }
        let key = fields.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).filter(|key| is_key(key)).ok_or(Refused::Key)?;
        if !request.body().is_end_stream() {
            return Err(Refused::Content);
        }
        let origin = fields.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        // Programs that are not browsers send no origin, and could send any.
        if origin.is_some_and(|origin| !origins.is_empty() && !origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))) {
            return Err(Refused::Origin);
        }
        let accept = HeaderValue::try_from(derive_accept_key(key)).expect("base64 is a legal field value");
        Ok(Some(Self { accept, protocol: offered(fields) }))
    }

    /// The fields of the answer, which has the status 101.
    pub fn fields(&self) -> HeaderMap {
        let mut fields = HeaderMap::new();
        fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        fields.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        fields.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept.clone());
        if let Some(protocol) = &self.protocol {
            fields.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol.clone());
        }
        fields
    }
}

/// Whether a list field names a token, in whatever case (RFC 9110 §5.6.1).
pub fn names(fields: &HeaderMap, field: HeaderName, token: &str) -> bool {
    let lists = fields.get_all(field).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|name| name.trim().eq_ignore_ascii_case(token))
}

/// The first protocol that the client offers: it means nothing here, but browsers fail a handshake that does not pick one.
fn offered(fields: &HeaderMap) -> Option<HeaderValue> {
    let lists = fields.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    let mut offers = lists.flat_map(|list| list.split(',')).map(str::trim).take(MAX_OFFERS);
    offers.find(|offer| !offer.is_empty()).and_then(|offer| HeaderValue::from_str(offer).ok())
}

fn is_key(key: &[u8]) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    key.len() == KEY_LEN && key.ends_with(b"==") && key[..KEY_LEN - 2].iter().all(is_base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455 §1.3.
    fn handshake() -> Request<String> {
        Request::get("/live/show.flv")
            .header("Connection", "keep-alive, Upgrade")
            .header("Upgrade", "WebSocket")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Protocol", "flv, other")
            .header("Origin", "https://example.org")
            .body(String::new())
            .unwrap()
    }

    #[test]
    fn the_standards_own_example_is_accepted() {
        let upgrade = Upgrade::of(&handshake(), &[]).unwrap().expect("it is a handshake");
        assert_eq!(upgrade.fields()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(upgrade.fields()["sec-websocket-protocol"], "flv");
    }

    #[test]
    fn a_protocol_is_answered_only_when_one_is_offered() {
        let mut request = handshake();
        request.headers_mut().remove("sec-websocket-protocol");
        let upgrade = Upgrade::of(&request, &[]).unwrap().expect("it is a handshake");
        assert!(!upgrade.fields().contains_key("sec-websocket-protocol"));
    }

    #[test]
    fn a_request_without_upgrade_is_none() {
        let mut request = handshake();
        request.headers_mut().remove("upgrade");
        assert!(Upgrade::of(&request, &[]).unwrap().is_none());
    }

    #[test]
    fn broken_handshakes_are_refused() {
        for (field, value, why) in [
            ("connection", "close", Refused::Connection),
            ("sec-websocket-version", "8", Refused::Version),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=", Refused::Key),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25j!Q==", Refused::Key),
        ] {
            let mut request = handshake();
            request.headers_mut().insert(field, HeaderValue::from_static(value));
            assert_eq!(Upgrade::of(&request, &[]).unwrap_err(), why);
        }
        assert_eq!(Upgrade::of(&handshake().map(|_| "hello".to_owned()), &[]).unwrap_err(), Refused::Content);
        assert_eq!(Upgrade::of(&handshake(), &["https://example.com".into()]).unwrap_err(), Refused::Origin);
        assert!(Upgrade::of(&handshake(), &["https://EXAMPLE.org".into()]).is_ok());
    }
}
