//! The broker's line with TLS: tokens, certificates of devices, and those that nobody signed.

use std::fs;
use std::sync::Arc;

use metering::{Config, Listening, Metering, Tls};
use rcgen::{CertificateParams, CertifiedIssuer, DnType, KeyPair, SanType, string::Ia5String};
use service::Clock;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::home::{Device, Home, anchor, at, nowhere};
use crate::protocol::{connect_as, publish};

/// CONNACK of MQTT 3.1.1: welcome; and bad user name or password.
const WELCOME: [u8; 4] = [0x20, 2, 0, 0];
const REFUSED: [u8; 4] = [0x20, 2, 0, 4];

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn root(name: &str) -> Issuer {
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for one name, and its key.
fn certificate(root: &Issuer, name: SanType) -> (rcgen::Certificate, KeyPair) {
    let mut params = CertificateParams::default();
    params.subject_alt_names.push(name);
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, root).unwrap(), key)
}

fn of_meter(device: &Device) -> SanType {
    let name = format!("urn:uuid:{}", device.meter);
    SanType::URI(Ia5String::try_from(name).unwrap())
}

/// A broker that speaks TLS, its root, and the root of devices.
struct Secured {
    metering: Arc<Metering>,
    listening: Listening,
    server: Issuer,
    devices: Issuer,
    folder: TempDir,
}

impl Secured {
    async fn start(home: &Home) -> Secured {
        let (server, devices) = (root("server"), root("devices"));
        let localhost = SanType::DnsName(Ia5String::try_from("localhost").unwrap());
        let (own, key) = certificate(&server, localhost);
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let tls = Tls {
            address: "127.0.0.1:0".parse().unwrap(),
            certificate: file("server.pem", &own.pem()),
            key: file("server.key", &key.serialize_pem()),
            client_roots: Some(file("devices.pem", &devices.pem())),
            reload_ms: 20,
        };
        let config = Config { tls: Some(tls), ..home.config() };
        let (clock, _) = Clock::set(at(10));
        let metering = Metering::open(config, clock, anchor(), nowhere()).await.unwrap();
        let listening = metering.listen().await.unwrap();
        Secured { metering, listening, server, devices, folder }
    }

    /// A line with a device's certificate, or without one.
    async fn line(&self, shown: Option<(rcgen::Certificate, KeyPair)>) -> TlsStream<TcpStream> {
        self.line_below(&self.server, shown).await.unwrap()
    }

    /// A line to a broker whose certificate leads to `root`; an error where it does not.
    async fn line_below(
        &self,
        root: &Issuer,
        shown: Option<(rcgen::Certificate, KeyPair)>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match shown {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
                config.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
            }
        };
        let address = self.listening.tls_address().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// What is answered to a CONNECT, and the line if it is still there.
    async fn enter(
        &self,
        shown: Option<(rcgen::Certificate, KeyPair)>,
        name: &str,
        token: &str,
    ) -> (Option<[u8; 4]>, TlsStream<TcpStream>) {
        let mut line = self.line(shown).await;
        line.write_all(&connect_as(4, 60, name, token)).await.ok();
        let mut answer = [0; 4];
        let answered = line.read_exact(&mut answer).await.is_ok();
        (answered.then_some(answer), line)
    }
}

#[actix_web::test]
async fn a_meter_enters_by_its_token_or_by_its_certificate_and_is_itself() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    let home = Home::with(&[one.clone(), two.clone()]).await;
    let secured = Secured::start(&home).await;
    let (answer, _) = secured.enter(None, &one.meter.to_string(), &one.token()).await;
    assert_eq!(answer, Some(WELCOME));
    let (answer, _) = secured.enter(None, "", "").await;
    assert_eq!(answer, Some(REFUSED));

    let shown = certificate(&secured.devices, of_meter(&one));
    let (answer, mut line) = secured.enter(Some(shown), "", "").await;
    assert_eq!(answer, Some(WELCOME));
    line.write_all(&publish(&one, 0b0010, 1)).await.unwrap();
    let mut acknowledged = [0; 4];
    line.read_exact(&mut acknowledged).await.unwrap();
    assert_eq!(acknowledged, [0x40, 2, 0, 9]);
    // Another meter's readings end the line of MQTT 3.1.1.
    line.write_all(&publish(&two, 0b0010, 1)).await.unwrap();
    assert!(line.read_exact(&mut acknowledged).await.is_err());
    assert_eq!(secured.metering.totals().await.unwrap().readings, 1);

    // With a name it has to be the same, or the token of the other.
    let shown = certificate(&secured.devices, of_meter(&one));
    let (answer, _) = secured.enter(Some(shown), &two.meter.to_string(), "").await;
    assert_eq!(answer, Some(REFUSED));
    secured.listening.stop().await;
}

#[actix_web::test]
async fn a_certificate_of_nobody_or_of_a_revoked_meter_opens_no_line() {
    let (one, stranger) = (Device::new("H01"), Device::new("H09"));
    let home = Home::with(std::slice::from_ref(&one)).await;
    let secured = Secured::start(&home).await;
    let unknown = certificate(&secured.devices, of_meter(&stranger));
    assert_eq!(secured.enter(Some(unknown), "", "").await.0, Some(REFUSED));
    let forged = certificate(&root("devices"), of_meter(&one));
    assert_eq!(secured.enter(Some(forged), "", "").await.0, None);
    home.revoke(&one).await;
    let shown = certificate(&secured.devices, of_meter(&one));
    assert_eq!(secured.enter(Some(shown), "", "").await.0, Some(REFUSED));
    secured.listening.stop().await;
}

#[actix_web::test]
async fn a_renewed_certificate_is_shown_on_new_lines_and_ends_none() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    let secured = Secured::start(&home).await;
    let shown = certificate(&secured.devices, of_meter(&one));
    let (answer, mut old_line) = secured.enter(Some(shown), "", "").await;
    assert_eq!(answer, Some(WELCOME));

    let next_root = root("next");
    let localhost = SanType::DnsName(Ia5String::try_from("localhost").unwrap());
    let (own, key) = certificate(&next_root, localhost);
    let write = |name: &str, text: &str| {
        fs::write(secured.folder.path().join(name), text).unwrap();
    };
    // A certificate without its key cannot be used: the old pair goes on until the key is there.
    write("server.pem", &own.pem());
    assert!(secured.line_below(&next_root, None).await.is_err());
    drop(secured.line(None).await);
    write("server.key", &key.serialize_pem());
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while secured.line_below(&next_root, None).await.is_err() {
        assert!(tokio::time::Instant::now() < until, "the new certificate is never shown");
        tokio::task::yield_now().await;
    }
    assert!(secured.line_below(&secured.server, None).await.is_err());

    old_line.write_all(&publish(&one, 0b0010, 1)).await.unwrap();
    let mut acknowledged = [0; 4];
    old_line.read_exact(&mut acknowledged).await.unwrap();
    assert_eq!(acknowledged, [0x40, 2, 0, 9], "the line that was open goes on");
    secured.listening.stop().await;
}

#[actix_web::test]
async fn files_that_are_none_are_named() {
    let home = Home::with(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let tls = Tls {
        address: "127.0.0.1:0".parse().unwrap(),
        certificate: empty.clone(),
        key: empty,
        client_roots: None,
        reload_ms: 20,
    };
    let config = Config { tls: Some(tls), ..home.config() };
    let metering = Metering::open(config, Clock::set(at(0)).0, anchor(), nowhere()).await.unwrap();
    let Err(refused) = metering.listen().await else { panic!("it listens") };
    assert!(format!("{refused:#}").contains("empty.pem"), "{refused:#}");
}
