//! Messages of Sign-In with Ethereum (EIP-4361), which wallets know how to show and to check.
//!
//! ```text
//! wattex.example wants you to sign in with your Ethereum account:
//! 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf
//!
//! Prove to Wattex that this key is yours. It costs nothing and moves no money.
//!
//! URI: https://wattex.example
//! Version: 1
//! Chain ID: 7701
//! Nonce: 4f...
//! Issued At: 2026-06-01T10:00:00Z
//! Expiration Time: 2026-06-01T10:10:00Z
//! ```
//!
//! Deliberately absent: request ids and resources. A message with them is refused, so that nobody
//! signs for more than a login here.

use std::fmt;

use alloy_primitives::Address;
use calendar::Timestamp;

use super::site::Origin;

/// Bytes a message has at most.
pub(crate) const MESSAGE_MAX: usize = 2048;
/// What follows the domain in the first line.
const WANTS: &str = " wants you to sign in with your Ethereum account:";
/// How far a wallet's clock may be ahead of ours, in seconds.
const SKEW_SECONDS: i64 = 60;

/// A message, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Of the origin, where the message says it.
    pub(crate) scheme: Option<String>,
    /// The host that asks.
    pub(crate) domain: String,
    /// Whose key signs.
    pub(crate) address: Address,
    /// What the signer reads.
    pub(crate) statement: Option<String>,
    /// What is signed in to.
    pub(crate) uri: String,
    /// The chain of the account.
    pub(crate) chain_id: u64,
    /// The challenge.
    pub(crate) nonce: String,
    /// When it was made.
    pub(crate) issued_at: Timestamp,
    /// Until when it counts.
    pub(crate) expires_at: Option<Timestamp>,
    /// From when it counts.
    pub(crate) not_before: Option<Timestamp>,
}

/// What a message has to say, besides its times.
pub(crate) struct Expected<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) address: Address,
    pub(crate) chain_id: u64,
    pub(crate) nonce: &'a str,
}

impl Message {
    /// Reads a message, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Message, &'static str> {
        if text.len() > MESSAGE_MAX {
            return Err("the message is too long");
        }
        let mut lines = text.split('\n');
        let first = lines.next().and_then(|line| line.strip_suffix(WANTS));
        let first = first.ok_or("the first line of the message is not that of EIP-4361")?;
        let (scheme, domain) = match first.split_once("://") {
            Some((scheme, domain)) => (Some(scheme.to_owned()), domain),
            None => (None, first),
        };
        let address = lines.next().and_then(|line| Address::parse_checksummed(line, None).ok());
        let address = address.ok_or("the address of the message has no valid checksum")?;
        if lines.next() != Some("") {
            return Err("the message has no empty line after the address");
        }
        let statement = lines.next().filter(|line| !line.is_empty()).map(str::to_owned);
        if statement.is_some() && lines.next() != Some("") {
            return Err("the message has no empty line after the statement");
        }
        let mut fields = Fields { lines, ahead: None };
        let uri = fields.take("URI: ").ok_or("the message has no URI")?.to_owned();
        if fields.take("Version: ") != Some("1") {
            return Err("the version of the message is not 1");
        }
        let chain_id = fields.take("Chain ID: ").and_then(|text| text.parse().ok());
        let chain_id = chain_id.ok_or("the message has no chain id")?;
        let nonce = fields.take("Nonce: ").ok_or("the message has no nonce")?.to_owned();
        let issued_at = fields.moment("Issued At: ")?.ok_or("the message does not say when")?;
        let expires_at = fields.moment("Expiration Time: ")?;
        let not_before = fields.moment("Not Before: ")?;
        if fields.next().is_some() {
            return Err("the message says more than a login needs");
        }
        let domain = domain.to_owned();
        Ok(Message {
            scheme,
            domain,
            address,
            statement,
            uri,
            chain_id,
            nonce,
            issued_at,
            expires_at,
            not_before,
        })
    }

    /// What in the message is not as expected, or why it does not count at `now`.
    pub(crate) fn fault(&self, expected: &Expected<'_>, now: Timestamp) -> Option<&'static str> {
        let origin = expected.origin;
        let faults = [
            (self.domain != origin.authority(), "the message is for another domain"),
            (
                self.scheme.as_deref().is_some_and(|scheme| scheme != origin.scheme()),
                "the message is for another scheme",
            ),
            (!is_within(&self.uri, &origin.to_string()), "the message is for another URI"),
            (self.address != expected.address, "the message is of another address"),
            (self.chain_id != expected.chain_id, "the message is for another chain"),
            (self.nonce != expected.nonce, "the message has another nonce"),
            (
                self.issued_at > now.plus_seconds(SKEW_SECONDS),
                "the message was issued in the future",
            ),
            (self.expires_at.is_some_and(|end| now > end), "the message is over"),
            (self.not_before.is_some_and(|begin| now < begin), "the message does not count yet"),
        ];
        faults.into_iter().find(|(wrong, _)| *wrong).map(|(_, fault)| fault)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(f, "{scheme}://")?;
        }
        write!(f, "{}{WANTS}\n{}\n\n", self.domain, self.address)?;
        if let Some(statement) = &self.statement {
            writeln!(f, "{statement}")?;
        }
        write!(
            f,
            "\nURI: {}\nVersion: 1\nChain ID: {}\nNonce: {}\nIssued At: {}",
            self.uri, self.chain_id, self.nonce, self.issued_at
        )?;
        if let Some(end) = self.expires_at {
            write!(f, "\nExpiration Time: {end}")?;
        }
        if let Some(begin) = self.not_before {
            write!(f, "\nNot Before: {begin}")?;
        }
        Ok(())
    }
}

/// Whether `uri` is the origin or a path below it.
fn is_within(uri: &str, origin: &str) -> bool {
    let rest = uri.strip_prefix(origin);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The named lines at the end of a message, in their order; some may be missing.
struct Fields<'a> {
    lines: std::str::Split<'a, char>,
    ahead: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.ahead.take().or_else(|| self.lines.next())
    }

    /// What follows `name`, if that is the next line.
    fn take(&mut self, name: &str) -> Option<&'a str> {
        let line = self.next()?;
        let value = line.strip_prefix(name);
        if value.is_none() {
            self.ahead = Some(line);
        }
        value
    }

    fn moment(&mut self, name: &str) -> Result<Option<Timestamp>, &'static str> {
        let text = self.take(name);
        text.map(|text| text.parse().map_err(|_| "a time of the message is no RFC 3339"))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf";

    fn message() -> Message {
        Message {
            scheme: None,
            domain: "wattex.example".to_owned(),
            address: ADDRESS.parse().unwrap(),
            statement: Some("Prove it.".to_owned()),
            uri: "https://wattex.example".to_owned(),
            chain_id: 7701,
            nonce: "abcdef0123456789".to_owned(),
            issued_at: at(0),
            expires_at: Some(at(600)),
            not_before: None,
        }
    }

    /// So many seconds after the message was issued.
    fn at(seconds: i64) -> Timestamp {
        "2026-06-01T10:00:00Z".parse::<Timestamp>().unwrap().plus_seconds(seconds)
    }

    #[test]
    fn a_message_is_written_as_the_standard_says() {
        let expected = format!(
            "wattex.example wants you to sign in with your Ethereum account:\n{ADDRESS}\n\n\
             Prove it.\n\nURI: https://wattex.example\nVersion: 1\nChain ID: 7701\n\
             Nonce: abcdef0123456789\nIssued At: 2026-06-01T10:00:00Z\n\
             Expiration Time: 2026-06-01T10:10:00Z"
        );
        assert_eq!(message().to_string(), expected);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let full =
            Message { scheme: Some("https".to_owned()), not_before: Some(at(1)), ..message() };
        let bare = Message { statement: None, expires_at: None, ..message() };
        for message in [message(), full, bare] {
            assert_eq!(Message::parse(&message.to_string()), Ok(message));
        }
    }

    /// As viem's `createSiweMessage` writes it.
    #[test]
    fn what_another_program_writes_is_read() {
        let theirs = format!(
            "127.0.0.1:8080 wants you to sign in with your Ethereum account:\n{ADDRESS}\n\n\n\
             URI: http://127.0.0.1:8080/login\nVersion: 1\nChain ID: 7701\n\
             Nonce: abcdef0123456789\nIssued At: 2026-06-01T10:00:00.000Z"
        );
        let expected = Message {
            domain: "127.0.0.1:8080".to_owned(),
            statement: None,
            uri: "http://127.0.0.1:8080/login".to_owned(),
            expires_at: None,
            ..message()
        };
        assert_eq!(Message::parse(&theirs), Ok(expected));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let good = message().to_string();
        for (from, to, fault) in [
            (" wants you", " asks you", "first line"),
            ("0x7E5F", "0x7e5F", "checksum"),
            ("\n\nProve", "\nProve", "empty line"),
            ("it.\n\n", "it.\n", "empty line"),
            ("URI: ", "URL: ", "URI"),
            ("Version: 1", "Version: 2", "version"),
            ("Chain ID: 7701", "Chain ID: one", "chain id"),
            ("Nonce: ", "nonce: ", "nonce"),
            ("Issued At: 2026", "Issued At: soon", "RFC 3339"),
            ("10:10:00Z", "10:10:00Z\nRequest ID: 7", "more than"),
            ("10:10:00Z", "10:10:00Z\nResources:\n- https://eve.example", "more than"),
            ("10:10:00Z", "10:10:00Z\n", "more than"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            let refused = Message::parse(&bad).unwrap_err();
            assert!(refused.contains(fault), "{from}: {refused}");
        }
        assert!(Message::parse(&"x".repeat(MESSAGE_MAX + 1)).unwrap_err().contains("long"));
        assert!(Message::parse("").is_err());
    }

    #[test]
    fn each_field_has_to_be_the_expected_one_and_the_time_right() {
        let origin: Origin = "https://wattex.example".parse().unwrap();
        let expected = Expected {
            origin: &origin,
            address: message().address,
            chain_id: 7701,
            nonce: "abcdef0123456789",
        };
        let check = |change: fn(&mut Message), seconds: i64, fault: Option<&str>| {
            let mut changed = message();
            change(&mut changed);
            let found = changed.fault(&expected, at(seconds));
            assert_eq!(found.is_none(), fault.is_none(), "{found:?}, expected {fault:?}");
            assert!(found.unwrap_or("").contains(fault.unwrap_or("")), "{found:?}");
        };
        check(|_| {}, 0, None);
        check(|_| {}, 600, None);
        check(|_| {}, 601, Some("over"));
        check(|_| {}, -60, None);
        check(|_| {}, -61, Some("future"));
        check(|m| m.domain = "eve.example".to_owned(), 0, Some("domain"));
        check(|m| m.scheme = Some("http".to_owned()), 0, Some("scheme"));
        check(|m| m.scheme = Some("https".to_owned()), 0, None);
        check(|m| m.uri = "https://wattex.example/login".to_owned(), 0, None);
        check(|m| m.uri = "https://wattex.example.eve.example".to_owned(), 0, Some("URI"));
        check(|m| m.address = Address::ZERO, 0, Some("address"));
        check(|m| m.chain_id = 1, 0, Some("chain"));
        check(|m| m.nonce = "0".repeat(16), 0, Some("nonce"));
        check(|m| m.expires_at = None, 10_000, None);
        check(|m| m.not_before = Some(at(5)), 4, Some("yet"));
    }
}
