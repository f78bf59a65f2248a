//! TLS on the line to the broker: the operator's files, and the meter that a certificate names.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use ids::MeterId;
use serde::{Deserialize, Serialize};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Where meters connect with TLS 1.2 or 1.3, and by which files. They are read at the start.
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
}

impl Tls {
    /// What answers on the line.
    ///
    /// # Errors
    /// A file that cannot be read, or that does not hold what it should.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor> {
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
