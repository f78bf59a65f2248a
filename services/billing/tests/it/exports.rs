//! The journals as files.

use std::collections::BTreeSet;
use std::io::Read;

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use alloy_primitives::{B256, keccak256};
use billing::domain::export::{Column, Parquet, ParquetError};
use billing::domain::verify::{AnchorsFile, EntryProof};
use calendar::Timestamp;
use contracts::bindings::EnergyMarket;
use contracts::{Call, SolCall};
use flate2::bufread::GzDecoder;
use serde_json::Value;

use crate::service::{Running, traded_monday};
use crate::town::*;

#[actix_web::test]
async fn the_journal_is_exported_whole_and_checks_itself() {
    let (town, _) = traded_monday().await;
    let audit = town.in_order().await;
    let request = TestRequest::get().uri("/v1/audit/export");
    assert_eq!(town.ask(request, "heron").await.0, StatusCode::FORBIDDEN);
    let (status, body) =
        town.ask(TestRequest::get().uri("/v1/audit/export?format=csv"), "auditor").await;
    assert_eq!(status, StatusCode::OK);
    let mut reader = csv::Reader::from_reader(body.as_slice());
    let (mut entries, mut head, mut sums) = (0, B256::ZERO, [0_i128; 2]);
    for row in reader.records() {
        let row = row.unwrap();
        let (ledger, amount): (&str, i128) = (&row[7], row[10].parse().unwrap());
        sums[usize::from(ledger == "energy")] += amount;
        if row[12].is_empty() {
            continue;
        }
        let entry: Value = serde_json::from_str(&row[12]).unwrap();
        assert_eq!(entry["sequence"], entries);
        assert_eq!(entry["previous"], head.to_string());
        head = keccak256(&row[12]);
        assert_eq!(row[11], head.to_string());
        entries += 1;
    }
    assert_eq!((&audit["entries"], &audit["head"]), (&entries.into(), &head.to_string().into()));
    assert!(sums.iter().all(|sum| *sum > 0), "both ledgers: {sums:?}");

    // A part of it, and the currency without energy.
    let part = "/v1/audit/export?from=3&to=5";
    let (_, body) = town.ask(TestRequest::get().uri(part), "operator").await;
    let mut places: Vec<String> = csv::Reader::from_reader(body.as_slice())
        .records()
        .map(|row| row.unwrap()[0].to_owned())
        .collect();
    places.dedup();
    assert_eq!(places, ["3", "4"]);
    let other = "/v1/audit/export?currency=XXX";
    let (status, _) = town.ask(TestRequest::get().uri(other), "operator").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);

    let (_, csv) = town.ask(TestRequest::get().uri("/v1/audit/export"), "auditor").await;
    let parquet = "/v1/audit/export?format=parquet";
    let (status, body) = town.ask(TestRequest::get().uri(parquet), "auditor").await;
    assert_eq!(status, StatusCode::OK);
    let pages = pages(&body);
    assert_eq!(pages.len(), 14, "a page for each column");
    let rows = csv::Reader::from_reader(csv.as_slice()).into_records().count();
    assert_eq!((pages[0].len(), pages[1].len()), (8 * rows, 8 * rows));
    let hashes = texts(&pages[11]);
    assert_eq!((hashes.len(), hashes.last().unwrap().as_str()), (rows, head.to_string().as_str()));
}

/// The rows of an export.
async fn rows(town: &Running, query: &str) -> Vec<csv::StringRecord> {
    let path = format!("/v1/audit/export{query}");
    let (status, body) = town.ask(TestRequest::get().uri(&path), "auditor").await;
    assert_eq!(status, StatusCode::OK, "{path}");
    let reader = csv::Reader::from_reader(body.as_slice());
    reader.into_records().map(Result::unwrap).collect()
}

#[actix_web::test]
async fn a_part_of_the_journal_proves_itself_against_the_chain() {
    let (mut town, [noon, _]) = traded_monday().await;
    // At the first tick of a day what was posted before becomes a batch.
    town.move_to(town.now.plus_seconds(86_400));
    town.settle().await;
    let audit = town.in_order().await;
    let range = format!("?to={}", audit["entries"]);
    let file = town.get("auditor", &format!("/v1/audit/anchors{range}")).await;
    let file: AnchorsFile = serde_json::from_value(file).unwrap();
    let times = file.check(None).unwrap();
    let ended = file.batches.last().map(|last| last.first + last.count);
    assert_eq!(ended, audit["entries"].as_u64());
    let request = TestRequest::get().uri("/v1/audit/anchors");
    assert_eq!(town.ask(request, "heron").await.0, StatusCode::FORBIDDEN);
    let request = TestRequest::get().uri("/v1/audit/anchors?trusted=100000");
    assert_eq!(town.ask(request, "auditor").await.0, StatusCode::SERVICE_UNAVAILABLE);

    let account = format!("?account={}", HERON.account());
    let (all, ours) = (rows(&town, "").await, rows(&town, &account).await);
    assert!(ours.len() < all.len() && !ours.is_empty());
    let address = format!("{:#x}", HERON.address());
    let statement = town.get("heron", "/v1/statement?limit=200").await;
    let items = statement["items"].as_array().unwrap().iter();
    let stated: BTreeSet<u64> = items.map(|item| item["sequence"].as_u64().unwrap()).collect();
    let money = ours.iter().filter(|row| &row[7] == "money");
    assert_eq!(money.map(|row| row[0].parse().unwrap()).collect::<BTreeSet<u64>>(), stated);
    let mut proved = 0;
    for row in ours.iter().filter(|row| !row[12].is_empty()) {
        let concerns = [address.clone(), HERON.point().to_string()];
        let is_stated = stated.contains(&row[0].parse().unwrap());
        assert!(is_stated || concerns.iter().any(|it| row[12].contains(it)), "{}", &row[12]);
        let proof: EntryProof = serde_json::from_str(&row[13]).unwrap();
        let place = file.batches.iter().position(|batch| batch.number == proof.batch).unwrap();
        let (batch, at) = (&file.batches[place], row[1].parse::<Timestamp>().unwrap());
        assert!(at.unsigned() <= times[place], "{at}");
        assert!(place == 0 || at.unsigned() + 86_400 > times[place - 1], "{at}");
        let (sequence, hash) = (row[0].parse().unwrap(), keccak256(&row[12]));
        assert!(batch.proves(sequence, hash, &proof.path), "{row:?}");
        proved += 1;
    }
    assert!(proved > 20, "{proved} entries of an account");
    assert!(ours.iter().any(|row| row[12].contains(&noon.to_string())));
    let june = rows(&town, &format!("{account}&month=2026-06")).await;
    let may = rows(&town, &format!("{account}&month=2026-05")).await;
    assert_eq!(june.len() + may.len(), ours.len());
    assert!(june.iter().all(|row| row[1].starts_with("2026-06")) && !june.is_empty());
    let request = TestRequest::get().uri("/v1/audit/export?month=June");
    assert_eq!(town.ask(request, "auditor").await.0, StatusCode::BAD_REQUEST);
    // What comes after is in no batch yet.
    town.deposit(HERON, "9").await;
    let last = rows(&town, "").await.pop().unwrap();
    assert_eq!((&last[5], &last[13]), ("deposited", ""));
    town.in_order().await;
}

#[actix_web::test]
async fn a_batch_that_the_chain_refused_comes_in_the_next() {
    let (mut town, _) = traded_monday().await;
    town.settle().await;
    let anchors = |body: Value| serde_json::from_value::<AnchorsFile>(body).unwrap();
    let before = anchors(town.get("auditor", "/v1/audit/anchors").await);
    let last = *before.batches.last().unwrap();
    let (role, account) = (keccak256("ANCHOR"), operator().address());
    let revoke = EnergyMarket::revokeRoleCall { role, account }.abi_encode();
    let grant = EnergyMarket::grantRoleCall { role, account }.abi_encode();
    let call = |data: Vec<u8>| Call { to: deployment().records, data: data.into() };
    town.node.call(authority(), call(revoke));
    town.settle().await;
    town.node.let_fail();
    town.deposit(HERON, "9").await;
    town.move_to(town.now.plus_seconds(86_400));
    town.settle().await;
    let refused = anchors(town.get("auditor", "/v1/audit/anchors").await);
    assert_eq!(refused.batches, before.batches, "the one that was refused is left out");
    town.node.call(authority(), call(grant));
    town.settle().await;
    town.move_to(town.now.plus_seconds(86_400));
    town.settle().await;
    let file = anchors(town.get("auditor", "/v1/audit/anchors").await);
    assert_eq!(file.check(None).map(|times| times.len()), Ok(before.batches.len() + 1));
    let next = file.batches.last().unwrap();
    assert_eq!((next.number, next.first), (last.number + 2, last.first + last.count));
    let audit = town.audit().await;
    assert_eq!(audit["entries"], next.first + next.count);
    let rows = rows(&town, &format!("?from={}", next.first)).await;
    for row in rows.iter().filter(|row| !row[12].is_empty()) {
        let proof: EntryProof = serde_json::from_str(&row[13]).unwrap();
        assert_eq!(proof.batch, next.number);
    }
}

/// The pages of a Parquet file, unpacked, in the order in which they stand.
fn pages(file: &[u8]) -> Vec<Vec<u8>> {
    let body = file.strip_prefix(b"PAR1").unwrap().strip_suffix(b"PAR1").unwrap();
    let (body, length) = body.split_last_chunk::<4>().unwrap();
    let footer = usize::try_from(u32::from_le_bytes(*length)).unwrap();
    let mut rest = &body[..body.len() - footer];
    let mut pages = Vec::new();
    while let Some(start) = rest.windows(3).position(|three| three == [0x1f, 0x8b, 8]) {
        rest = &rest[start..];
        let mut packed: &[u8] = rest;
        let mut page = Vec::new();
        let mut reader = GzDecoder::new(&mut packed);
        reader.read_to_end(&mut page).unwrap();
        let _ = reader;
        rest = packed;
        pages.push(page);
    }
    pages
}

/// The values of a page of text.
fn texts(page: &[u8]) -> Vec<String> {
    let (mut rest, mut texts) = (page, Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (text, after) = after.split_at(usize::try_from(u32::from_le_bytes(*length)).unwrap());
        texts.push(String::from_utf8(text.to_vec()).unwrap());
        rest = after;
    }
    texts
}

#[test]
fn a_parquet_file_has_its_columns_and_takes_no_others() {
    let (mut file, mut bytes) = Parquet::begin(&["n", "yes", "t"]);
    let group = |n: i64| {
        vec![
            Column::Number(vec![n; 9]),
            Column::Truth((0..9).map(|place| place % 2 == 0).collect()),
            Column::Text(vec!["ä".to_owned(); 9]),
        ]
    };
    for n in [1, -1] {
        bytes.extend(file.group(&group(n)).unwrap());
    }
    let short = vec![Column::Number(vec![1]), Column::Truth(vec![]), Column::Text(vec![])];
    let other = vec![Column::Moment(vec![1]), Column::Truth(vec![true]), Column::Text(vec![])];
    for bad in [short, other, group(1)[..2].to_vec()] {
        assert_eq!(file.group(&bad), Err(ParquetError::Columns));
    }
    bytes.extend(file.end().unwrap());
    let pages = pages(&bytes);
    assert_eq!(pages.len(), 6);
    assert_eq!(pages[1], [0b0101_0101, 1]);
    assert_eq!(pages[3], (-1_i64).to_le_bytes().repeat(9));
    assert_eq!(texts(&pages[5]), ["ä"; 9]);
}
