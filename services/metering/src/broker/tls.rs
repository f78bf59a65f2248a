//! TLS on the line to the broker: the operator's files, and the meter that a certificate names.
//!
//! The files are read again when they change, so that a certificate is renewed without a restart:
//! new lines get the new one, lines that are open go on with what they began with.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ids::MeterId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_util::sync::CancellationToken;

/// Milliseconds between two looks at the files, unless the settings say otherwise.
const RELOAD_MS: u64 = 10_000;

/// Where meters connect with TLS 1.2 or 1.3, and by which files. They are read at the start, and
/// again whenever they have changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The address; port 0 takes any free one.
    pub address: SocketAddr,
    /// The broker's certificate and those that lead to its root, in PEM.
    pub certificate: PathBuf,
    /// The certificate's private key, in PEM.
    pub key: PathBuf,
    /// The roots of devices' certificates, in PEM. A certificate that names a meter as
    /// `urn:uuid:<meter>` (RFC 9562, among its alternative names) lets that meter in without a
    /// token. Without roots no certificate is asked for.
    #[serde(default)]
    pub client_roots: Option<PathBuf>,
    /// Milliseconds between two looks at the files.
    #[serde(default = "reload_ms")]
    pub reload_ms: u64,
}

fn reload_ms() -> u64 {
    RELOAD_MS
}

/// What answers on the line, by the newest files that could be read.
#[derive(Clone)]
pub(super) struct Acceptor(watch::Receiver<TlsAcceptor>);

impl Acceptor {
    /// What answers on a line that opens now.
    pub(super) fn now(&self) -> TlsAcceptor {
        self.0.borrow().clone()
    }
}

impl Tls {
    /// A setting with the usual interval between two looks at the files.
    pub fn new(
        address: SocketAddr,
        (certificate, key): (PathBuf, PathBuf),
        client_roots: Option<PathBuf>,
    ) -> Tls {
        Tls { address, certificate, key, client_roots, reload_ms: RELOAD_MS }
    }

    /// What answers on the line, until `stop`.
    ///
    /// # Errors
    /// A file that cannot be read, or that does not hold what it should.
    pub(super) fn start(&self, stop: CancellationToken) -> Result<Acceptor> {
        // What is there before the files are read, so that no change in between is missed.
        let seen = self.digest();
        let (newest, acceptor) = watch::channel(self.acceptor()?);
        tokio::spawn(renew(self.clone(), seen, newest, stop));
        Ok(Acceptor(acceptor))
    }

    /// Tells whether the files are what they were; a file that is not there is none.
    fn digest(&self) -> [u8; 32] {
        let paths = [Some(&self.certificate), Some(&self.key), self.client_roots.as_ref()];
        let mut hash = Sha256::new();
        for path in paths.into_iter().flatten() {
            let content = std::fs::read(path).unwrap_or_default();
            hash.update(Sha256::digest(content));
        }
        hash.finalize().into()
    }

    fn acceptor(&self) -> Result<TlsAcceptor> {
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .context("TLS versions")?;
        let config = match &self.client_roots {
            None => config.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(path)? {
                    roots.add(root).with_context(|| path.display().to_string())?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .allow_unauthenticated()
                        .build()
                        .with_context(|| path.display().to_string())?;
                config.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .with_context(|| format!("the private key in {}", self.key.display()))?;
        let config = config
            .with_single_cert(certificates(&self.certificate)?, key)
            .with_context(|| format!("the certificate in {}", self.certificate.display()))?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Looks at the files again and again. What cannot be used, such as a certificate whose key is
/// not there yet, changes nothing, and is said once.
async fn renew(
    tls: Tls,
    mut seen: [u8; 32],
    newest: watch::Sender<TlsAcceptor>,
    stop: CancellationToken,
) {
    let mut looks = tokio::time::interval(Duration::from_millis(tls.reload_ms.max(1)));
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = newest.closed() => return,
            _ = looks.tick() => {}
        }
        let (files, before) = (tls.clone(), seen);
        let looked = tokio::task::spawn_blocking(move || {
            let now = files.digest();
            (now, (now != before).then(|| files.acceptor()))
        });
        let Ok((now, changed)) = looked.await else { return };
        seen = now;
        match changed {
            None => {}
            Some(Ok(acceptor)) => {
                newest.send_replace(acceptor);
                tracing::info!("the certificate of the MQTT broker was read again");
            }
            Some(Err(error)) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "new files for TLS cannot be used; the old ones go on");
            }
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.with_context(|| format!("certificates in {}", path.display()))?;
    ensure!(!read.is_empty(), "no certificate in {}", path.display());
    Ok(read)
}

/// The meter that a device's certificate names; `None` where it names none or several.
pub(super) fn meter_of(certificate: &CertificateDer<'_>) -> Option<MeterId> {
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let mut meters = certificate
        .valid_uri_names()
        .filter_map(|name| name.strip_prefix("urn:uuid:")?.parse::<MeterId>().ok());
    meters.next().filter(|_| meters.next().is_none())
}
