//! A running service, and who asks it.

use std::sync::Arc;

use access::Role;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, body::MessageBody, web::Data};
use alloy_primitives::{Address, B256, hex};
use bus::Bus;
use calendar::Timestamp;
use events::billing::{InvoiceIssued, InvoicePaid};
use events::identity::{AccountOpened, Custody};
use events::{Envelope, Event};
use ids::{AccountId, CommunityId, InvoiceId, PartyId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use notices::{Currency, Mail, MailTls, Notices, Paper, Parts};
use serde_json::Value;
use service::{Claims, Clock, ClockHand, Verifier};
use tempfile::TempDir;
use units::Money;
use utoipa_actix_web::AppExt;
use vault::MasterKey;

use crate::mailbox::Mailbox;

/// RFC 8032, test 1: a key pair that everyone knows.
const SECRET: [u8; 32] = hex!("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
const PUBLIC: [u8; 32] = hex!("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");

pub struct Running {
    pub notices: Arc<Notices>,
    pub bus: Bus,
    pub hand: ClockHand,
    pub now: Timestamp,
    pub folder: TempDir,
}

pub fn community() -> CommunityId {
    CommunityId::derived("town")
}

pub fn account() -> AccountId {
    AccountId::derived("heron")
}

impl Running {
    /// A service that may send to this machine.
    pub async fn start() -> Running {
        Running::start_with(&["127.0.0.0/8"]).await
    }

    pub async fn start_with(allowed: &[&str]) -> Running {
        Running::start_by(allowed, None).await
    }

    /// A service that writes over `mailbox`.
    pub async fn start_with_mail(mailbox: &Mailbox) -> Running {
        let mail = Mail {
            host: "127.0.0.1".to_owned(),
            port: mailbox.port,
            tls: MailTls::Off,
            from: "Town <bills@example.org>".to_owned(),
            credentials: None,
        };
        Running::start_by(&[], Some(mail)).await
    }

    async fn start_by(allowed: &[&str], mail: Option<Mail>) -> Running {
        let (folder, bus) = (TempDir::new().unwrap(), Bus::in_process());
        let now: Timestamp = "2026-06-01T10:00:00Z".parse().unwrap();
        let (clock, hand) = Clock::set(now);
        let parts = Parts {
            db_url: format!("sqlite:{}", folder.path().join("notices.db").display()),
            bus: bus.clone(),
            clock,
            master_key: MasterKey::from_bytes([5; 32]),
            allowed: allowed.iter().map(|network| network.parse().unwrap()).collect(),
            mail,
            papers: Arc::new(|invoice, language| Box::pin(paper(invoice, language))),
            currency: Currency { code: "EUR".to_owned(), digits: 2 },
        };
        let notices = notices::start(parts).await.unwrap();
        Running { notices, bus, hand, now, folder }
    }

    pub fn wait(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
        self.hand.move_to(self.now);
    }

    /// Sends what is due; how many messages were taken.
    pub async fn round(&self) -> u64 {
        self.notices.round(self.now).await.unwrap()
    }

    pub async fn publish<E: Event>(&self, event: &E, cause: &str) -> Envelope {
        let envelope = Envelope::of(event, cause, self.now);
        self.bus.publish(&envelope).await.unwrap();
        envelope
    }

    /// The household joins.
    pub async fn found(&self) {
        let opened = AccountOpened {
            account: account(),
            party: PartyId::derived("heron"),
            community: community(),
            pseudonym: "heron".to_owned(),
            address: Address::repeat_byte(1),
            custody: Custody::Held,
        };
        self.publish(&opened, "heron").await;
    }

    /// The household gets a bill.
    pub async fn bill(&self, number: &str) -> Envelope {
        let issued = InvoiceIssued {
            invoice: InvoiceId::derived(number),
            number: number.to_owned(),
            account: account(),
            from: "2026-05-01".parse().unwrap(),
            to: "2026-05-31".parse().unwrap(),
            total: Money::from_n(42_170_000_000),
            hash: B256::repeat_byte(7),
        };
        self.publish(&issued, number).await
    }

    /// Money comes in for a bill.
    pub async fn pay(&self, number: &str) -> Envelope {
        let paid = InvoicePaid {
            invoice: InvoiceId::derived(number),
            number: number.to_owned(),
            community: community(),
            account: account(),
            amount: Money::from_n(42_000_000_000),
            left: Money::from_n(170_000_000),
        };
        self.publish(&paid, number).await
    }

    pub async fn ask(
        &self,
        who: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let verifier = Verifier::new();
        verifier.trust("test".to_owned(), DecodingKey::from_ed_der(&PUBLIC));
        let (json, query, path_config, payload) = service::extractor_limits();
        let app = App::new()
            .into_utoipa_app()
            .app_data(Data::new(verifier))
            .app_data(json)
            .app_data(query)
            .app_data(path_config)
            .app_data(payload)
            .configure(notices::routes(self.notices.clone()))
            .into_app();
        let app = init_service(app).await;
        let mut request = TestRequest::default().method(method).uri(path);
        request = request.insert_header(("Authorization", format!("Bearer {}", token(who))));
        if let Some(body) = body {
            request = request.set_json(body);
        }
        let response = call_service(&app, request.to_request()).await;
        let status = response.status();
        let body = read_body(response).await.try_into_bytes().unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("utility", Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask("utility", Method::POST, path, Some(body)).await;
        assert!(status.is_success(), "{path}: {answer}");
        answer
    }
}

/// The pages of one bill; of the others there are none.
async fn paper(invoice: InvoiceId, language: String) -> anyhow::Result<Option<Paper>> {
    let pages =
        || Paper { name: format!("2026-1-{language}.pdf"), pdf: b"%PDF \xe2 of 2026-1".to_vec() };
    Ok((invoice == InvoiceId::derived("2026-1")).then(pages))
}

fn token(who: &str) -> String {
    let (account, roles) = match who {
        "utility" | "stranger" => (None, vec![Role::Utility]),
        "auditor" => (None, vec![Role::Auditor]),
        home => (Some(AccountId::derived(home)), vec![Role::Prosumer]),
    };
    let elsewhere = CommunityId::derived("elsewhere");
    let claims = Claims {
        iss: "wattex".to_owned(),
        sub: PartyId::derived(who),
        account,
        community: if who == "stranger" { elsewhere } else { community() },
        roles,
        exp: 4_102_444_800,
        iat: 0,
    };
    // PKCS #8: the fixed prefix of an Ed25519 key, then the secret.
    let prefix = hex!("302e020100300506032b657004220420");
    let key = EncodingKey::from_ed_der(&[prefix.as_slice(), &SECRET].concat());
    let header = Header { kid: Some("test".to_owned()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}
