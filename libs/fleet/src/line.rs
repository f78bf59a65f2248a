//! A broker, and lines to it: TCP or TLS.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::device::Device;
use crate::frames::{self, Answer, Version};

/// How long a line may take until the broker lets its meter in.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// Meters that knock at the same time: a listener's queue holds no more than some hundreds.
const KNOCKING_MAX: usize = 128;
/// Bytes that are read at once.
const READ_BYTES: usize = 2048;

/// What TCP and TLS have in common.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Where the meters of a fleet connect, and how.
pub struct Broker {
    host: String,
    port: u16,
    version: Version,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    knocking: Semaphore,
}

impl Broker {
    /// The broker at `host` and `port`; with TLS where a file with `roots` in PEM is given.
    ///
    /// # Errors
    /// When there are no certificates in the file, or `host` is no name for TLS.
    pub fn new(host: &str, port: u16, version: Version, roots: Option<&Path>) -> Result<Broker> {
        let tls = match roots {
            None => None,
            Some(file) => Some((connector(file)?, ServerName::try_from(host.to_owned())?)),
        };
        let knocking = Semaphore::new(KNOCKING_MAX);
        Ok(Broker { host: host.to_owned(), port, version, tls, knocking })
    }

    /// Which MQTT is spoken.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// A line on which `device` was let in.
    pub(crate) async fn enter(&self, device: &Device, keep_alive: u16) -> Result<Line> {
        let _knock = self.knocking.acquire().await.context("the broker is not called any more")?;
        tokio::time::timeout(CONNECT_WITHIN, self.knock(device, keep_alive))
            .await
            .context("the broker does not answer")?
    }

    async fn knock(&self, device: &Device, keep_alive: u16) -> Result<Line> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(tcp),
            Some((tls, name)) => Box::new(tls.connect(name.clone(), tcp).await.context("TLS")?),
        };
        let mut line = Line { stream, heard: BytesMut::new(), version: self.version };
        let name = device.meter.to_string();
        line.say(&frames::connect(self.version, &name, &device.token, keep_alive)).await?;
        match line.hear(READ_BYTES).await? {
            Some(Answer::ConnAck(0)) => Ok(line),
            Some(Answer::ConnAck(code)) => bail!("refused with {code}"),
            other => bail!("{other:?} instead of a CONNACK"),
        }
    }
}

fn connector(file: &Path) -> Result<TlsConnector> {
    let name = || file.display().to_string();
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.with_context(name)?;
    ensure!(!read.is_empty(), "no certificate in {}", name());
    let mut roots = RootCertStore::empty();
    for root in read {
        roots.add(root).with_context(name)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// An open line.
pub(crate) struct Line {
    stream: Box<dyn Stream>,
    heard: BytesMut,
    version: Version,
}

impl Line {
    /// Sends bytes.
    pub(crate) async fn say(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// The next answer, reading `most` bytes at a time; `None` where the line is at its end. May be
    /// given up at any moment: nothing that came is lost.
    pub(crate) async fn hear(&mut self, most: usize) -> Result<Option<Answer>> {
        loop {
            if let Some(answer) = self.heard_already()? {
                return Ok(Some(answer));
            }
            self.heard.reserve(READ_BYTES);
            let mut part = (&mut self.stream).take(most as u64);
            if part.read_buf(&mut self.heard).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// An answer that is here.
    pub(crate) fn heard_already(&mut self) -> Result<Option<Answer>> {
        frames::take(&mut self.heard, self.version)
    }
}
