//! The MQTT broker that meters talk to: 3.1.1 and 5, with TLS and without.
//!
//! ```text
//! reading -> session -> (bounded queue) -> writer -> commit -> session -> PUBACK or PUBREC
//! word    -> session ------------------------------------------> |        in arrival order
//!                                                                 `-> router -> mailboxes
//! ```
//!
//! Invariants: a PUBACK or PUBREC of a reading is sent after the writer says that it is stored; the
//! answers of a connection come in the order of its PUBLISHes; a client publishes and subscribes by
//! who it is. What else than a reading is acknowledged was taken, and is in memory alone.
//! Deliberately absent: files. Sessions, what waits in them, retained messages and wills are
//! forgotten at a restart, as MQTT allows, and a client that comes back is told so.

mod codec;
mod filters;
mod handshake;
mod mailbox;
mod message;
mod outbox;
mod retained;
mod router;
mod rules;
mod session;
mod sessions;
mod strangers;
mod tls;
mod will;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::codec::Line;
use self::message::Publication;
use self::retained::NoRoom;
use self::router::Router;
use self::session::Session;
use self::strangers::{Stranger, Strangers};
use self::tls::Acceptor;
use crate::app::login::Login;
use crate::domain::topic::Subject;
use crate::writer::Desk;

pub(crate) use sessions::Sessions;
pub use tls::Tls;

/// What one client, and all of them together, may take.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Connections at the same time; the next one is closed at once.
    pub connections_max: usize,
    /// Connections of one address whose client has not said yet who it is.
    #[serde(default = "strangers_max")]
    pub strangers_max: usize,
    /// Bytes of a packet; a client that sends more is disconnected.
    pub packet_bytes_max: usize,
    /// Messages of a connection that wait for their PUBACK or PUBREC; further ones stay unread.
    /// Of QoS 2, also those that wait for their PUBREL; a client of MQTT 5 that sends further ones
    /// is disconnected.
    pub in_flight_max: u16,
    /// The longest silence a client may ask for, in seconds.
    pub keep_alive_seconds_max: u16,
    /// Seconds from the connection to a complete CONNECT.
    pub connect_seconds_max: u16,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 16_384,
            strangers_max: strangers_max(),
            packet_bytes_max: 2048,
            in_flight_max: 128,
            keep_alive_seconds_max: 1800,
            connect_seconds_max: 10,
        }
    }
}

/// Many meters may be behind one address, and come back at once after an outage; each is known
/// within milliseconds.
const fn strangers_max() -> usize {
    1_000
}

/// What all sessions share.
struct Shared {
    limits: Limits,
    login: Login,
    sessions: Sessions,
    router: Router,
    desk: Desk,
    /// One for each connection that may be open.
    places: Arc<Semaphore>,
    strangers: Strangers,
}

impl Shared {
    /// Passes on what was published, after it was stored where it is a reading, and keeps it where
    /// it is to be retained; `from`: its publisher's mailbox. Where there is no room to retain it,
    /// it is refused if that `can_be_told` and it is no reading, and otherwise passed on all the
    /// same.
    fn publish(
        &self,
        publication: Publication,
        subject: &Subject,
        from: Option<u64>,
        can_be_told: bool,
    ) -> Result<(), NoRoom> {
        if !publication.retain && self.router.is_deaf() {
            return Ok(());
        }
        let publication = Arc::new(publication);
        if publication.retain {
            let owner = subject.owner();
            if let Err(no_room) = self.router.retain(&publication, &owner, Instant::now()) {
                tracing::warn!(topic = &*publication.topic, "no room to retain a message");
                if can_be_told && matches!(subject, Subject::Word(_)) {
                    return Err(no_room);
                }
                self.router.outdate(&publication.topic);
            }
        }
        self.router.pass_on(&publication, from);
        Ok(())
    }
}

/// A running broker. Dropping it ends every connection.
pub(crate) struct Broker {
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    stop: DropGuard,
}

impl Broker {
    /// Listens on `address` (port 0: any free one), and with `tls` where that says, and hands what
    /// arrives in at `desk`.
    ///
    /// # Errors
    /// When an address cannot be listened on, or a file of `tls` is not what it should be.
    pub(crate) async fn start(
        address: SocketAddr,
        tls: Option<&Tls>,
        limits: Limits,
        login: Login,
        sessions: Sessions,
        desk: Desk,
    ) -> Result<Broker> {
        let (listener, address) = listen(address).await?;
        let stop = CancellationToken::new();
        let secured = match tls {
            Some(tls) => {
                let acceptor = tls.start(stop.clone()).context("TLS for MQTT")?;
                Some((acceptor, listen(tls.address).await?))
            }
            None => None,
        };
        let places = Arc::new(Semaphore::new(limits.connections_max));
        let router = Router::default();
        sessions.begin(router.clone());
        let strangers = Strangers::new(limits.strangers_max);
        let shared = Arc::new(Shared { limits, login, sessions, router, desk, places, strangers });
        let sessions = shared.sessions.clone();
        tokio::spawn(will::sweep(sessions.clone(), stop.clone()));
        tokio::spawn(will::publish_due(sessions, shared.clone(), stop.clone()));
        tokio::spawn(accept(listener, None, shared.clone(), stop.clone()));
        let mut tls_address = None;
        if let Some((acceptor, (listener, address))) = secured {
            tls_address = Some(address);
            tokio::spawn(accept(listener, Some(acceptor), shared, stop.clone()));
        }
        Ok(Broker { address, tls_address, stop: stop.drop_guard() })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens with TLS, if it does.
    pub(crate) fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// Ends every connection.
    pub(crate) fn stop(self) {
        drop(self.stop);
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listening for MQTT on {address}"))?;
    let address = listener.local_addr().context("address of the MQTT listener")?;
    Ok((listener, address))
}

async fn accept(
    listener: TcpListener,
    tls: Option<Acceptor>,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Ok(place) = shared.places.clone().try_acquire_owned() else {
                    tracing::warn!(%peer, "too many MQTT connections");
                    continue;
                };
                let Some(stranger) = shared.strangers.enter(peer.ip()) else {
                    tracing::warn!(%peer, "too many MQTT connections that say nothing");
                    continue;
                };
                let (shared, tls) = (shared.clone(), tls.as_ref().map(Acceptor::now));
                connections.spawn(async move {
                    serve(stream, peer, stranger, tls, &shared).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: what is open goes on, the next may succeed.
                tracing::error!(%error, "an MQTT connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    connections.shutdown().await;
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    stranger: Stranger,
    tls: Option<TlsAcceptor>,
    shared: &Shared,
) {
    // Small answers, each awaited by a meter: do not hold them back.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY");
    }
    let patience = Duration::from_secs(shared.limits.connect_seconds_max.into());
    let entered = tokio::time::timeout(patience, enter(stream, tls, shared)).await;
    drop(stranger);
    let ended = match entered {
        Ok(Ok(Some(session))) => session.run(shared).await,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => Err(error),
        Err(_) => return tracing::debug!(%peer, "no CONNECT in time"),
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error = format!("{error:#}"), "MQTT connection ended");
    }
}

/// From the connection to the CONNACK.
async fn enter(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    shared: &Shared,
) -> Result<Option<Session>> {
    let mut certified = None;
    let line: Box<dyn Line> = match tls {
        None => Box::new(stream),
        Some(tls) => {
            let line = tls.accept(stream).await.context("TLS")?;
            let certificates = line.get_ref().1.peer_certificates();
            certified = certificates.and_then(<[_]>::first).and_then(tls::meter_of);
            Box::new(line)
        }
    };
    let packets = codec::framed(line, shared.limits.packet_bytes_max);
    handshake::enter(packets, certified, shared).await
}
