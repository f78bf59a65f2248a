//! What changes after an invoice was issued becomes a document of its own.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use alloy_primitives::B256;
use billing::domain::verify::{Report, Verdict, verify};
use contracts::{Evidence, Reconciled};
use events::metering::IntervalsCorrected;
use ids::{CorrectionId, InvoiceId};
use reading::SignedReading;
use serde_json::{Value, json};
use tariff::Tariff;
use units::{Energy, Money};

use crate::challenge::{REGISTERED, claims};
use crate::documents::issuer;
use crate::dues::{IBAN, import, statement};
use crate::service::{Running, interval};
use crate::town::*;

/// What heron buys of otter for noon.
const QUANTITIES: [u64; 3] = [100, 90, 80];
/// The hour after which heron's readings of Monday are lost.
const SILENT: i64 = 20;
pub const DAY: i64 = 86_400;

fn is_lost(signed: &SignedReading) -> bool {
    let reading = &signed.reading;
    reading.meter == HERON.meter() && reading.time > slot(SILENT).start
}

/// What a challenge of noon's trades needs: they, and otter's registers at the ends of the slot.
pub struct Cut {
    trades: Vec<B256>,
    ends: [Evidence; 2],
}

/// Monday, traded; with heron's evening or without.
pub async fn traded(evening: bool) -> (Running, Cut) {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    town.deposit(OTTER, "2").await;
    let mut trades = Vec::new();
    for hour_of_day in 0..24 {
        if hour_of_day == 11 {
            trades = town.deals(12, &QUANTITIES).await;
        }
        match hour_of_day {
            SILENT.. if !evening => {
                town.close_with(hour_of_day, vec![interval(OTTER, hour_of_day, 1)]).await;
            }
            _ => town.close_slot(hour_of_day).await,
        }
    }
    let ends = [town.anchored(12, 1_000), town.anchored(13, 1_000 + REGISTERED)];
    town.settle().await;
    town.anchor(monday(), 1, |signed| evening || !is_lost(signed)).await;
    town.move_to(corrections_over());
    town.settle().await;
    let said = TestRequest::put().uri("/v1/documents/issuer").set_json(issuer());
    assert_eq!(town.ask(said, "operator").await.0, StatusCode::OK);
    (town, Cut { trades, ends })
}

impl Running {
    pub async fn billed(&mut self) -> Value {
        let wanted = json!({
            "account": HERON.account().to_string(), "from": "2026-06-01", "to": "2026-06-01",
        });
        let (status, invoice) = self.post("operator", "/v1/invoices", "", wanted).await;
        assert_eq!(status, StatusCode::CREATED, "{invoice}");
        invoice
    }

    /// Heron's evening is heard of, and anchored with the rest of the day.
    pub async fn hear_the_evening(&mut self) {
        for hour_of_day in SILENT..24 {
            let intervals = vec![interval(HERON, hour_of_day, 1)];
            let (slot, community) = (slot(hour_of_day), community());
            self.publish(&IntervalsCorrected { community, slot, intervals }).await;
        }
        self.settle().await;
        self.anchor(monday(), 2, |_| true).await;
    }

    /// Somebody proves that otter's meter registered less at noon than was paid.
    fn cut(&mut self, Cut { trades, ends: [begin, end] }: &Cut) {
        let deals = deals(12, &QUANTITIES);
        assert_eq!(deals.trades, *trades);
        let whole = |(trade, wh): (&B256, u64)| Reconciled {
            trade: *trade,
            run: 0,
            delivered: Energy::from_wh(wh),
            seller_short: Energy::ZERO,
            buyer_short: Energy::ZERO,
        };
        let runs: Vec<Reconciled> = trades.iter().zip(QUANTITIES).map(whole).collect();
        let batches = [deals.standing(&runs)];
        let call = deployment().challenge([begin, end], &claims(&deals), &batches);
        self.node.call(authority(), call);
    }

    pub async fn wait(&mut self, seconds: i64) {
        self.move_to(self.now.plus_seconds(seconds));
        self.settle().await;
    }

    pub async fn corrections(&self, invoice: &Value) -> Vec<Value> {
        let path = format!("/v1/corrections?invoice={}", invoice["id"].as_str().unwrap());
        self.get("heron", &path).await["items"].as_array().unwrap().clone()
    }

    async fn proved(&self, invoice: &Value) -> Report {
        let id: InvoiceId = invoice["id"].as_str().unwrap().parse().unwrap();
        let (text, trust) = self.billing.bill_file(id, None).await.unwrap();
        verify(&text, Some(&trust))
    }

    pub async fn proved_correction(&self, correction: &Value) -> Report {
        let id: CorrectionId = correction["id"].as_str().unwrap().parse().unwrap();
        let (text, trust) = self.billing.correction_file(id, None).await.unwrap();
        let report = verify(&text, Some(&trust));
        assert_eq!(verify(&text, None).verdict, Verdict::Unanchored);
        // Nobody changes a digit of it.
        let total = correction["total"].as_str().unwrap();
        let forged = text.replacen(
            &format!("\"total\":\"{total}\",\"paid\""),
            "\"total\":\"9.99\",\"paid\"",
            1,
        );
        assert_ne!(forged, text);
        assert_eq!(verify(&forged, Some(&trust)).verdict, Verdict::Failed);
        report
    }

    pub async fn right(&self, correction: &Value) -> Value {
        let path = format!("/v1/corrections/{}", correction["id"].as_str().unwrap());
        self.get("heron", &path).await["correction"]["right"].clone()
    }

    async fn payment(&self, invoice: &Value) -> Value {
        let id = invoice["id"].as_str().unwrap();
        self.get("heron", &format!("/v1/invoices/{id}/payment")).await
    }
}

fn money(value: &Value) -> Money {
    serde_json::from_value(value.clone()).unwrap()
}

fn sum<'a>(values: impl IntoIterator<Item = &'a Value>) -> Money {
    Money::sum(values.into_iter().map(money)).unwrap()
}

#[actix_web::test]
async fn late_readings_and_a_cut_are_corrected_until_all_is_as_a_fresh_bill() {
    let (mut town, cut) = traded(false).await;
    let invoice = town.billed().await;
    town.settle().await;
    town.hear_the_evening().await;
    // What comes within a day is gathered.
    assert_eq!(town.in_order().await["invoices_correcting"], 1);
    assert_eq!(town.corrections(&invoice).await, Vec::<Value>::new());
    town.wait(DAY + 60).await;
    let [first] = &town.corrections(&invoice).await[..] else { panic!("one correction") };
    assert_eq!((&first["number"], &first["kind"]), (&json!("COR-2026-1"), &json!("invoice")));
    assert_eq!(sum([&invoice["total"], &first["total"]]), money(&first["right"]));
    let payment = town.payment(&invoice).await;
    assert_eq!(money(&payment["due"]), sum([&invoice["due"], &first["due"]]));
    assert_eq!((&payment["corrected"], &payment["state"]), (&first["due"], &json!("open")));
    // Each line is what it would have been, had nothing been late.
    let (mut fresh, _) = traded(true).await;
    let whole = fresh.billed().await;
    let right = town.right(first).await;
    for field in ["lines", "total", "paid", "due"] {
        assert_eq!(right[field], whole["invoice"][field], "{field}");
    }
    let audit = town.in_order().await;
    assert_eq!(audit["invoices_correcting"], 0);
    for file in [town.proved(&invoice).await, town.proved_correction(first).await] {
        assert_eq!(file.verdict, Verdict::Holds, "{file}");
    }

    // A day later a challenge cuts what otter was paid for noon.
    town.cut(&cut);
    town.settle().await;
    town.in_order().await;
    town.wait(DAY + 60).await;
    let [first, second] = &town.corrections(&invoice).await[..] else { panic!("a second one") };
    assert_eq!((&second["number"], &second["place"]), (&json!("COR-2026-2"), &json!(2)));
    let totals = sum([&invoice["total"], &first["total"], &second["total"]]);
    assert_eq!(totals, money(&second["right"]));
    let right = town.right(second).await;
    let bought = right["lines"].as_array().unwrap();
    let bought = bought.iter().find(|line| line["class"] == "p2p_bought").unwrap();
    assert_eq!(bought["inputs"][1]["value"], "0.06 kWh");
    let report = town.proved_correction(second).await;
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    let town = town.restarted().await;
    town.in_order().await;
    // The books say what the documents say.
    let audit = town.in_order().await;
    let dues = sum([&invoice["due"], &first["due"], &second["due"]]);
    assert_eq!(money(&audit["balances"]["1200"]), dues);
    let balances = audit["balances"].as_object().unwrap().values();
    assert_eq!(sum(balances), Money::ZERO);
    for who in ["otter", "stranger"] {
        let path = format!("/v1/corrections/{}", first["id"].as_str().unwrap());
        for end in ["", "/bill", "/document"] {
            let request = TestRequest::get().uri(&format!("{path}{end}"));
            assert_eq!(town.ask(request, who).await.0, StatusCode::NOT_FOUND, "{who} {end}");
        }
    }
}

#[actix_web::test]
async fn a_correction_is_an_electronic_invoice_that_names_the_one_before() {
    let (mut town, _) = traded(false).await;
    let invoice = town.billed().await;
    town.settle().await;
    town.hear_the_evening().await;
    town.wait(DAY + 60).await;
    let correction = &town.corrections(&invoice).await[0];
    let path = format!("/v1/corrections/{}/document", correction["id"].as_str().unwrap());
    let document = town.get("heron", &path).await;
    assert_eq!(document["totals"]["gross"], correction["total"]);
    assert_eq!(document["totals"]["payable"], correction["due"]);
    assert_eq!(document["preceding"][0]["number"], invoice["number"]);
    assert_eq!(document["proof"]["hash"], correction["hash"]);
    // Energy, and how well it is known, are those of what is right.
    let path_of_bill = format!("/v1/invoices/{}/document", invoice["id"].as_str().unwrap());
    let billed = town.get("heron", &path_of_bill).await;
    assert_eq!(billed["quality"]["missing_slots"], 24 - SILENT, "{}", billed["quality"]);
    assert_eq!(document["quality"]["missing_slots"], 0, "{}", document["quality"]);
    let days = document["days"].as_array().unwrap();
    assert_eq!((days.len(), &days[0]["day"]), (1, &json!("2026-06-01")));
    assert_ne!(days[0]["supplied"], billed["days"][0]["supplied"]);
    assert_eq!(document["energy"]["supplied"], days[0]["supplied"]);
    assert_eq!(document["comparison"]["with_neighbours"], correction["right"], "{document}");
    let xml = TestRequest::get().uri(&format!("{path}?format=xml"));
    let (status, xml) = town.ask(xml, "heron").await;
    let xml = String::from_utf8(xml).unwrap();
    assert_eq!(status, StatusCode::OK, "{xml}");
    let reference = format!("<cbc:ID>{}</cbc:ID>", invoice["number"].as_str().unwrap());
    assert!(xml.contains("380") && xml.contains("BillingReference"), "{xml}");
    assert!(xml.contains(&reference), "{xml}");
    let pdf = TestRequest::get().uri(&format!("{path}?format=pdf"));
    let (status, pdf) = town.ask(pdf, "heron").await;
    assert_eq!(status, StatusCode::OK);
    assert!(pdf.starts_with(b"%PDF-1."));
}

#[actix_web::test]
async fn a_cut_between_evidence_and_anchor_is_shown_by_the_bill_and_corrected() {
    let (mut town, cut) = traded(true).await;
    let invoice = town.billed().await;
    town.cut(&cut);
    town.settle().await;
    let report = town.proved(&invoice).await;
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    assert!(report.notes.iter().any(|note| note.contains("a challenge cut")), "{report:?}");
    town.in_order().await;
    town.wait(DAY + 60).await;
    let [one] = &town.corrections(&invoice).await[..] else { panic!("one correction") };
    let report = town.proved_correction(one).await;
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    town.in_order().await;
    assert_eq!(town.proved(&invoice).await.verdict, Verdict::Holds);
}

#[actix_web::test]
async fn what_is_not_corrected_in_time_is_reported() {
    let (mut town, cut) = traded(true).await;
    let invoice = town.billed().await;
    town.settle().await;
    town.hear_the_evening().await;
    // The same readings again: nothing is to be corrected.
    town.wait(DAY + 60).await;
    assert_eq!(town.in_order().await["invoices_correcting"], 0);
    assert_eq!(town.corrections(&invoice).await, Vec::<Value>::new());
    town.cut(&cut);
    town.settle().await;
    town.in_order().await;
    town.move_to(town.now.plus_seconds(15 * DAY));
    let audit = town.get("auditor", "/v1/audit").await;
    let violations = audit["violations"].as_array().unwrap();
    let named = |one: &&Value| one.as_str().unwrap().starts_with("I9: invoice INV-2026-1");
    assert_eq!(violations.iter().filter(named).count(), 2, "{audit}");
    town.settle().await;
    assert_eq!(town.corrections(&invoice).await.len(), 1);
    town.in_order().await;
}

/// The flat tariff as it should have been, by the price of energy.
fn priced(n_per_wh: u64) -> Tariff {
    let flat = vec![vec![0; 24]; 12];
    let terms = json!({
        "id": "flat", "name": "Flat", "version": 2, "valid_from": "2026-01-01",
        "currency": "EUR", "currency_digits": 2, "timezone": "Europe/Berlin",
        "fixed_per_day": "0.35",
        "energy": {
            "periods": [{ "name": "all day", "price": n_per_wh }],
            "weekday": flat, "weekend": flat,
        },
        "network_fee": 62_000, "local_network_fee": 10_000,
        "platform_fees": { "buyer": 2_000, "seller": 2_000 },
        "feed_in_price": 80_000,
    });
    Tariff::from_json(&terms.to_string()).unwrap()
}

#[actix_web::test]
async fn two_of_the_staff_take_an_invoice_back_and_issue_it_anew() {
    let (mut town, _) = traded(true).await;
    let invoice = town.billed().await;
    town.settle().await;
    let id = invoice["id"].as_str().unwrap();
    let disputed = json!({ "ground": "tariff", "text": "20 ct were agreed." });
    let at = format!("/v1/invoices/{id}/disputes");
    let (status, dispute) = town.post("heron", &at, "", disputed).await;
    assert_eq!(status, StatusCode::CREATED, "{dispute}");
    let dispute_id = dispute["id"].as_str().unwrap();
    let at = format!("/v1/invoices/{id}/cancellations");
    let wanted = json!({ "reason": "The price is 20 ct.", "dispute": dispute_id });
    let (status, problem) = town.post("operator", &at, "", wanted.clone()).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("DISPUTE")), "{problem}");
    let said = format!("/v1/disputes/{dispute_id}/statements");
    let upheld = json!({ "text": "Right.", "decision": "upheld" });
    assert_eq!(town.post("operator", &said, "", upheld).await.0, StatusCode::OK);
    town.settle().await;
    assert_eq!(town.corrections(&invoice).await, Vec::<Value>::new(), "no fact is another");
    town.billing.publish_tariff(community(), priced(200_000), town.now).await.unwrap();
    town.settle().await;
    assert_eq!(town.post("heron", &at, "", wanted.clone()).await.0, StatusCode::FORBIDDEN);
    let (status, asked) = town.post("operator", &at, "", wanted.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{asked}");
    let (_, problem) = town.post("deputy", &at, "", wanted).await;
    assert_eq!(problem["code"], "ALREADY_ASKED");
    let decide = |what: &str| format!("/v1/cancellations/{}/{what}", asked["id"].as_str().unwrap());
    let (status, problem) = town.post("operator", &decide("approval"), "", json!({})).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("FOUR_EYES")));
    let (status, done) = town.post("deputy", &decide("approval"), "", json!({})).await;
    assert_eq!((status, &done["state"]), (StatusCode::OK, &json!("approved")), "{done}");
    let (_, problem) = town.post("deputy", &decide("refusal"), "", json!({})).await;
    assert_eq!(problem["code"], "DECIDED");
    town.settle().await;

    let [back, anew] = &town.corrections(&invoice).await[..] else { panic!("a pair") };
    assert_eq!((&back["cause"], &anew["cause"]), (&json!("cancelled"), &json!("anew")));
    assert_eq!((&back["kind"], &anew["kind"]), (&json!("credit_note"), &json!("invoice")));
    assert_eq!(sum([&invoice["total"], &back["total"]]), Money::ZERO);
    assert_eq!(anew["total"], anew["right"]);
    assert!(money(&anew["right"]) < money(&invoice["total"]));
    for one in [back, anew] {
        let report = town.proved_correction(one).await;
        assert_eq!(report.verdict, Verdict::Holds, "{report}");
        assert_eq!(one["dispute"], dispute["id"]);
    }
    let ended = town.get("heron", &format!("/v1/disputes/{dispute_id}")).await;
    assert_eq!(ended["correction"], back["id"]);
    let path = format!("/v1/corrections/{}/document?format=xml", back["id"].as_str().unwrap());
    let (status, xml) = town.ask(TestRequest::get().uri(&path), "heron").await;
    let xml = String::from_utf8(xml).unwrap();
    assert_eq!(status, StatusCode::OK, "{xml}");
    assert!(xml.contains("<CreditNote") && xml.contains("381"), "{xml}");
    let payment = town.payment(&invoice).await;
    assert_eq!(money(&payment["due"]), sum([&invoice["due"], &back["due"], &anew["due"]]));
    town.in_order().await;
}

#[actix_web::test]
async fn a_paid_invoice_is_open_again_where_more_is_due_and_a_credit_where_less_is() {
    let (mut town, _) = traded(false).await;
    let account = json!({ "iban": IBAN, "holder": "Wattex Town", "currency": "EUR" });
    let request = TestRequest::put().uri("/v1/bank/account").set_json(account);
    assert_eq!(town.ask(request, "operator").await.0, StatusCode::OK);
    let invoice = town.billed().await;
    town.settle().await;
    let number = invoice["number"].as_str().unwrap();
    import(&town, statement("A", &[(money(&invoice["due"]), number)])).await;
    town.settle().await;
    assert_eq!(town.payment(&invoice).await["state"], "paid");
    town.hear_the_evening().await;
    town.wait(DAY + 60).await;
    let [more] = &town.corrections(&invoice).await[..] else { panic!("one correction") };
    let open = town.payment(&invoice).await;
    assert_eq!((&open["state"], &open["left"]), (&json!("open"), &more["due"]));
    let owed = town.get("operator", "/v1/receivables").await;
    assert_eq!((&owed["items"][0]["left"], &owed["items"][0]["step"]), (&more["due"], &json!(0)));
    // Nobody is late with what was added: it has days of its own to be paid in.
    let due_on: calendar::LocalDay = open["due_on"].as_str().unwrap().parse().unwrap();
    assert_eq!(due_on, zone().day_of(town.now).later(14));
    town.wait(22 * DAY).await;
    let late = town.payment(&invoice).await;
    assert_eq!((&late["state"], &late["reminders"][0]["left"]), (&json!("overdue"), &more["due"]));
    import(&town, statement("B", &[(money(&more["due"]), number)])).await;
    town.settle().await;

    town.billing.publish_tariff(community(), priced(100_000), town.now).await.unwrap();
    town.settle().await;
    let at = format!("/v1/invoices/{}/cancellations", invoice["id"].as_str().unwrap());
    let (_, asked) = town.post("operator", &at, "", json!({ "reason": "10 ct." })).await;
    let approval = format!("/v1/cancellations/{}/approval", asked["id"].as_str().unwrap());
    let (status, done) = town.post("deputy", &approval, "", json!({})).await;
    assert_eq!(status, StatusCode::OK, "{done}");
    town.settle().await;
    let listed = town.get("operator", "/v1/cancellations").await;
    assert_eq!(listed["items"][0]["corrections"], done["corrections"]);
    let all = town.corrections(&invoice).await;
    let less = sum(all[1..].iter().map(|one| &one["due"]));
    let credit = town.payment(&invoice).await;
    assert_eq!((&credit["state"], &credit["left"]), (&json!("credit"), &json!("0")));
    assert_eq!(money(&credit["credit"]), less.negated().unwrap());
    assert_eq!(town.get("operator", "/v1/receivables").await["items"], json!([]));
    let audit = town.in_order().await;
    assert_eq!(money(&audit["balances"]["1200"]), less, "the books owe it");
    town.wait(60 * DAY).await;
    assert_eq!(town.payment(&invoice).await["reminders"].as_array().unwrap().len(), 1);
    town.in_order().await;
}
