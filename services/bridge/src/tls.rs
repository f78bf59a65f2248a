//! TLS on the line to the broker.
//!
//! ```text
//! MQTT client -> socket in a folder of this user alone -> TLS, certificate checked -> broker
//! ```
//!
//! The client's own TLS would bring crates in that nobody keeps any more.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::task::AbortOnDropHandle;

/// How long a broker may take to answer the connection, and TLS.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How long it may say nothing: three times the client's keep-alive, which asks for an answer.
const SILENCE_MAX: Duration = Duration::from_secs(90);
/// How long it may take to say the rest once the client has left.
const LINGER: Duration = Duration::from_secs(5);
/// Bytes that are passed on at once.
const PIECE_BYTES: usize = 8192;

/// A socket on this machine behind which the broker is.
pub(crate) struct Tunnel {
    path: PathBuf,
    _work: AbortOnDropHandle<()>,
    _folder: TempDir,
}

/// Where a tunnel ends.
struct Broker {
    host: String,
    port: u16,
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tunnel {
    /// A tunnel to the broker at `host` and `port`, whose certificate one of `roots` (a file in
    /// PEM) vouches for.
    ///
    /// # Errors
    /// When there are no certificates in the file, or `host` is no name for TLS.
    pub(crate) fn open(host: &str, port: u16, roots: &Path) -> Result<Tunnel> {
        let name = ServerName::try_from(host.to_owned()).context("source.host")?;
        let connector = connector(roots).context("source.roots")?;
        // Nobody else may enter a temporary folder.
        let folder = tempfile::tempdir().context("a folder for the line")?;
        let path = folder.path().join("line");
        let listener = UnixListener::bind(&path).context("a socket for the line")?;
        let broker = Broker { host: host.to_owned(), port, connector, name };
        let work = tokio::spawn(async move {
            // The client has one line at a time.
            while let Ok((client, _)) = listener.accept().await {
                if let Err(error) = broker.serve(client).await {
                    tracing::warn!(error = format!("{error:#}"), "the line to the broker ended");
                }
            }
        });
        Ok(Tunnel { path, _work: AbortOnDropHandle::new(work), _folder: folder })
    }

    /// Where the client connects.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Broker {
    async fn serve(&self, client: UnixStream) -> Result<()> {
        let tls = tokio::time::timeout(CONNECT_PATIENCE, self.connect());
        let (from_broker, to_broker) =
            tokio::io::split(tls.await.context("the broker is silent")??);
        let (from_client, to_client) = client.into_split();
        pass(from_client, to_client, (from_broker, to_broker), SILENCE_MAX).await
    }

    async fn connect(&self) -> Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        self.connector.connect(self.name.clone(), tcp).await.context("TLS")
    }
}

/// Passes on what either side says until one leaves, or the broker says nothing for `silence_max`:
/// a line that died without a word would keep the next one waiting, as there is one at a time.
async fn pass(
    mut from_client: impl AsyncRead + Unpin,
    mut to_client: impl AsyncWrite + Unpin,
    (mut from_broker, mut to_broker): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    silence_max: Duration,
) -> Result<()> {
    let up = async {
        tokio::io::copy(&mut from_client, &mut to_broker).await?;
        to_broker.shutdown().await
    };
    let mut down = pin!(async {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = tokio::time::timeout(silence_max, from_broker.read(&mut piece)).await;
            match read.context("the broker says nothing any more")?? {
                0 => return anyhow::Ok(()),
                count => to_client.write_all(&piece[..count]).await?,
            }
        }
    });
    tokio::select! {
        said = &mut down => return said,
        left = up => left?,
    }
    tokio::time::timeout(LINGER, down).await.unwrap_or(Ok(()))
}

fn connector(roots: &Path) -> Result<TlsConnector> {
    let name = || roots.display().to_string();
    let read = CertificateDer::pem_file_iter(roots);
    let read = read.and_then(Iterator::collect::<Result<Vec<_>, _>>).with_context(name)?;
    ensure!(!read.is_empty(), "no certificate in {}", name());
    let mut store = RootCertStore::empty();
    for root in read {
        store.add(root).with_context(name)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CertifiedIssuer, DnType, KeyPair};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;

    use super::*;

    fn root(name: &str) -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// A server for `localhost` whose certificate `root` has signed: it says back what it hears.
    async fn echo(root: &CertifiedIssuer<'static, KeyPair>) -> u16 {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let own = params.signed_by(&key, root).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut heard = [0; 5];
                stream.read_exact(&mut heard).await.unwrap();
                stream.write_all(&heard).await.unwrap();
                stream.shutdown().await.ok();
            }
        });
        port
    }

    async fn heard(tunnel: &Tunnel) -> Vec<u8> {
        let mut line = UnixStream::connect(tunnel.path()).await.unwrap();
        line.write_all(b"hello").await.ok();
        let mut heard = Vec::new();
        line.read_to_end(&mut heard).await.ok();
        heard
    }

    #[tokio::test]
    async fn a_broker_that_says_nothing_keeps_the_line_for_a_while_only() {
        let (client, _ours) = tokio::io::duplex(64);
        let (broker, _theirs) = tokio::io::duplex(64);
        let (from_client, to_client) = tokio::io::split(client);
        let broker = tokio::io::split(broker);
        let ended = pass(from_client, to_client, broker, Duration::from_millis(10)).await;
        assert!(ended.is_err(), "both lines are open, and it ended all the same");
    }

    #[tokio::test]
    async fn the_line_goes_to_the_broker_that_a_root_vouches_for_and_to_no_other() {
        let (ours, other) = (root("ours"), root("other"));
        let port = echo(&ours).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roots.pem");
        std::fs::write(&file, ours.pem()).unwrap();
        let tunnel = Tunnel::open("localhost", port, &file).unwrap();
        assert_eq!(heard(&tunnel).await, b"hello");
        assert_eq!(heard(&tunnel).await, b"hello", "and again");

        std::fs::write(&file, other.pem()).unwrap();
        let tunnel = Tunnel::open("localhost", port, &file).unwrap();
        assert_eq!(heard(&tunnel).await, b"", "another root");
        std::fs::write(&file, "nothing").unwrap();
        assert!(Tunnel::open("localhost", port, &file).is_err());
    }
}
