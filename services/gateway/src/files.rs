//! The web app's built files, inside the program.

use std::borrow::Cow;

use rust_embed::RustEmbed;

/// The folder that the web app is built into. Empty when the app was not built before the program.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
struct Dist;

/// A file that the edge serves.
#[derive(Debug, Clone)]
pub struct File {
    /// What is in it.
    pub content: Cow<'static, [u8]>,
    /// Its media type, by its name.
    pub media_type: String,
    /// Changes when the content does.
    pub etag: String,
}

/// Finds a file by its path without a leading slash.
pub type Files = fn(&str) -> Option<File>;

/// The web app as it was built into this program.
pub fn web_app(path: &str) -> Option<File> {
    let file = Dist::get(path)?;
    let etag = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let media_type = match file.metadata.mimetype() {
        text if text.starts_with("text/") || text.ends_with("javascript") => {
            format!("{text}; charset=utf-8")
        }
        other => other.to_owned(),
    };
    Some(File { content: file.data, media_type, etag })
}
