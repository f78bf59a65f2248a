//! People are written to where they have shown that they read, of what they want to know.

use actix_web::http::{Method, StatusCode};
use events::billing::{InvoiceDisputed, InvoiceReminded, PrepaidChanged};
use events::identity::ApprovalRequested;
use ids::{DisputeId, InvoiceId, Uuid};
use serde_json::{Value, json};
use units::Money;

use crate::mailbox::Mailbox;
use crate::service::{Running, account, community};

async fn set(town: &Running, who: &str, wish: Value) -> (StatusCode, Value) {
    town.ask(who, Method::PUT, "/v1/contact", Some(wish)).await
}

async fn enter(town: &Running, who: &str, code: &str) -> (StatusCode, Value) {
    let body = Some(json!({ "code": code }));
    town.ask(who, Method::POST, "/v1/contact/confirmation", body).await
}

/// The eight digits of a letter.
fn code(letter: &str) -> String {
    let digits = letter.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 8);
    digits.unwrap_or_else(|| panic!("no code in {letter}")).to_owned()
}

/// Heron wants everything in a language, and has confirmed it.
async fn confirmed(town: &Running, mailbox: &Mailbox, language: &str) {
    let wish = json!({
        "address": "heron@example.org", "language": language,
        "wants": ["bill", "reminder", "dispute"],
    });
    let (status, contact) = set(town, "heron", wish).await;
    assert_eq!((status, &contact["confirmed"]), (StatusCode::OK, &json!(false)), "{contact}");
    let letter = mailbox.take().pop().unwrap();
    let (status, contact) = enter(town, "heron", &code(&letter.text())).await;
    assert_eq!((status, &contact["confirmed"]), (StatusCode::OK, &json!(true)), "{contact}");
}

#[actix_web::test]
async fn a_bill_comes_by_mail_in_the_readers_language_with_its_pages() {
    let mailbox = Mailbox::start().await;
    let mut town = Running::start_with_mail(&mailbox).await;
    town.found().await;
    town.bill("before").await;
    confirmed(&town, &mailbox, "de").await;
    let issued = town.bill("2026-1").await;
    town.bus.publish(&issued).await.unwrap();
    let reminded = InvoiceReminded {
        invoice: InvoiceId::derived("2026-1"),
        number: "2026-1".to_owned(),
        community: community(),
        account: account(),
        step: 1,
        left: Money::from_n(42_170_000_000),
        due_on: "2026-06-15".parse().unwrap(),
        action: Some("fee".to_owned()),
        fee: Some(Money::from_n(2_500_000_000)),
    };
    town.publish(&reminded, "reminded").await;
    for state in ["open", "upheld"] {
        let disputed = InvoiceDisputed {
            dispute: DisputeId::derived("d"),
            invoice: InvoiceId::derived("2026-1"),
            community: community(),
            account: account(),
            state: state.to_owned(),
        };
        town.publish(&disputed, state).await;
    }
    mailbox.will_answer(&["451 4.3.0 try later"]);
    let taken = town.notices.post_letters(town.now).await.unwrap();
    assert_eq!(taken, 2, "one comes later");
    town.wait(3600);
    assert_eq!(town.notices.post_letters(town.now).await.unwrap(), 1);
    assert_eq!(town.notices.post_letters(town.now).await.unwrap(), 0);
    let letters = mailbox.take();
    assert_eq!(letters.len(), 3, "nothing of before, nothing twice");
    let find = |subject: &str| {
        let found = letters.iter().find(|letter| letter.subject() == subject);
        found.unwrap_or_else(|| panic!("no {subject}")).clone()
    };
    let bill = find("Ihre Rechnung 2026-1");
    assert_eq!((bill.from.as_str(), bill.to.as_str()), ("bills@example.org", "heron@example.org"));
    let text = bill.text();
    assert!(text.contains("42,17\u{a0}€") && text.contains("1. Mai 2026"), "{text}");
    assert_eq!(bill.attachment(), ("2026-1-de.pdf".to_owned(), b"%PDF \xe2 of 2026-1".to_vec()));
    assert_eq!(bill.header("Message-ID"), format!("<{}@example.org>", issued.id));
    assert_eq!(bill.header("Auto-Submitted"), "auto-generated");
    let reminder = find("Rechnung 2026-1 ist noch nicht bezahlt").text();
    assert!(reminder.contains("15. Juni 2026"), "{reminder}");
    assert!(reminder.contains("Gebühr von 2,50\u{a0}€"), "{reminder}");
    find("Über Ihren Widerspruch gegen eine Rechnung ist entschieden");

    // Who does not want it any more is not written to, also of what is on its way.
    town.bill("2026-2").await;
    let (status, _) = town.ask("heron", Method::DELETE, "/v1/contact", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    town.bill("2026-3").await;
    assert_eq!(town.notices.post_letters(town.now).await.unwrap(), 0);
    assert!(mailbox.take().is_empty());
}

#[actix_web::test]
async fn who_pays_before_it_uses_is_told_of_each_state_in_words() {
    let mailbox = Mailbox::start().await;
    let town = Running::start_with_mail(&mailbox).await;
    town.found().await;
    confirmed(&town, &mailbox, "en").await;
    let told = |before: &str, state: &str, from: Option<&str>| PrepaidChanged {
        community: community(),
        account: account(),
        state: state.to_owned(),
        before: before.to_owned(),
        balance: Money::from_n(-5_200_000_000),
        use_per_day: Money::from_n(3_000_000_000),
        suspension_from: from.map(|from| from.parse().unwrap()),
    };
    let time = Some("2026-06-15T06:00:00Z");
    for (place, (event, words)) in [
        (told("active", "low", None), "low"),
        (told("low", "emergency", None), "Your supply goes on"),
        (told("emergency", "emergency", time), "at the earliest on 2026-06-15T06:00:00Z"),
        (told("emergency", "suspended", time), "may be cut now"),
        (told("suspended", "active", None), "Everything goes on as usual"),
        (told("active", "ended", None), "comes as a bill"),
    ]
    .into_iter()
    .enumerate()
    {
        town.publish(&event, &format!("prepaid {place}")).await;
        assert_eq!(town.notices.post_letters(town.now).await.unwrap(), 1, "{event:?}");
        let letter = mailbox.take().pop().unwrap();
        assert!(letter.subject().contains("5.20"), "{}", letter.subject());
        assert!(letter.text().contains(words), "{words}: {}", letter.text());
    }
}

#[actix_web::test]
async fn an_address_is_confirmed_by_the_code_that_was_sent_there_and_by_no_other() {
    let mailbox = Mailbox::start().await;
    let mut town = Running::start_with_mail(&mailbox).await;
    town.found().await;
    let wish = |address: &str| json!({ "address": address, "wants": ["bill"] });
    for bad in ["", "heron", "heron@", "a@b\r\nBcc: c@d", "a@b, c@d"] {
        assert_eq!(set(&town, "heron", wish(bad)).await.0, StatusCode::BAD_REQUEST, "{bad:?}");
    }
    assert_eq!(enter(&town, "heron", "12345678").await.1["code"], "CODE");
    assert_eq!(set(&town, "heron", wish("heron@example.org")).await.0, StatusCode::OK);
    let right = code(&mailbox.take()[0].text());
    assert_eq!(set(&town, "heron", wish("other@example.org")).await.1["code"], "CODES");
    for _ in 0..5 {
        assert_eq!(enter(&town, "heron", "x").await.1["code"], "CODE");
    }
    assert_eq!(enter(&town, "heron", &right).await.1["code"], "CODE", "after five wrong ones");
    town.wait(60);
    assert_eq!(set(&town, "heron", wish("heron@example.org")).await.0, StatusCode::OK);
    let right = code(&mailbox.take()[0].text());
    town.wait(30 * 60);
    assert_eq!(enter(&town, "heron", &right).await.1["code"], "CODE", "it is over");
    assert_eq!(set(&town, "heron", wish("heron@example.org")).await.0, StatusCode::OK);
    let right = code(&mailbox.take()[0].text());
    assert_eq!(enter(&town, "otter", &right).await.1["code"], "CODE", "somebody else's");
    assert_eq!(enter(&town, "heron", &right).await.0, StatusCode::OK);
    // Another address is confirmed anew, and written to no sooner.
    town.wait(60);
    let (_, moved) = set(&town, "heron", wish("new@example.org")).await;
    assert_eq!(moved["confirmed"], false);
    mailbox.take();
    town.bill("1").await;
    assert_eq!(town.notices.post_letters(town.now).await.unwrap(), 0);
    assert_eq!(town.ask("heron", Method::GET, "/v1/contact", None).await.1["letters"], json!([]));
}

#[actix_web::test]
async fn staff_are_told_of_what_waits_for_them_and_households_are_not() {
    let mailbox = Mailbox::start().await;
    let town = Running::start_with_mail(&mailbox).await;
    town.found().await;
    let wish = json!({ "address": "clerk@example.org", "wants": ["approval"] });
    assert_eq!(set(&town, "heron", wish.clone()).await.0, StatusCode::FORBIDDEN);
    for who in ["utility", "stranger"] {
        assert_eq!(set(&town, who, wish.clone()).await.0, StatusCode::OK);
        let code = code(&mailbox.take()[0].text());
        assert_eq!(enter(&town, who, &code).await.0, StatusCode::OK);
    }
    let waits = ApprovalRequested {
        approval: Uuid::from_u128(1),
        account: account(),
        community: community(),
        kind: "payout".to_owned(),
        expires_at: "2026-06-02T10:00:00Z".parse().unwrap(),
    };
    town.publish(&waits, "1").await;
    mailbox.will_answer(&["550 5.1.1 nobody here"]);
    assert_eq!(town.notices.post_letters(town.now).await.unwrap(), 0);
    assert_eq!(mailbox.take().len(), 0);
    let (_, contact) = town.ask("utility", Method::GET, "/v1/contact", None).await;
    let letter = &contact["letters"][0];
    assert_eq!(letter["state"], "failed", "what is refused for good is not sent again");
    assert!(letter["error"].as_str().unwrap().contains("nobody here"), "{letter}");
    let (_, elsewhere) = town.ask("stranger", Method::GET, "/v1/contact", None).await;
    assert_eq!(elsewhere["letters"], json!([]), "of another community");
}

#[actix_web::test]
async fn without_a_mail_server_nobody_is_written_to() {
    let town = Running::start().await;
    town.found().await;
    let wish = json!({ "address": "heron@example.org", "wants": ["bill"] });
    assert_eq!(set(&town, "heron", wish).await.1["code"], "MAIL_OFF");
    let (status, nothing) = town.ask("heron", Method::GET, "/v1/contact", None).await;
    assert_eq!((status, nothing), (StatusCode::OK, Value::Null));
}
