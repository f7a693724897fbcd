//! The Host field, by which a request says whom it means to speak to.

use http::{HeaderMap, Version, header};

use super::problem::Problem;

/// What a host with its port is never made of, but a list, an address or a login is (RFC 3986 §3.2). Beyond that, names are not judged: boxes that
/// were made before the rules call machines what they like.
const FOREIGN: &[u8] = b" \t,/\\?#@";

/// Whether a request of HTTP/1 names its host as it must (RFC 9112 §3.2): once, or in HTTP/1.0 not at all. Two names, or a list of them, are how a
/// request gets past a proxy that goes by the one and means the other.
///
/// # Errors
/// 400, with what is wrong.
pub fn check(version: Version, fields: &HeaderMap) -> Result<(), Problem> {
    if version > Version::HTTP_11 {
        return Ok(());
    }
    let mut hosts = fields.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(Problem::bad_request("a request has one Host field, not several")),
        (None, None) if version == Version::HTTP_11 => Err(Problem::bad_request("a request of HTTP/1.1 needs a Host field")),
        (Some(host), None) if host.as_bytes().iter().any(|byte| FOREIGN.contains(byte)) => {
            Err(Problem::bad_request("the Host field holds something else than a host and its port"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_request_names_one_host_and_only_those_of_before_1997_may_leave_it_out() {
        let table: [(&[&[u8]], bool, bool); 11] = [
            (&[], true, false),
            (&[b"gateway:8080"], true, true),
            (&[b"[2001:db8::1]:8080"], true, true),
            (&[b"set_top-box.local"], true, true),
            (&[b""], true, true),
            (&["bücher.example".as_bytes()], true, true),
            (&[b"a", b"a"], false, false),
            (&[b"a, b"], false, false),
            (&[b"http://a/"], false, false),
            (&[b"user@a"], false, false),
            (&[b"a b"], false, false),
        ];
        for (hosts, old, new) in table {
            let fields: HeaderMap = hosts.iter().map(|host| (header::HOST, HeaderValue::from_bytes(host).unwrap())).collect();
            let is_fine = |version| check(version, &fields).is_ok();
            assert_eq!((is_fine(Version::HTTP_10), is_fine(Version::HTTP_11), is_fine(Version::HTTP_2)), (old, new, true), "{hosts:?}");
        }
    }
}
