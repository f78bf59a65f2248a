//! How systems and people outside are told what happens, as options of a program.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use notices::{Mail, MailTls, Network};
use zeroize::Zeroizing;

use crate::node::{Outside, Register};

/// The longest password file, in bytes.
const PASSWORD_BYTES_MAX: usize = 1_024;

/// Where messages and letters may go, and over which mail server.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct OutsideOptions {
    /// A network that webhooks may go to though it is not public, e.g. 10.20.0.0/16; http is
    /// allowed there. Several are separated by commas.
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    webhook_networks: Vec<Network>,
    /// The mail server. When absent nobody is written to.
    #[arg(long, value_name = "HOST", env = "WATTEX_SMTP_HOST", requires = "mail_from")]
    smtp_host: Option<String>,
    /// Its port; 465 with implicit TLS and 587 otherwise unless said.
    #[arg(long, value_name = "PORT", env = "WATTEX_SMTP_PORT", requires = "smtp_host")]
    smtp_port: Option<u16>,
    /// How the line to it is kept from others.
    #[arg(long, value_name = "MODE", env = "WATTEX_SMTP_TLS", requires = "smtp_host")]
    smtp_tls: Option<TlsMode>,
    /// From whom letters are: "Town <billing@example.org>".
    #[arg(long, value_name = "SENDER", env = "WATTEX_MAIL_FROM", requires = "smtp_host")]
    mail_from: Option<String>,
    /// The name to send with; the password is in a file, or in WATTEX_SMTP_PASSWORD.
    #[arg(long, value_name = "NAME", env = "WATTEX_SMTP_USER", requires = "smtp_host")]
    smtp_user: Option<String>,
    /// The file with the password.
    #[arg(long, value_name = "FILE", requires = "smtp_user")]
    smtp_password_file: Option<PathBuf>,
    /// Who may ask for and record trades by the DEG ledger interface: a file in JSON, as
    /// docs/deg.md says. When absent nobody answers at /ledger.
    #[arg(long, value_name = "FILE")]
    deg: Option<PathBuf>,
}

/// How the line to the mail server is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TlsMode {
    /// TLS from the first byte.
    Implicit,
    /// STARTTLS, without which nothing is sent.
    Starttls,
    /// None: for a server on this machine.
    Off,
}

impl OutsideOptions {
    /// The settings of the node.
    ///
    /// # Errors
    /// When a name to send with has no password.
    pub fn outside(&self) -> Result<Outside> {
        Ok(Outside {
            webhook_networks: self.webhook_networks.clone(),
            mail: self.mail()?,
            deg: self.deg.as_deref().map(register).transpose()?,
        })
    }

    fn mail(&self) -> Result<Option<Mail>> {
        let Some((host, from)) = self.smtp_host.clone().zip(self.mail_from.clone()) else {
            return Ok(None);
        };
        let tls = match self.smtp_tls.unwrap_or(TlsMode::Starttls) {
            TlsMode::Implicit => MailTls::Implicit,
            TlsMode::Starttls => MailTls::StartTls,
            TlsMode::Off => MailTls::Off,
        };
        let usual = if tls == MailTls::Implicit { 465 } else { 587 };
        let port = self.smtp_port.unwrap_or(usual);
        let credentials = match &self.smtp_user {
            None => None,
            Some(name) => Some((name.clone(), self.password()?)),
        };
        Ok(Some(Mail { host, port, tls, from, credentials }))
    }

    fn password(&self) -> Result<Zeroizing<String>> {
        let text = match &self.smtp_password_file {
            Some(file) => Zeroizing::new(
                fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?,
            ),
            None => Zeroizing::new(
                std::env::var("WATTEX_SMTP_PASSWORD")
                    .context("--smtp-user needs --smtp-password-file or WATTEX_SMTP_PASSWORD")?,
            ),
        };
        anyhow::ensure!(text.len() <= PASSWORD_BYTES_MAX, "the password is too long");
        Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// Who takes part in the register of trades, from a file.
fn register(path: &Path) -> Result<Register> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not as it must be", path.display()))
}
