//! What follows where an invoice is not paid: reminders, a fee, no buying, a claim handed over.

use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use async_trait::async_trait;
use bus::Consumer;
use events::billing::{InvoiceReminded, PrepaidChanged, TradingChanged};
use events::{Envelope, Event};
use ids::AccountId;
use serde_json::{Value, json};

use crate::dues::*;
use crate::service::Running;
use crate::town::*;

/// Keeps what billing tells.
#[derive(Default)]
pub struct Listener(pub Mutex<Vec<Envelope>>);

#[async_trait]
impl Consumer for Listener {
    fn name(&self) -> &'static str {
        "listener"
    }

    fn subjects(&self) -> &'static [&'static str] {
        &[TradingChanged::SUBJECT, PrepaidChanged::SUBJECT, InvoiceReminded::SUBJECT]
    }

    async fn consume(&self, envelope: &Envelope) -> anyhow::Result<()> {
        self.0.lock().unwrap().push(envelope.clone());
        Ok(())
    }
}

impl Listener {
    pub async fn on(town: &Running) -> Arc<Listener> {
        let listener = Arc::new(Listener::default());
        town.bus.subscribe(listener.clone()).await.unwrap();
        listener
    }

    /// The events of a kind that came since the last time.
    pub fn take<E: Event>(&self) -> Vec<E> {
        let mut kept = self.0.lock().unwrap();
        let found = kept.iter().filter_map(|envelope| envelope.open().unwrap()).collect();
        kept.retain(|envelope| envelope.subject != E::SUBJECT);
        found
    }

    /// Of whom buying changed: number and reasons.
    pub fn buying(&self) -> Vec<(AccountId, u64, Vec<String>)> {
        let changed = self.take::<TradingChanged>().into_iter();
        changed.map(|event| (event.account, event.number, event.reasons)).collect()
    }
}

fn actions(payment: &Value) -> Vec<&str> {
    let reminders = payment["reminders"].as_array().unwrap().iter();
    reminders.map(|reminder| reminder["action"].as_str().unwrap()).collect()
}

async fn set_ladder(town: &Running, who: &str, steps: Value) -> (StatusCode, Value) {
    let request = TestRequest::put().uri("/v1/reminders/ladder");
    let body = json!({ "steps": steps, "least": "1" });
    let (status, answer) = town.ask(request.set_json(body), who).await;
    (status, serde_json::from_slice(&answer).unwrap())
}

/// A ladder with a fee of 2.50.
fn with_fee() -> Value {
    json!([
        { "days": 7, "action": "remind" },
        { "days": 14, "action": "fee", "fee": "2.5" },
        { "days": 28, "action": "suspend_trading" },
        { "days": 42, "action": "hand_over" },
    ])
}

#[actix_web::test]
async fn a_ladder_is_data_and_who_sets_it_is_kept() {
    let (town, _) = billed().await;
    let ladder = town.get("heron", "/v1/reminders/ladder").await;
    let days: Vec<&Value> =
        ladder[0]["steps"].as_array().unwrap().iter().map(|step| &step["days"]).collect();
    assert_eq!(days, [7, 14, 28, 42]);
    assert_eq!(ladder[0]["steps"][1], json!({ "days": 14, "action": "fee", "fee": "0" }));
    let remind = |days: Value| json!([{ "days": days, "action": "remind" }]);
    for (who, steps, status) in [
        ("heron", with_fee(), 403),
        ("auditor", with_fee(), 403),
        ("operator", remind(json!(0)), 400),
        ("operator", json!([{ "days": 7, "action": "hand_over" }]), 400),
        ("operator", json!([{ "days": 7, "action": "remind", "fee": "1" }]), 400),
        ("operator", json!([{ "days": 7, "action": "fee", "fee": "-1" }]), 400),
        ("operator", json!([{ "days": 7, "action": "cut" }]), 400),
        ("operator", with_fee(), 200),
        ("operator", remind(json!(9)), 200),
    ] {
        let (got, answer) = set_ladder(&town, who, steps).await;
        assert_eq!(got.as_u16(), status, "{who}: {answer}");
    }
    let ladders = town.get("heron", "/v1/reminders/ladder").await;
    let count = ladders.as_array().unwrap().len();
    assert_eq!((count, &ladders[1]["steps"]), (2, &with_fee()), "{ladders}");
}

#[actix_web::test]
async fn an_unpaid_invoice_climbs_to_the_top_and_a_payment_lifts_what_followed() {
    let (mut town, invoice) = billed().await;
    let listener = Listener::on(&town).await;
    assert_eq!(set_ladder(&town, "operator", with_fee()).await.0, StatusCode::OK);
    let open = payment(&town, &invoice).await;
    let (due, number) = (money(&open["due"]), invoice["number"].as_str().unwrap());
    assert_eq!(open["next"]["action"], "remind");
    overdue(&mut town, &open, 6).await;
    assert!(actions(&payment(&town, &invoice).await).is_empty());
    for _ in 0..2 {
        overdue(&mut town, &open, 7).await;
        assert_eq!(actions(&payment(&town, &invoice).await), ["remind"]);
    }
    let listed = town.get("operator", "/v1/receivables").await;
    let listed = &listed["items"][0];
    assert_eq!((&listed["step"], &listed["action"]), (&json!(1), &json!("remind")));
    let ages = town.get("auditor", "/v1/receivables/ages").await;
    assert_eq!((&ages[1]["invoices"], &ages[1]["left"]), (&json!(1), &invoice["due"]), "{ages}");
    for path in ["/v1/receivables", "/v1/receivables/ages", "/v1/receivables/handed-over"] {
        let (status, _) = town.ask(TestRequest::get().uri(path), "heron").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }

    // The fee is owed, seen and in the journal.
    overdue(&mut town, &open, 14).await;
    let charged = payment(&town, &invoice).await;
    assert_eq!(actions(&charged), ["remind", "fee"]);
    assert_eq!(
        (&charged["fees"], &charged["charges"][0]["amount"]),
        (&json!("2.5"), &json!("2.5"))
    );
    assert_eq!(money(&charged["left"]), due.plus(cents(250)).unwrap());
    assert_eq!(charged["next"]["action"], "suspend_trading");
    let audit = town.in_order().await;
    assert_eq!(money(&audit["balances"]["1200"]), due.plus(cents(250)).unwrap(), "{audit}");
    let told = listener.take::<InvoiceReminded>();
    let last = told.last().unwrap();
    assert_eq!((last.action.as_deref(), last.fee), (Some("fee"), Some(cents(250))));
    assert_eq!((told.len(), last.left), (2, due.plus(cents(250)).unwrap()));
    assert_eq!(listener.buying(), []);

    overdue(&mut town, &open, 28).await;
    assert_eq!(listener.buying(), [(HERON.account(), 1, vec!["dunning".to_owned()])]);
    overdue(&mut town, &open, 42).await;
    let handed = town.get("operator", "/v1/receivables/handed-over").await;
    let of = &handed["items"][0];
    assert_eq!((&of["number"], &of["fees"]), (&json!(number), &json!("2.5")), "{handed}");
    assert_eq!((&of["step"], &of["action"]), (&json!(4), &json!("hand_over")));
    let csv = TestRequest::get().uri("/v1/receivables/handed-over?format=csv");
    let (status, file) = town.ask(csv, "operator").await;
    let file = String::from_utf8(file).unwrap();
    assert_eq!((status, file.lines().count()), (StatusCode::OK, 2), "{file}");
    assert!(file.lines().last().unwrap().starts_with(number), "{file}");
    overdue(&mut town, &open, 99).await;
    assert_eq!(actions(&payment(&town, &invoice).await).len(), 4, "there is no further step");
    assert_eq!(listener.buying(), [], "it is told once");

    // A restart changes nothing; the payment lifts it in the same tick.
    let mut town = town.restarted().await;
    let listener = Listener::on(&town).await;
    town.settle().await;
    let all = due.plus(cents(250)).unwrap();
    import(&town, statement("A", &[(all, open["reference"].as_str().unwrap())])).await;
    town.settle().await;
    assert_eq!(listener.buying(), [(HERON.account(), 2, vec![])]);
    let paid = payment(&town, &invoice).await;
    assert_eq!((&paid["state"], &paid["next"]), (&json!("paid"), &Value::Null), "{paid}");
    let handed = town.get("operator", "/v1/receivables/handed-over").await;
    assert_eq!(handed["items"], json!([]));
    let audit = town.in_order().await;
    assert_eq!(money(&audit["balances"]["1010"]), all);
    assert!(audit["balances"].get("1200").is_none_or(|left| left == "0"), "{audit}");
}

#[actix_web::test]
async fn a_dispute_pauses_the_ladder_and_lets_buy_again_and_a_fee_is_taken_back() {
    let (mut town, invoice) = billed().await;
    let listener = Listener::on(&town).await;
    let steps = json!([
        { "days": 5, "action": "fee", "fee": "2.5" },
        { "days": 10, "action": "suspend_trading" },
        { "days": 20, "action": "hand_over" },
    ]);
    assert_eq!(set_ladder(&town, "operator", steps).await.0, StatusCode::OK);
    let open = payment(&town, &invoice).await;
    overdue(&mut town, &open, 5).await;
    overdue(&mut town, &open, 10).await;
    assert_eq!(listener.buying().len(), 1);

    let wrong = json!({ "ground": "fee", "text": "Nobody told me." });
    let (status, dispute) = town.post("heron", &path(&invoice, "disputes"), "", wrong).await;
    assert_eq!(status, StatusCode::CREATED, "{dispute}");
    town.settle().await;
    assert_eq!(listener.buying(), [(HERON.account(), 2, vec![])], "at once");
    overdue(&mut town, &open, 40).await;
    let disputed = payment(&town, &invoice).await;
    assert_eq!((&disputed["disputed"], actions(&disputed).len()), (&json!(true), 2));
    assert_eq!(disputed["next"], Value::Null);
    let said = format!("/v1/disputes/{}/statements", dispute["id"].as_str().unwrap());
    let end = json!({ "text": "Right, it did not reach you.", "decision": "upheld" });
    assert_eq!(town.post("operator", &said, "", end).await.0, StatusCode::OK);
    town.settle().await;

    // The fee is gone, the invoice is not, and the days of the dispute do not count.
    let waived = payment(&town, &invoice).await;
    assert_eq!((&waived["fees"], &waived["left"]), (&json!("0"), &invoice["due"]), "{waived}");
    assert_eq!(waived["charges"].as_array().unwrap().len(), 2);
    assert_eq!(waived["corrected"], "0");
    assert_eq!(town.in_order().await["balances"]["1200"], invoice["due"]);
    assert_eq!(listener.buying(), [(HERON.account(), 3, vec!["dunning".to_owned()])]);
    overdue(&mut town, &open, 49).await;
    assert_eq!(actions(&payment(&town, &invoice).await).len(), 2, "nine days of ten");
    overdue(&mut town, &open, 50).await;
    assert_eq!(actions(&payment(&town, &invoice).await).len(), 3);
}

#[actix_web::test]
async fn long_overdue_when_it_is_first_looked_at_it_takes_one_step_after_the_other() {
    let (mut town, invoice) = billed().await;
    let open = payment(&town, &invoice).await;
    for (days, steps) in [(200, 1), (201, 1), (206, 1), (207, 2), (220, 2), (221, 3), (235, 4)] {
        overdue(&mut town, &open, days).await;
        assert_eq!(actions(&payment(&town, &invoice).await).len(), steps, "{days}");
    }
    // Where the operator said no amount, the fee is none.
    let charged = payment(&town, &invoice).await;
    assert_eq!((&charged["fees"], &charged["charges"]), (&json!("0"), &json!([])));
}
