//! An installation over HTTP: enrolling meters, where they are, and what is stored of them.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use calendar::{SlotLength, TimeZone, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};
use ids::{ConnectionPointId, MeterId, ZoneId};
use reading::SignedReading;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use units::{Power, Register};

use crate::device::Device;
use crate::script::Start;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// How often a request is made that the server has no time for.
const TRIES_MAX: usize = 60;
/// How long it is left in peace then.
const PAUSE: Duration = Duration::from_secs(1);
/// Requests at the same time.
const AT_ONCE: usize = 8;
/// Readings of one answer: the most that the server gives.
const PAGE_MAX: usize = 1000;
/// The most pages of one list.
const PAGES_MAX: usize = 10_000;

/// Who signs in.
pub struct Login {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
}

/// What meters are enrolled with.
pub struct Enrolment {
    /// From when their readings count.
    pub valid_from: Timestamp,
    /// Their grid area; that of the first connection point there is when absent.
    pub zone: Option<ZoneId>,
    /// Whose local days count.
    pub timezone: TimeZone,
    /// What each connection carries, in both directions.
    pub power: Power,
}

/// An installation.
pub struct Server {
    url: String,
    token: String,
    http: Client,
}

impl Server {
    /// The installation at `url`, for what devices may ask.
    ///
    /// # Errors
    /// When the system has no TLS for it.
    pub fn open(url: &str) -> Result<Server> {
        let http = Client::builder().timeout(ANSWER_WITHIN).build()?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Server { url, token: String::new(), http })
    }

    /// Signs in to the installation at `url` as staff.
    ///
    /// # Errors
    /// When it does not answer, or knows no such person.
    pub async fn sign_in(url: &str, login: &Login) -> Result<Server> {
        let mut server = Server::open(url)?;
        let Login { email, password } = login;
        let grant = json!({ "grant": "password", "email": email, "password": password });
        let tokens = server.post("/v1/tokens", &grant).await.context("signing in")?;
        server.token = text(&tokens, "access_token")?;
        Ok(server)
    }

    /// Enrols `devices` at connection points of one new account. The fleet's secret names it, so
    /// that it can be done again where it broke off.
    ///
    /// # Errors
    /// When the server refuses one of them, e.g. since the login is none of an operator or admin.
    pub async fn enrol(&self, devices: &[Device], wanted: &Enrolment) -> Result<()> {
        let first = devices.first().context("no meter to enrol")?;
        let zone = match wanted.zone {
            Some(zone) => zone,
            None => self.first_zone().await?,
        };
        let account = self.account(first).await?;
        let each = |device: &Device| {
            let point = ConnectionPointId::derived(&format!("fleet/{}", device.meter));
            let at = json!({
                "connection_point": point, "account": account, "zone": zone,
                "timezone": wanted.timezone.name(),
                "import_max_w": wanted.power.w(), "export_max_w": wanted.power.w(),
            });
            let meter = json!({
                "meter": device.meter, "serial": format!("FLEET-{}", device.meter),
                "connection_point": point, "key": device.key.address(), "token": device.token,
                "valid_from": wanted.valid_from.to_string(),
            });
            async move {
                self.post("/v1/connection-points", &at).await?;
                self.post("/v1/meters", &meter).await?;
                anyhow::Ok(())
            }
        };
        let enrolled = stream::iter(devices.iter().map(each)).buffer_unordered(AT_ONCE);
        enrolled.try_collect::<()>().await.context("enrolling meters")
    }

    async fn first_zone(&self) -> Result<ZoneId> {
        let points = self.get("/v1/connection-points?limit=1").await?;
        let zone = points["items"][0]["zone"].as_str();
        let zone = zone.context("there is no connection point whose grid area could be taken")?;
        Ok(zone.parse()?)
    }

    /// The account of a party that owns the fleet; it is made unless it is there. Its password
    /// nobody learns: the fleet needs none.
    async fn account(&self, first: &Device) -> Result<String> {
        let email = format!("fleet-{}@fleet.example", first.meter);
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let page = self.get(&format!("/v1/parties?limit={PAGE_MAX}{cursor}")).await?;
            let parties = page["items"].as_array().context("no items")?;
            if let Some(known) = parties.iter().find(|party| party["email"] == email) {
                return text(&known["account"], "account");
            }
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let new = json!({
            "name": "Simulated meters", "email": email, "password": first.token,
            "role": "prosumer",
        });
        let party = self.post("/v1/parties", &new).await.context("the fleet's owner")?;
        text(&party["account"], "account")
    }

    /// Where `device` is: what it has to say next, by what the server has of it. `new` where it
    /// has nothing.
    ///
    /// # Errors
    /// When the server does not answer, or not to this device.
    pub async fn next_of(&self, device: &Device, slot: SlotLength, new: Start) -> Result<Start> {
        let path = format!("/v1/meters/{}/status", device.meter);
        let name = device.meter.to_string();
        let status = self.answer(|http| {
            http.request(Method::GET, format!("{}{path}", self.url))
                .basic_auth(&name, Some(&device.token))
        });
        let status = status.await?;
        let Some(page) = status["last_page"].as_u64() else { return Ok(new) };
        let time: Timestamp = text(&status, "last_reading")?.parse()?;
        let wh = |field: &str| status[field].as_u64().map(Register::from_wh).context("no register");
        Ok(Start {
            page: u32::try_from(page)?.checked_add(1).context("the meter has no page left")?,
            time: time.plus_seconds(slot.seconds()),
            until: new.until,
            import: wh("last_import_wh")?,
            export: wh("last_export_wh")?,
        })
    }

    /// All readings that are stored of `meter`.
    ///
    /// # Errors
    /// When the server does not answer, or what it says is no reading.
    pub async fn readings(&self, meter: MeterId) -> Result<Vec<SignedReading>> {
        let (mut readings, mut cursor) = (Vec::new(), String::new());
        for _ in 0..PAGES_MAX {
            let path = format!("/v1/readings?meter={meter}&limit={PAGE_MAX}{cursor}");
            let page = self.get(&path).await.with_context(|| format!("readings of {meter}"))?;
            for item in page["items"].as_array().context("no items")? {
                let signed = serde_json::from_value(item.clone());
                readings.push(signed.with_context(|| format!("a reading of {meter}: {item}"))?);
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(readings),
            }
        }
        bail!("{meter} has more readings than {}", PAGES_MAX * PAGE_MAX)
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let url = format!("{}{path}", self.url);
        self.answer(|http| http.get(&url).bearer_auth(&self.token)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.url);
        self.answer(|http| {
            let request = http.post(&url).json(body);
            if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
        })
        .await
    }

    /// The answer to a request; where the server has too many, it is made again after a while.
    async fn answer(&self, request: impl Fn(&Client) -> RequestBuilder) -> Result<Value> {
        for _ in 0..TRIES_MAX {
            let response = request(&self.http).send().await.context("the server")?;
            let status = response.status();
            if status == StatusCode::TOO_MANY_REQUESTS {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let said = response.text().await.context("the server's answer")?;
            if !status.is_success() {
                bail!("the server answers {status}: {said}");
            }
            return serde_json::from_str(&said).context("the server's answer");
        }
        bail!("the server has no time for us")
    }
}

fn text(value: &Value, field: &str) -> Result<String> {
    value[field].as_str().map(str::to_owned).ok_or_else(|| anyhow!("no {field} in {value}"))
}
