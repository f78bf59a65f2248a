//! The demo's people: an account, a connection point, a meter and money for every home.
//!
//! Every second home keeps its own key; the operator holds the others' keys. Everything has a name
//! that follows from the home, so doing it again changes nothing.

use std::collections::BTreeMap;

use access::Role;
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::requests::{MeterEnrolment, enrolment};
use identity::{KeyProof, NewConnectionPoint, NewMeter, NewParty, Party};
use ids::{AccountId, ConnectionPointId, MeterId, ZoneId};
use keys::{Address, SecretKey};
use matching::network::Zone;
use service::{PageQuery, Principal, Problem};
use units::Money;

use crate::data::{MeterRun, Span};
use crate::node::{Node, Secrets};

/// What every home pays in: enough for some weeks of its community's energy.
const DEPOSIT: Money = Money::from_n(250_000_000_000);
/// The first version of a meter's key.
const FIRST_KEY: u32 = 1;

/// A home as the services know it.
pub struct Resident {
    /// Its account.
    pub account: AccountId,
    /// The address that trades.
    pub address: Address,
    /// Its own key, where the operator does not hold it.
    pub own_key: Option<SecretKey>,
    /// Who it is towards the API.
    pub principal: Principal,
    /// Where it is metered.
    pub connection_point: ConnectionPointId,
    /// Its meter.
    pub meter: MeterId,
    /// The meter's key.
    pub meter_key: SecretKey,
    /// What the meter logs in with.
    pub token: String,
}

/// Someone who can log in to the web app.
pub struct Login {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
}

/// Everybody.
pub struct People {
    /// The operator.
    pub admin: Principal,
    /// The operator's login.
    pub admin_login: Login,
    /// The login of the first home whose key is held.
    pub resident_login: Option<Login>,
    /// One per home, in the order of the data.
    pub residents: Vec<Resident>,
}

/// The e-mail address of a home.
fn email(home: &str) -> String {
    format!("{}@demo.example", home.to_lowercase())
}

fn password(secrets: &Secrets, of: &str) -> String {
    let derived = secrets.derive(&format!("demo/password/{of}"));
    derived.to_string()[2..18].to_owned()
}

/// Makes or finds everybody.
pub async fn settle(
    node: &Node,
    secrets: &Secrets,
    span: &Span,
    since: Timestamp,
) -> Result<People> {
    let admin_login =
        Login { email: "admin@demo.example".into(), password: password(secrets, "admin") };
    let admin = node.identity.ensure_admin(&admin_login.email, &admin_login.password).await?;
    let known = known(node, &admin).await?;
    let mut residents = Vec::new();
    let mut resident_login = None;
    for (place, home) in span.meters.iter().enumerate() {
        let own = place % 2 == 1;
        let own_key = own.then(|| secrets.key(&format!("demo/account/{}", home.name)));
        let party = match known.get(&email(&home.name)) {
            Some(party) => party.clone(),
            None => sign_up(node, secrets, home, own_key.as_ref()).await?,
        };
        if own_key.is_none() && resident_login.is_none() {
            let password = password(secrets, &home.name);
            resident_login = Some(Login { email: email(&home.name), password });
        }
        let zone = zone_of(node, place);
        let newcomer = Newcomer { home, party, own_key, secrets, since, zone };
        residents.push(newcomer.connect(node, &admin, span).await?);
    }
    Ok(People { admin, admin_login, resident_login, residents })
}

/// Where the home with this place in the data stands: in turn in the zones that none is below.
fn zone_of(node: &Node, place: usize) -> ZoneId {
    let Some(grid) = &node.grid else { return node.zone };
    let is_leaf = |zone: &&Zone| grid.links.iter().all(|link| link.parent != zone.zone);
    let leaves: Vec<ZoneId> = grid.zones.iter().filter(is_leaf).map(|zone| zone.zone).collect();
    leaves.get(place % leaves.len().max(1)).copied().unwrap_or(node.zone)
}

/// Credits every home its deposit.
pub async fn deposit(node: &Node, people: &People, span: &Span, now: Timestamp) -> Result<()> {
    for (home, resident) in span.meters.iter().zip(&people.residents) {
        let key = format!("demo/{}", home.name);
        node.billing
            .deposit(node.community, &key, resident.account, DEPOSIT, now)
            .await
            .with_context(|| format!("deposit of {}", home.name))?;
    }
    Ok(())
}

/// Everyone who is there already, by e-mail address.
async fn known(node: &Node, admin: &Principal) -> Result<BTreeMap<String, Party>, Problem> {
    let mut all = BTreeMap::new();
    let mut query = PageQuery { limit: Some(service::PAGE_MAX), cursor: None };
    loop {
        let page = node.identity.parties(admin, &query).await?;
        all.extend(page.items.into_iter().map(|party| (party.email.clone(), party)));
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(all),
        }
    }
}

async fn sign_up(
    node: &Node,
    secrets: &Secrets,
    home: &MeterRun,
    own_key: Option<&SecretKey>,
) -> Result<Party> {
    let own_key = match own_key {
        None => None,
        Some(key) => {
            let challenge = node.identity.challenge(key.address()).await?;
            let signature = key.sign(personal_hash(&challenge.message)).to_string();
            Some(KeyProof { address: key.address(), nonce: challenge.nonce, signature })
        }
    };
    let role = if home.has_pv { Role::Prosumer } else { Role::Consumer };
    let new = NewParty {
        name: format!("Home {}", home.name),
        email: email(&home.name),
        password: own_key.is_none().then(|| password(secrets, &home.name)),
        role,
        pseudonym: Some(home.name.clone()),
        own_key,
    };
    node.identity.sign_up(new, None).await.with_context(|| format!("signing up {}", home.name))
}

/// What a wallet signs when it is asked to sign a text (EIP-191).
fn personal_hash(message: &str) -> alloy_primitives::B256 {
    let prefix = format!("\x19Ethereum Signed Message:\n{}", message.len());
    alloy_primitives::keccak256([prefix.as_bytes(), message.as_bytes()].concat())
}

/// A party that has no meter yet.
struct Newcomer<'d> {
    home: &'d MeterRun,
    party: Party,
    own_key: Option<SecretKey>,
    secrets: &'d Secrets,
    since: Timestamp,
    zone: ZoneId,
}

impl Newcomer<'_> {
    async fn connect(self, node: &Node, admin: &Principal, span: &Span) -> Result<Resident> {
        let home = self.home;
        let account = self.party.account.clone().context("a party that trades has an account")?;
        let connection_point = ConnectionPointId::derived(&format!("demo/{}", home.name));
        let point = NewConnectionPoint {
            connection_point: Some(connection_point),
            account: account.account,
            zone: self.zone,
            timezone: span.timezone.clone(),
            import_max_w: home.import_max,
            export_max_w: home.export_max,
        };
        node.identity.register_connection_point(admin, point).await?;
        let meter_key = self.secrets.key(&format!("demo/meter/{}", home.name));
        let meter = MeterId::derived(&format!("demo/{}", meter_key.address()));
        let token = self.secrets.derive(&format!("demo/token/{}", home.name)).to_string();
        let owner_signature = self.own_key.as_ref().map(|key| {
            let of = MeterEnrolment {
                meter,
                key: meter_key.address(),
                owner: account.address,
                installer: node.identity.installer(),
                connection_point,
                version: FIRST_KEY,
            };
            let hash = enrolment(node.chain_id, node.deployment.meters, &of);
            key.sign(hash).to_string()
        });
        let new = NewMeter {
            meter: Some(meter),
            serial: format!("WX-2026-{}", home.name),
            connection_point,
            key: meter_key.address(),
            token: Some(token.clone()),
            owner_signature,
            valid_from: Some(self.since),
        };
        node.identity.enrol_meter(admin, new).await?;
        let principal = Principal {
            party: self.party.party,
            account: Some(account.account),
            community: self.party.community,
            roles: self.party.roles,
        };
        Ok(Resident {
            account: account.account,
            address: account.address,
            own_key: self.own_key,
            principal,
            connection_point,
            meter,
            meter_key,
            token,
        })
    }
}
