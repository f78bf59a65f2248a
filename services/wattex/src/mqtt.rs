//! Where meters reach the broker with TLS, as options of a program.

use std::net::SocketAddr;
use std::path::PathBuf;

/// The broker's line with TLS.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct MqttTls {
    /// Where meters connect to the broker with TLS 1.2 or 1.3, e.g. 0.0.0.0:8883. When absent they
    /// connect on this machine alone, without it.
    #[arg(long, value_name = "ADDR:PORT", requires = "tls_cert", requires = "tls_key")]
    mqtt_tls: Option<SocketAddr>,
    /// The broker's certificate and those that lead to its root, in PEM. Read again when it
    /// changes, as the other two; lines that are open go on.
    #[arg(long, value_name = "FILE", requires = "mqtt_tls")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "mqtt_tls")]
    tls_key: Option<PathBuf>,
    /// The roots of devices' certificates, in PEM. A certificate with the name urn:uuid:METER lets
    /// that meter in without a token.
    #[arg(long, value_name = "FILE", requires = "mqtt_tls")]
    tls_client_ca: Option<PathBuf>,
}

impl MqttTls {
    /// The setting of the broker, where there is one.
    pub fn tls(&self) -> Option<metering::Tls> {
        let (address, certificate) = self.mqtt_tls.zip(self.tls_cert.clone())?;
        let key = self.tls_key.clone()?;
        Some(metering::Tls::new(address, (certificate, key), self.tls_client_ca.clone()))
    }
}
