//! Signatures: libsecp256k1, which recovers and verifies here, against k256, which signs.

use super::token::Token;
use crate::measure::{alternate, count, worked};
use crate::report::Row;
use alloy_primitives::Address;
use anyhow::{Context, Result, ensure};
use chain::{Recovered, signature};
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use secp256k1::{Message, PublicKey, SECP256K1};

/// Transfers of each sender: 1 000 signatures.
const EACH: u64 = 10;

pub(crate) fn rows() -> Result<Vec<Row>> {
    let transfers = Token::new().transfers(0, EACH);
    let recovered = alternate(
        || rate(&transfers, |one| signature::recover(one.inner()) == Some(one.signer())),
        || rate(&transfers, |one| recover_by_k256(one) == Some(one.signer())),
    )?;
    let keys: Vec<VerifyingKey> = transfers
        .iter()
        .map(|one| key_of(one).context("a signature of nobody"))
        .collect::<Result<_>>()?;
    let signed: Vec<(&Recovered, &VerifyingKey, PublicKey)> = transfers
        .iter()
        .zip(&keys)
        .map(|(one, key)| Ok((one, key, PublicKey::from_slice(&key.to_sec1_bytes())?)))
        .collect::<Result<_>>()?;
    let verified = alternate(
        || rate(&signed, |(one, _, key)| verify_by_libsecp256k1(one, key)),
        || rate(&signed, |(one, key, _)| verify_by_k256(one, key)),
    )?;
    Ok(vec![
        Row::rate("recovery of a signer, to k256", "1/s", &recovered),
        Row::rate("verification by a key, to k256", "1/s", &verified),
    ])
}

/// How many of these a core judges a second; all have to be good.
fn rate<T>(signed: &[T], is_good: impl Fn(&T) -> bool) -> Result<f64> {
    let (good, seconds) = worked(|| signed.iter().all(is_good));
    ensure!(good, "a good signature was refused");
    Ok(count(signed.len()) / seconds)
}

fn recover_by_k256(transaction: &Recovered) -> Option<Address> {
    Some(Address::from_public_key(&key_of(transaction)?))
}

fn key_of(transaction: &Recovered) -> Option<VerifyingKey> {
    let hash = transaction.inner().signature_hash();
    let recovery = RecoveryId::new(transaction.inner().signature().v(), false);
    let signature = signature_of(transaction)?;
    VerifyingKey::recover_from_prehash(hash.as_slice(), &signature, recovery).ok()
}

fn signature_of(transaction: &Recovered) -> Option<Signature> {
    let signature = transaction.inner().signature();
    let (r, s) = (signature.r().to_be_bytes::<32>(), signature.s().to_be_bytes::<32>());
    Signature::from_scalars(r, s).ok()
}

fn verify_by_k256(transaction: &Recovered, key: &VerifyingKey) -> bool {
    let hash = transaction.inner().signature_hash();
    let signature = signature_of(transaction);
    signature.is_some_and(|signature| key.verify_prehash(hash.as_slice(), &signature).is_ok())
}

fn verify_by_libsecp256k1(transaction: &Recovered, key: &PublicKey) -> bool {
    let signature = transaction.inner().signature();
    let compact = [signature.r().to_be_bytes::<32>(), signature.s().to_be_bytes::<32>()].concat();
    let message = Message::from_digest(transaction.inner().signature_hash().0);
    secp256k1::ecdsa::Signature::from_compact(&compact)
        .is_ok_and(|signature| SECP256K1.verify_ecdsa(message, &signature, key).is_ok())
}
