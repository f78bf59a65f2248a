//! Where an endpoint may be.

use std::net::IpAddr;

use url::{Host, Url};

use super::network::{Network, is_allowed, is_public};

/// The longest URL, in bytes.
pub(crate) const URL_LEN_MAX: usize = 2_000;

/// Why nothing is sent to a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadTarget {
    /// It cannot be read.
    #[error("url: {0}")]
    Malformed(String),
    /// Neither https, nor http inside of a network that the operator allows.
    #[error("url: https, or http to an address of a network that the operator allows")]
    Scheme,
    /// It has a name or a password in it, which logs and lists would show.
    #[error("url: no user and no password in it")]
    Credentials,
    /// Its address is neither public nor in a network that the operator allows.
    #[error("url: an address of the public internet, or of a network that the operator allows")]
    Address,
}

/// A URL that messages may be sent to. A name is looked up when it is sent to.
///
/// # Errors
/// [`BadTarget`]: what is wrong with it.
pub(crate) fn check(text: &str, allowed: &[Network]) -> Result<Url, BadTarget> {
    if text.len() > URL_LEN_MAX {
        return Err(BadTarget::Malformed(format!("at most {URL_LEN_MAX} bytes")));
    }
    let url = Url::parse(text).map_err(|error| BadTarget::Malformed(error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadTarget::Credentials);
    }
    let literal = match url.host() {
        Some(Host::Domain(_)) => None,
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        None => return Err(BadTarget::Malformed("it names no host".to_owned())),
    };
    match (url.scheme(), literal) {
        ("https", None) => Ok(url),
        ("https", Some(at)) if is_public(at) || is_allowed(allowed, at) => Ok(url),
        ("http", Some(at)) if is_allowed(allowed, at) => Ok(url),
        ("https", Some(_)) => Err(BadTarget::Address),
        _ => Err(BadTarget::Scheme),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_public_and_encrypted_unless_its_network_is_allowed() {
        let allowed: Vec<Network> = vec!["127.0.0.0/8".parse().unwrap()];
        let long = format!("https://example.com/{}", "a".repeat(URL_LEN_MAX));
        for (url, bad) in [
            ("https://example.com/hook?x=1", None),
            ("https://1.1.1.1/", None),
            ("https://127.0.0.1/", None),
            ("http://127.0.0.1:8080/", None),
            ("http://1.1.1.1/", Some(BadTarget::Scheme)),
            ("http://example.com/", Some(BadTarget::Scheme)),
            ("ftp://example.com/", Some(BadTarget::Scheme)),
            ("https://10.0.0.1/", Some(BadTarget::Address)),
            // Other spellings of 10.0.0.1, which the parser reads as browsers do.
            ("https://0xa000001/", Some(BadTarget::Address)),
            ("https://[::ffff:10.0.0.1]/", Some(BadTarget::Address)),
            ("https://me:secret@example.com/", Some(BadTarget::Credentials)),
        ] {
            assert_eq!(check(url, &allowed).err(), bad, "{url}");
        }
        for url in [long.as_str(), "example.com", ""] {
            assert!(matches!(check(url, &allowed), Err(BadTarget::Malformed(_))), "{url}");
        }
    }
}
