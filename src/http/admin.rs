//! Who may use the API, the metrics and the console.

use std::net::IpAddr;

use http::{HeaderMap, StatusCode, Uri, header};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use crate::net::Limits;

/// Domains that no public name server knows: RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`, and what home routers use.
const PRIVATE_DOMAINS: [&str; 5] = [".localhost", ".local", ".home.arpa", ".internal", ".lan"];

/// How many connections the operators' own listener takes: those of consoles, each of which listens to the events, and of whatever reads the
/// metrics. Few, so that who finds it cannot use up the open files that encoders and viewers need.
pub const LIMITS: Limits = Limits { max_connections: 128, max_per_address: 0 };

/// Which listener a request came in by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// The one that viewers use.
    Public,
    /// The operators' own.
    Admin,
}

/// The rule for operators' requests.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// A secret that opens the API from anywhere; empty for none.
    pub token: String,
    /// Whether operators have a listener of their own; the public one then knows nothing of the API.
    pub separate: bool,
}

impl Guard {
    /// Lets an operator's request pass, or says why not.
    ///
    /// Without a token the public door opens only to programs on this machine: the peer is a loopback address, no proxy speaks for
    /// somebody else, and the Host is an address of this machine or `localhost`. The operators' own door opens to whoever reaches it, but
    /// for pages elsewhere that have pointed their own name here (DNS rebinding): a browser takes the answer for theirs.
    ///
    /// # Errors
    /// The answer to give instead.
    pub fn admit(&self, door: Door, peer: IpAddr, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        if door == Door::Public && self.separate {
            return Err(Problem::not_found("the API is served on the admin listener only"));
        }
        if !self.token.is_empty() {
            let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let given = given.strip_prefix("Bearer ").unwrap_or_default();
            let equal: bool = given.as_bytes().ct_eq(self.token.as_bytes()).into();
            let refused = || Problem::new(StatusCode::UNAUTHORIZED, "send the admin token as 'Authorization: Bearer TOKEN'");
            return if equal { Ok(()) } else { Err(refused()) };
        }
        let (admitted, detail) = match door {
            Door::Public => (
                peer.to_canonical().is_loopback() && !is_forwarded(headers) && hosts(uri, headers).all(is_this_machine),
                "the API answers only on this machine: set http.admin_token, or give it a listener of its own by --admin ADDR",
            ),
            Door::Admin => (
                hosts(uri, headers).all(|name| is_this_machine(name) || is_private(name)),
                "a public name could be anybody's: reach this listener by its address or a name of the local network, or set http.admin_token",
            ),
        };
        if admitted { Ok(()) } else { Err(Problem::new(StatusCode::FORBIDDEN, detail)) }
    }
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-real-ip", "via"].iter().any(|name| headers.contains_key(*name))
}

/// The names by which a request says that it reached us, without their ports: in HTTP/2, and where a proxy is spoken to, in its address.
fn hosts<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
    let fields = headers.get_all(header::HOST).iter().map(|host| {
        let host = host.to_str().unwrap_or("?");
        match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        }
    });
    uri.host().map(|name| name.trim_matches(['[', ']'])).into_iter().chain(fields)
}

fn is_this_machine(name: &str) -> bool {
    name == "localhost" || name.parse::<IpAddr>().is_ok()
}

/// Whether a name means nothing outside the local network, so that nobody elsewhere can point it anywhere.
fn is_private(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_label = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    is_label || PRIVATE_DOMAINS.iter().any(|domain| name.ends_with(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn status(guard: &Guard, door: Door, peer: IpAddr, fields: &[(&'static str, &str)]) -> u16 {
        guard.admit(door, peer, &Uri::from_static("/metrics"), &headers(fields)).map_or_else(|problem| problem.status, |()| 200)
    }

    #[test]
    fn without_a_token_the_public_door_opens_to_this_machine_only() {
        let guard = Guard::default();
        assert_eq!(status(&guard, Door::Public, HERE, &[("host", "localhost:8080")]), 200);
        assert_eq!(status(&guard, Door::Public, HERE, &[("host", "[::1]:8080")]), 200);
        assert_eq!(status(&guard, Door::Public, AWAY, &[]), 403);
    }

    #[test]
    fn a_proxy_or_a_foreign_host_name_is_not_this_machine() {
        let guard = Guard::default();
        assert_eq!(status(&guard, Door::Public, HERE, &[("x-forwarded-for", "192.0.2.1")]), 403);
        assert_eq!(status(&guard, Door::Public, HERE, &[("host", "rebound.example")]), 403);
        assert_eq!(status(&guard, Door::Public, HERE, &[("host", "localhost"), ("host", "rebound.example")]), 403);
    }

    #[test]
    fn the_operators_door_does_not_open_to_a_page_that_pointed_its_own_name_here() {
        let guard = Guard { token: String::new(), separate: true };
        for host in ["127.0.0.1:9000", "[::1]:9000", "localhost", "gateway:9000", "studio-2.local", "gate.internal:9000", "GATE.LAN."] {
            assert_eq!(status(&guard, Door::Admin, AWAY, &[("host", host)]), 200, "{host}");
        }
        for host in ["rebound.example:9000", "rebound.example.", "x.locality", "", "\u{fc}ber.example"] {
            assert_eq!(status(&guard, Door::Admin, HERE, &[("host", host)]), 403, "{host}");
        }
        let addressed = |uri| guard.admit(Door::Admin, HERE, &Uri::from_static(uri), &headers(&[("host", "localhost")])).is_ok();
        assert!(addressed("http://[::1]:9000/metrics") && !addressed("http://rebound.example:9000/metrics"));
        let guard = Guard { token: "secret".into(), separate: true };
        assert_eq!(status(&guard, Door::Admin, AWAY, &[("host", "ops.example"), ("authorization", "Bearer secret")]), 200);
    }

    #[test]
    fn a_token_is_demanded_everywhere_once_it_is_set() {
        let guard = Guard { token: "secret".into(), separate: false };
        assert_eq!(status(&guard, Door::Public, AWAY, &[("authorization", "Bearer secret")]), 200);
        assert_eq!(status(&guard, Door::Public, HERE, &[]), 401);
        assert_eq!(status(&guard, Door::Admin, HERE, &[("authorization", "Bearer secreT")]), 401);
    }

    #[test]
    fn a_listener_of_its_own_hides_the_api_from_the_public_one() {
        let guard = Guard { token: String::new(), separate: true };
        assert_eq!(status(&guard, Door::Public, HERE, &[]), 404);
        assert_eq!(status(&guard, Door::Admin, AWAY, &[]), 200);
    }
}
