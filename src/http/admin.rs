//! Who may use the API, the metrics and the console.

use std::net::IpAddr;

use http::{HeaderMap, StatusCode, header};
use subtle::ConstantTimeEq;

use super::problem::Problem;

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
    /// somebody else, and the Host is not a name that a page elsewhere could have pointed here.
    ///
    /// # Errors
    /// The answer to give instead.
    pub fn admit(&self, door: Door, peer: IpAddr, headers: &HeaderMap) -> Result<(), Problem> {
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
        let local = peer.to_canonical().is_loopback() && !is_forwarded(headers) && host_is_local(headers);
        if door == Door::Admin || local {
            return Ok(());
        }
        let detail = "the API answers only on this machine: set http.admin_token, or give it a listener of its own by --admin ADDR";
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-real-ip", "via"].iter().any(|name| headers.contains_key(*name))
}

fn host_is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let host = host.to_str().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn status(guard: &Guard, door: Door, peer: IpAddr, fields: &[(&'static str, &str)]) -> u16 {
        guard.admit(door, peer, &headers(fields)).map_or_else(|problem| problem.status, |()| 200)
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
