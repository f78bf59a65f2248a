//! From the connection to the CONNACK.

use std::collections::HashSet;

use anyhow::{Result, bail};
use futures::{SinkExt, StreamExt};
use ids::{MeterId, Uuid};
use mqtt5_protocol::packet::connack::ConnAckPacket;
use mqtt5_protocol::packet::connect::ConnectPacket;
use mqtt5_protocol::{Packet, ReasonCode};
use rand::Rng;

use super::codec::{Packets, V3, V5};
use super::session::{ALIASES_MAX, Session, Wishes};
use super::sessions::{KEPT_SECONDS_MAX, State};
use super::will::Will;
use super::{Limits, Shared};
use crate::domain::topic::Client;

/// The most bytes a client id may have.
const CLIENT_ID_BYTES_MAX: usize = 128;

/// Reads the CONNECT, finds out who it is and answers; `None` when the client was refused.
/// `certified`: the meter that the client's certificate names.
pub(super) async fn enter(
    mut packets: Packets,
    certified: Option<MeterId>,
    shared: &Shared,
) -> Result<Option<Session>> {
    let connect = match packets.next().await {
        Some(Ok(Packet::Connect(connect))) => connect,
        Some(Ok(other)) => bail!("{} before CONNECT", other.packet_type_name()),
        Some(Err(error)) => return Err(error.into()),
        None => return Ok(None),
    };
    if connect.protocol_version != V3 && connect.protocol_version != V5 {
        let refusal = ConnAckPacket::new_v311(false, ReasonCode::UnsupportedProtocolVersion);
        packets.send(Packet::ConnAck(refusal)).await?;
        return Ok(None);
    }
    packets.codec_mut().level = connect.protocol_version;
    let refuse = |reason| Packet::ConnAck(answer(&connect, reason));

    let assigned = connect.client_id.is_empty().then(random_client_id);
    if (assigned.is_some() && connect.protocol_version == V3 && !connect.clean_start)
        || connect.client_id.len() > CLIENT_ID_BYTES_MAX
    {
        packets.send(refuse(ReasonCode::ClientIdentifierNotValid)).await?;
        return Ok(None);
    }
    if connect.properties.get_authentication_method().is_some() {
        packets.send(refuse(ReasonCode::BadAuthenticationMethod)).await?;
        return Ok(None);
    }
    let name = connect.username.as_deref();
    let client = match log_in(&connect, certified, shared).await {
        Ok(Some(client)) => client,
        Ok(None) => {
            tracing::info!(username = name, "an MQTT client was refused");
            packets.send(refuse(ReasonCode::BadUsernameOrPassword)).await?;
            return Ok(None);
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "an MQTT login could not be checked");
            packets.send(refuse(ReasonCode::ServerUnavailable)).await?;
            return Ok(None);
        }
    };
    begin(packets, &connect, client, assigned, shared).await
}

/// Finds the session of `client` or begins one, and lets it in.
async fn begin(
    mut packets: Packets,
    connect: &ConnectPacket,
    client: Client,
    assigned: Option<String>,
    shared: &Shared,
) -> Result<Option<Session>> {
    let refuse = |reason| Packet::ConnAck(answer(connect, reason));
    let Ok(will) = Will::of(connect, &client) else {
        packets.send(refuse(ReasonCode::NotAuthorized)).await?;
        return Ok(None);
    };
    let client_id = assigned.as_ref().unwrap_or(&connect.client_id);
    let mut place = shared.sessions.enter(&client, client_id, connect.clean_start);
    // A revocation between the check and the place would not have found the session.
    if let Client::Meter(meter) = &client {
        let refusal = match shared.login.enter_certified(*meter).await {
            Ok(Some(_)) => None,
            Ok(None) => Some(ReasonCode::BadUsernameOrPassword),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(%meter, error, "an MQTT login could not be checked again");
                Some(ReasonCode::ServerUnavailable)
            }
        };
        if let Some(reason) = refusal {
            packets.send(refuse(reason)).await?;
            return Ok(None);
        }
    }
    let past = place.past(client_id).await;
    let present = past.is_some();
    let state = past.unwrap_or_else(|| State {
        client_id: client_id.clone(),
        ear: shared.router.ear(client.clone()),
        unreleased: HashSet::new(),
    });
    let wishes = wishes(connect);
    state.ear.mailbox.connect(wishes.sent_max);
    place.begin(state);
    place.will = will;
    place.kept_seconds = kept_seconds(connect);
    let keep_alive_seconds = keep_alive(connect, &shared.limits);
    let welcome = Welcome { present, keep_alive_seconds, kept_seconds: place.kept_seconds };
    let welcome = welcome.packet(connect, &shared.limits, assigned);
    packets.send(Packet::ConnAck(welcome)).await?;
    let received_max = shared.limits.in_flight_max;
    let how = (keep_alive_seconds, wishes);
    Ok(Some(Session::new(packets, client, place, how, received_max)))
}

/// Who the client is, by its certificate or by its name and token.
async fn log_in(
    connect: &ConnectPacket,
    certified: Option<MeterId>,
    shared: &Shared,
) -> Result<Option<Client>> {
    let name = connect.username.as_deref().unwrap_or("");
    match certified {
        // A device with a certificate may say nothing more, or the same.
        Some(meter) if name.is_empty() || name == meter.to_string() => {
            shared.login.enter_certified(meter).await
        }
        _ => shared.login.enter(name, connect.password.as_deref().unwrap_or(&[])).await,
    }
}

fn answer(connect: &ConnectPacket, reason: ReasonCode) -> ConnAckPacket {
    match connect.protocol_version {
        V5 => ConnAckPacket::new(false, reason),
        _ => ConnAckPacket::new_v311(false, reason),
    }
}

/// What a client that may enter is told.
struct Welcome {
    /// Whether its session goes on.
    present: bool,
    keep_alive_seconds: u16,
    kept_seconds: u32,
}

impl Welcome {
    /// The CONNACK. It names what holds here and is not what the protocol says where nothing is
    /// named: all qualities, retained messages, wildcards, identifiers and shared subscriptions
    /// there are.
    fn packet(
        &self,
        connect: &ConnectPacket,
        limits: &Limits,
        assigned: Option<String>,
    ) -> ConnAckPacket {
        if connect.protocol_version != V5 {
            return ConnAckPacket::new_v311(self.present, ReasonCode::Success);
        }
        let welcome = ConnAckPacket::new(self.present, ReasonCode::Success)
            .with_session_expiry_interval(self.kept_seconds)
            .with_receive_maximum(limits.in_flight_max)
            .with_maximum_packet_size(u32::try_from(limits.packet_bytes_max).unwrap_or(u32::MAX))
            .with_topic_alias_maximum(ALIASES_MAX)
            .with_server_keep_alive(self.keep_alive_seconds);
        match assigned {
            Some(client_id) => welcome.with_assigned_client_id(client_id),
            None => welcome,
        }
    }
}

/// What the client takes, by the properties of its CONNECT where it speaks MQTT 5.
fn wishes(connect: &ConnectPacket) -> Wishes {
    let properties = &connect.properties;
    let bytes = properties.get_maximum_packet_size();
    Wishes {
        sent_max: properties.get_receive_maximum().unwrap_or(u16::MAX),
        packet_bytes_max: bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX),
        aliases_max: properties.get_topic_alias_maximum().unwrap_or(0),
    }
}

/// Seconds that the session is kept when the line has ended: what the client asked, within the
/// limit, which is what MQTT 3.1.1 gets.
fn kept_seconds(connect: &ConnectPacket) -> u32 {
    match connect.protocol_version {
        V5 => connect.properties.get_session_expiry_interval().unwrap_or(0).min(KEPT_SECONDS_MAX),
        _ if connect.clean_start => 0,
        _ => KEPT_SECONDS_MAX,
    }
}

/// The keep-alive that holds: what the client asked, within the limit. A client that asked for none
/// gets the limit: a line that died without a word has to be found out.
fn keep_alive(connect: &ConnectPacket, limits: &Limits) -> u16 {
    match connect.keep_alive {
        0 => limits.keep_alive_seconds_max,
        asked => asked.min(limits.keep_alive_seconds_max),
    }
}

fn random_client_id() -> String {
    Uuid::from_bytes(rand::rng().random()).simple().to_string()
}
