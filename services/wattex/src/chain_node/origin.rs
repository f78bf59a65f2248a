//! Which pages of other origins may ask a node: explorers and dapps that somebody else serves.

use clap::Args;
use reqwest::Url;

use crate::exit::Trouble;

/// Origins that may ask at most.
const ORIGINS_MAX: usize = 16;

/// Whose pages may ask.
#[derive(Args, Debug, Clone)]
pub struct Allowed {
    /// An origin whose pages may ask, http(s)://HOST[:PORT], again for each, 16 at most; * for all.
    /// When absent only pages that the node itself serves, and with --dev all.
    #[arg(long = "origin", value_name = "ORIGIN", value_delimiter = ',', value_parser = parse)]
    origins: Vec<String>,
}

impl Allowed {
    /// The origins. A node for development answers pages of any if none is named: it holds nothing
    /// that is worth anything.
    ///
    /// # Errors
    /// [`Trouble::Argument`] where there are more than 16.
    pub fn origins(&self, dev: bool) -> Result<Vec<String>, Trouble> {
        if self.origins.len() > ORIGINS_MAX {
            return Err(Trouble::Argument(format!("--origin: {ORIGINS_MAX} at most")));
        }
        let all = dev && self.origins.is_empty();
        Ok(if all { vec!["*".to_owned()] } else { self.origins.clone() })
    }
}

/// An origin as browsers write it, in lower case and without the port that the scheme means anyway.
fn parse(text: &str) -> Result<String, String> {
    let refused = || "use http(s)://HOST[:PORT] without a path, or * for all".to_owned();
    if text == "*" {
        return Ok(text.to_owned());
    }
    let url = Url::parse(text).map_err(|_| refused())?;
    let named = url.username().is_empty() && url.password().is_none();
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let web = matches!(url.scheme(), "http" | "https");
    if named && bare && web { Ok(url.origin().ascii_serialization()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, expected) in [
            ("*", Some("*")),
            ("https://Explorer.example", Some("https://explorer.example")),
            ("https://explorer.example:443/", Some("https://explorer.example")),
            ("http://192.168.1.5:5100", Some("http://192.168.1.5:5100")),
            ("http://[::1]:5100", Some("http://[::1]:5100")),
            ("explorer.example", None),
            ("https://explorer.example/app", None),
            ("https://explorer.example/?", None),
            ("https://eve@explorer.example", None),
            ("file:///etc", None),
            ("null", None),
            ("", None),
        ] {
            assert_eq!(parse(text).ok().as_deref(), expected, "{text}");
        }
    }
}
