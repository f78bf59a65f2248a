//! From the connection to the CONNACK.

use anyhow::{Result, bail};
use futures::{SinkExt, StreamExt};
use ids::{MeterId, Uuid};
use mqtt5_protocol::packet::connack::ConnAckPacket;
use mqtt5_protocol::packet::connect::ConnectPacket;
use mqtt5_protocol::{Packet, QoS, ReasonCode};
use rand::Rng;

use super::codec::{Packets, V3, V5};
use super::session::{Session, Wishes};
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
    if let Some(reason) = unwanted(&connect) {
        packets.send(refuse(reason)).await?;
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
    let client_id = assigned.as_ref().unwrap_or(&connect.client_id);
    let place = shared.sessions.enter(&client, client_id);
    // A revocation between the check and the place would not have found the session.
    if let Client::Meter(meter) = &client
        && !matches!(shared.login.enter_certified(*meter).await, Ok(Some(_)))
    {
        packets.send(refuse(ReasonCode::BadUsernameOrPassword)).await?;
        return Ok(None);
    }
    let keep_alive_seconds = keep_alive(&connect, &shared.limits);
    let welcome = welcome(&connect, &shared.limits, keep_alive_seconds, assigned);
    packets.send(Packet::ConnAck(welcome)).await?;
    let properties = &connect.properties;
    let wishes = Wishes::of(properties.get_receive_maximum(), properties.get_maximum_packet_size());
    let ear = shared.listeners.ear();
    Ok(Some(Session::new(packets, client, place, ear, (keep_alive_seconds, wishes))))
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

/// What a client of MQTT 5 asks for and this broker does not do, so that it must be refused.
fn unwanted(connect: &ConnectPacket) -> Option<ReasonCode> {
    if connect.protocol_version != V5 {
        return None;
    }
    if connect.properties.get_authentication_method().is_some() {
        return Some(ReasonCode::BadAuthenticationMethod);
    }
    let will = connect.will.as_ref()?;
    if will.qos == QoS::ExactlyOnce {
        return Some(ReasonCode::QoSNotSupported);
    }
    will.retain.then_some(ReasonCode::RetainNotSupported)
}

fn answer(connect: &ConnectPacket, reason: ReasonCode) -> ConnAckPacket {
    match connect.protocol_version {
        V5 => ConnAckPacket::new(false, reason),
        _ => ConnAckPacket::new_v311(false, reason),
    }
}

/// The CONNACK of a client that may enter, with what this broker does not do.
fn welcome(
    connect: &ConnectPacket,
    limits: &Limits,
    keep_alive_seconds: u16,
    assigned: Option<String>,
) -> ConnAckPacket {
    let accepted = answer(connect, ReasonCode::Success);
    if connect.protocol_version != V5 {
        return accepted;
    }
    let accepted = accepted
        .with_session_expiry_interval(0)
        .with_receive_maximum(limits.in_flight_max)
        .with_maximum_qos(1)
        .with_retain_available(false)
        .with_maximum_packet_size(u32::try_from(limits.packet_bytes_max).unwrap_or(u32::MAX))
        .with_topic_alias_maximum(0)
        .with_subscription_identifier_available(false)
        .with_shared_subscription_available(false)
        .with_server_keep_alive(keep_alive_seconds);
    match assigned {
        Some(client_id) => accepted.with_assigned_client_id(client_id),
        None => accepted,
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
