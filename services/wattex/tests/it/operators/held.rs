//! Accounts whose key the operator holds: with the same keys it does all that they could do.

use alloy_primitives::B256;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use keys::SecretKey;

use super::calls::settled;
use super::person::Person;
use super::town::{DEPOSIT, Town, WITHDRAWAL_DELAY, key};
use super::{WH, slot};

/// Bytes before what is wrapped: the nonce.
const NONCE: usize = 24;
/// What the dearest policy lets a buyer pay for energy: as much as an order says.
const RUINOUS: u64 = 500_000;

#[tokio::test(flavor = "multi_thread")]
async fn whose_key_is_held_can_be_traded_for_and_emptied() {
    let mut town = Town::start().await;
    let olga = town.join("olga", false).await;
    let villain = town.join("villain", true).await;
    let operator = town.operator();
    town.seize(&[olga.address]).await;
    // Inside the signer: as her, with a token that nobody gave her.
    let token = town.node.identity.token_for(&olga.principal).unwrap();
    let wish = olga.wish(true, slot(0), WH, town.place.all_in(RUINOUS), 1);
    let buy = town.signed_inside(&token, wish).await;
    let wish = villain.wish(false, slot(0), WH, 0, 1);
    let sell = town.place.signed(wish, villain.key());
    let auction = town.place.auction(slot(0), RUINOUS, &[(&buy, &sell, WH)]);
    town.sent(&operator, &auction.clear()).await;
    assert_eq!(settled(&town.sent(&operator, &auction.settle()).await), 1);
    let left = DEPOSIT - WH * town.place.all_in(RUINOUS);
    assert_eq!(town.free(&olga).await, left);

    // Beside the signer: with her key, which the operator's secret and its database give.
    let held = held_key(&town, &olga).await;
    assert_eq!(held.address(), olga.address);
    let asked = town.place.withdrawal(olga.address, left, 2, &held);
    town.sent(&operator, &asked).await;
    town.pass(WITHDRAWAL_DELAY).await;
    town.sent(&operator, &town.place.at.withdraw(olga.address)).await;
    let gone = key("numbered account").address();
    town.sent(&held, &town.place.transfer(gone, left)).await;
    assert_eq!(town.number(&town.place.tokens(gone)).await, left);
    assert_eq!(town.free(&olga).await, 0);
    town.stop().await;
}

/// The key of an account as whoever has the directory of the installation can make it out.
async fn held_key(town: &Town, person: &Person) -> SecretKey {
    let url = format!("sqlite:{}", town.folder.path().join("identity.db").display());
    let pool = db::AnyPool::connect(&url).await.unwrap();
    let sql = "select wrapped_key from settlement_address where account = $1";
    let wrapped: Vec<u8> =
        db::query_scalar(sql).bind(person.account.to_string()).fetch_one(&pool).await.unwrap();
    pool.close().await;
    let master: B256 = town.secrets.derive("identity/keys");
    let (nonce, sealed) = wrapped.split_at(NONCE);
    let purpose = format!("account:{}", person.account);
    let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
    let secret = XChaCha20Poly1305::new((&master.0).into()).decrypt(nonce.into(), payload);
    SecretKey::from_bytes(&secret.unwrap().try_into().unwrap()).unwrap()
}
