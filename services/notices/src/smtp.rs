//! How a letter is handed over: SMTP to the operator's mail server.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use zeroize::Zeroizing;

use crate::domain::letter::Words;

/// How long the server may take for each step.
const STEP_WITHIN: Duration = Duration::from_secs(20);

/// How the line to the mail server is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// TLS from the first byte (RFC 8314), port 465 as a rule.
    Implicit,
    /// STARTTLS, without which nothing is sent; port 587 as a rule.
    StartTls,
    /// None: for a server on this machine. No credentials are sent.
    Off,
}

/// The operator's mail server.
#[derive(Clone)]
pub struct Mail {
    /// Its name, which its certificate has.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the line is kept from others.
    pub tls: MailTls,
    /// From whom letters are: `Town <billing@example.org>`.
    pub from: String,
    /// The name and the password to send with, if it wants them.
    pub credentials: Option<(String, Zeroizing<String>)>,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Mail { host, port, tls, from, .. } = self;
        write!(f, "Mail({from} by {host}:{port}, {tls:?})")
    }
}

/// Sends letters.
pub(crate) struct Postman {
    smtp: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// A file that goes with a letter.
pub(crate) struct Enclosed {
    pub(crate) name: String,
    pub(crate) pdf: Vec<u8>,
}

/// Why a letter was not taken.
#[derive(Debug)]
pub(crate) struct NotTaken {
    /// In words.
    pub(crate) reason: String,
    /// Whether the server would say the same again.
    pub(crate) for_good: bool,
}

impl Postman {
    /// A sender over the operator's server.
    ///
    /// # Errors
    /// When the settings are not such that letters can be sent.
    pub(crate) fn new(mail: Mail) -> Result<Postman> {
        let from: Mailbox = mail.from.parse().with_context(|| {
            format!("{:?} is no sender such as Town <billing@example.org>", mail.from)
        })?;
        let parameters = || TlsParameters::new(mail.host.clone()).context("TLS to the mail server");
        let tls = match mail.tls {
            MailTls::Implicit => Tls::Wrapper(parameters()?),
            MailTls::StartTls => Tls::Required(parameters()?),
            MailTls::Off => Tls::None,
        };
        let mut smtp = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.host)
            .port(mail.port)
            .tls(tls)
            .timeout(Some(STEP_WITHIN));
        if let Some((name, password)) = &mail.credentials {
            ensure!(mail.tls != MailTls::Off, "the mail server's password is sent with TLS only");
            smtp = smtp.credentials(Credentials::new(name.clone(), password.to_string()));
        }
        Ok(Postman { smtp: smtp.build(), from })
    }

    /// Hands a letter over, once. `id` names it in every attempt.
    pub(crate) async fn send(
        &self,
        (to, id): (&Address, &str),
        words: &Words,
        enclosed: Option<Enclosed>,
    ) -> Result<(), NotTaken> {
        let message = self
            .message((to, id), words, enclosed)
            .map_err(|error| NotTaken { reason: format!("{error:#}"), for_good: true })?;
        match self.smtp.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(NotTaken { for_good: error.is_permanent(), reason: error.to_string() })
            }
        }
    }

    fn message(
        &self,
        (to, id): (&Address, &str),
        words: &Words,
        enclosed: Option<Enclosed>,
    ) -> Result<Message> {
        let domain = self.from.email.domain();
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(words.subject.clone())
            .message_id(Some(format!("<{id}@{domain}>")))
            // RFC 3834: nobody's absence answers it.
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
        let text = SinglePart::plain(words.text.clone());
        Ok(match enclosed {
            None => message.singlepart(text)?,
            Some(Enclosed { name, pdf }) => {
                let kind = ContentType::parse("application/pdf").expect("a media type");
                let file = Attachment::new(name).body(pdf, kind);
                message.multipart(MultiPart::mixed().singlepart(text).singlepart(file))?
            }
        })
    }
}
