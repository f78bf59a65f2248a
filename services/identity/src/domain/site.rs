//! Where the web app is reached: what a wallet holds against the page that asks it to sign.
//!
//! A page of somebody else can pass our messages on, but not change where a browser says that it
//! comes from. So a message names an origin that is known beforehand, never what a request claims.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Characters an origin has at most.
const ORIGIN_MAX: usize = 255;
/// Origins that an installation knows at most.
pub const ORIGINS_MAX: usize = 16;

/// A scheme with a host and perhaps a port: `https://wattex.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    authority: String,
}

/// The text is no origin of a web app.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not https://HOST[:PORT] without a path; http:// is for this machine alone")]
pub struct BadOrigin(String);

impl Origin {
    /// The origin of a web app on this machine.
    pub(crate) fn local() -> Origin {
        Origin { scheme: "http".to_owned(), authority: "localhost".to_owned() }
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Host and port, as the first line of a message names them.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether it is on the machine of whoever looks at it.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = match self.authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next(),
            None => self.authority.split(':').next(),
        };
        let host = host.unwrap_or_default();
        let named = host == "localhost" || host.ends_with(".localhost");
        named || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Origin, BadOrigin> {
        let bad = || BadOrigin(text.chars().take(ORIGIN_MAX).collect());
        let (scheme, authority) = text.split_once("://").ok_or_else(bad)?;
        if text.len() > ORIGIN_MAX {
            return Err(bad());
        }
        let authority = authority_of(scheme, &authority.to_lowercase()).ok_or_else(bad)?;
        let origin = Origin { scheme: scheme.to_owned(), authority };
        match scheme {
            "https" => Ok(origin),
            "http" if origin.is_loopback() => Ok(origin),
            _ => Err(bad()),
        }
    }
}

/// Host and port as browsers write them: without the port that the scheme means anyway.
fn authority_of(scheme: &str, text: &str) -> Option<String> {
    let at = text.rfind(':').filter(|at| !text[*at..].contains(']'));
    let (host, port) = at.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
    let numbered = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let is_host = match numbered {
        Some(number) => number.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(named),
    };
    let meant = if scheme == "https" { 443 } else { 80 };
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse::<u16>().ok().filter(|port| *port > 0)?)
        }
        Some(_) => return None,
    };
    let shown = port.filter(|port| *port != meant).map(|port| format!(":{port}"));
    is_host.then(|| format!("{host}{}", shown.unwrap_or_default()))
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// The origin that a message names: the one `asked` for if the app is reached there, else the
/// first. Where none is `known`, the app is on this machine, at whatever port.
pub(crate) fn origin_for(known: &[Origin], asked: Option<Origin>) -> Option<Origin> {
    match asked {
        None => Some(known.first().cloned().unwrap_or_else(Origin::local)),
        Some(asked) if known.is_empty() => Some(asked).filter(Origin::is_loopback),
        Some(asked) => Some(asked).filter(|asked| known.contains(asked)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Option<Origin> {
        text.parse().ok()
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host_and_nothing_else() {
        for (text, expected) in [
            ("https://Wattex.example:8443", Some("https://wattex.example:8443")),
            ("http://localhost:5173", Some("http://localhost:5173")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("http://[::1]", Some("http://[::1]")),
            ("https://wattex.example:443", Some("https://wattex.example")),
            ("https://wattex.example:80", Some("https://wattex.example:80")),
            ("https://wattex.example:", None),
            ("https://wattex.example:0", None),
            ("https://wattex.example:99999", None),
            ("https://wattex.example:+8", None),
            ("https://:8443", None),
            ("https://[wattex]", None),
            ("https://wattex.example/", None),
            ("http://wattex.example", None),
            ("http://localhost.example", None),
            ("https://", None),
            ("https://wattex.example/app", None),
            ("https://eve@wattex.example", None),
            ("https://wattex.example\nhttps://eve.example", None),
            ("ftp://wattex.example", None),
            ("wattex.example", None),
        ] {
            let read = origin(text).map(|origin| origin.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        assert_eq!(origin(&format!("https://{}", "x".repeat(ORIGIN_MAX))), None);
    }

    #[test]
    fn a_message_names_no_place_that_was_not_known() {
        let known = [origin("https://a.example").unwrap(), origin("https://b.example").unwrap()];
        let [here, eve] = ["http://127.0.0.1:8080", "https://eve.example"].map(origin);
        assert_eq!(origin_for(&known, None), origin("https://a.example"));
        assert_eq!(origin_for(&known, origin("https://b.example")), origin("https://b.example"));
        assert_eq!(origin_for(&known, here.clone()), None);
        assert_eq!(origin_for(&[], here.clone()), here);
        assert_eq!(origin_for(&[], eve), None);
        assert_eq!(origin_for(&[], None), origin("http://localhost"));
    }
}
