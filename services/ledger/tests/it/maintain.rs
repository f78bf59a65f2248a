//! Blocks out of a directory, into another, and whether it holds.

use crate::harness::{START, Setup, TestNode, genesis, sign, word};
use ledger::maintain::{self, Import, MaintainError, Progress};
use ledger::{Config, History};
use redb::{Database, TableDefinition};
use std::path::{Path, PathBuf};

const NOW: u64 = START + 100_000;

fn whole(_: Progress) -> bool {
    true
}

/// A directory with a chain in which something happened, and which no node has open.
async fn chain(history: History) -> Setup {
    let setup = Setup::with_config(|config: &mut Config| config.history = history);
    let node = setup.start_without_server().await;
    fill(&node).await;
    setup
}

async fn fill(node: &TestNode) {
    let contract = node.deploy(0).await;
    for nonce in 1..20 {
        node.confirm(&sign(1, nonce, Some(contract), word(nonce % 3 + 1))).await;
        node.mine().await;
    }
}

fn import(genesis: bool, history: History) -> Import {
    let genesis = genesis.then(crate::harness::genesis);
    Import { genesis, history, finality_lag: 5, now: NOW }
}

fn head(directory: &Path) -> u64 {
    maintain::check(directory, None, NOW, whole).unwrap().blocks - 1
}

#[actix_web::test]
async fn blocks_come_out_and_go_in_plain_and_compressed() {
    let setup = chain(History::Last(4)).await;
    let folder = tempfile::tempdir().unwrap();
    let mut sizes = Vec::new();
    for name in ["blocks.rlp", "blocks.rlp.gz"] {
        let (file, copy) = (folder.path().join(name), folder.path().join("of-".to_owned() + name));
        let exported = maintain::export(setup.directory.path(), &file, whole).unwrap();
        assert_eq!(exported.blocks, 40);
        sizes.push(std::fs::metadata(&file).unwrap().len());
        let mut last = None;
        let imported = maintain::import(&copy, &file, import(true, History::Last(2)), |progress| {
            assert!(last.is_none_or(|last: Progress| last.done <= progress.done));
            last = Some(progress);
            true
        });
        let imported = imported.unwrap();
        assert_eq!((imported.new, imported.known, imported.head), (39, 1, 39));
        assert_eq!(last.map(|last| last.done), last.map(|last| last.all));
        let checked = maintain::check(&copy, None, NOW, whole).unwrap();
        assert_eq!((checked.blocks, checked.transactions, checked.oldest), (40, 20, 34));
        // Every block is in the file once, and the file says the same again.
        let again = folder.path().join("again.rlp");
        maintain::export(&copy, &again, whole).unwrap();
        if name == "blocks.rlp" {
            assert_eq!(std::fs::read(again).unwrap(), std::fs::read(&file).unwrap());
        }
    }
    assert!(sizes[1] < sizes[0], "{sizes:?}");
}

#[actix_web::test]
async fn an_import_that_was_interrupted_goes_on() {
    let setup = chain(History::Archive).await;
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("blocks"), folder.path().join("copy"));
    maintain::export(setup.directory.path(), &file, whole).unwrap();
    let mut left = 10;
    let stopped = maintain::import(&copy, &file, import(true, History::Last(2)), |_| {
        left -= 1;
        left > 0
    });
    assert!(matches!(stopped, Err(MaintainError::Stopped)), "{stopped:?}");
    assert_eq!(head(&copy), 9);
    // What the directory knows by now, nobody has to say.
    let imported = maintain::import(&copy, &file, import(false, History::Last(2)), whole).unwrap();
    assert_eq!((imported.new, imported.known, imported.head), (30, 10, 39));
}

#[actix_web::test]
async fn a_file_that_is_no_chain_of_ours_is_refused_where_it_ends_to_be_one() {
    let setup = chain(History::Archive).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("blocks");
    maintain::export(setup.directory.path(), &file, whole).unwrap();
    let good = std::fs::read(&file).unwrap();
    let try_with = |name: &str, bytes: &[u8], genesis: bool| {
        let (file, copy) =
            (folder.path().join(name), folder.path().join(name.to_owned() + "-copy"));
        std::fs::write(&file, bytes).unwrap();
        let outcome = maintain::import(&copy, &file, import(genesis, History::Archive), whole);
        (outcome.unwrap_err(), copy)
    };
    let (error, copy) = try_with("short", &good[..good.len() - 1], true);
    assert!(matches!(error, MaintainError::Stream { .. }), "{error}");
    assert_eq!(
        error.to_string().split(" of the blocks ").nth(1).unwrap(),
        "there is the end of the file in a block"
    );
    assert_eq!(head(&copy), 38, "what was whole is there");
    let (error, copy) = try_with("tail", &[&good[..], &[0x80]].concat(), true);
    assert_eq!(
        error.to_string(),
        format!("at byte {} of the blocks there is 0x80, which begins no block", good.len())
    );
    assert_eq!(head(&copy), 39);
    let huge = [&good[..], &[0xfb, 0x7f, 0xff, 0xff, 0xff]].concat();
    let (error, _) = try_with("huge", &huge, true);
    assert!(error.to_string().ends_with("a block of more than 8388608 bytes"), "{error}");
    let (error, _) = try_with("not-gzip.gz", &good, true);
    assert!(error.to_string().contains("no gzip"), "{error}");
    let (error, _) = try_with("nameless", &good, false);
    assert!(matches!(error, MaintainError::NoSpecification), "{error}");
    let mut bad = good.clone();
    let last = bad.len() - 20;
    bad[last] ^= 1;
    let (error, copy) = try_with("flipped", &bad, true);
    assert!(matches!(error, MaintainError::Refused { number: 39, .. }), "{error}");
    assert_eq!(head(&copy), 38);
    let mut other = genesis();
    other.chain_id += 1;
    other.timestamp += 1;
    let how = Import { genesis: Some(other), ..import(false, History::Archive) };
    let error = maintain::import(&folder.path().join("other"), &file, how, whole).unwrap_err();
    assert!(matches!(error, MaintainError::OtherGenesis { .. }), "{error}");
    let error = maintain::export(&folder.path().join("nothing"), &file, whole).unwrap_err();
    assert!(matches!(error, MaintainError::NoChain(_)), "{error}");
}

#[actix_web::test]
async fn a_directory_in_use_is_refused() {
    let setup = Setup::default();
    let _node = setup.start_without_server().await;
    let error = maintain::check(setup.directory.path(), None, NOW, whole).unwrap_err();
    assert_eq!(error.to_string(), "another node has the chain open");
}

type Raw = TableDefinition<'static, &'static [u8; 32], &'static [u8]>;

/// Changes one value of a table: of the rows in their order, over and over, the one at `place`.
fn falsify(directory: &Path, table: &'static str, place: usize, change: impl Fn(&mut Vec<u8>)) {
    use redb::ReadableTable;
    let database = Database::create(directory.join("chain.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(Raw::new(table)).unwrap();
        let rows = table.iter().unwrap().count();
        let (key, mut value) = {
            let (key, value) = table.iter().unwrap().nth(place % rows).unwrap().unwrap();
            (*key.value(), value.value().to_vec())
        };
        change(&mut value);
        table.insert(&key, value.as_slice()).unwrap();
    }
    transaction.commit().unwrap();
}

fn copy(setup: &Setup, folder: &Path, name: &str) -> PathBuf {
    let directory = folder.join(name);
    std::fs::create_dir(&directory).unwrap();
    std::fs::copy(setup.directory.path().join("chain.redb"), directory.join("chain.redb")).unwrap();
    directory
}

#[actix_web::test]
async fn a_chain_that_does_not_follow_from_its_genesis_is_told_from_one_that_does() {
    let setup = chain(History::Archive).await;
    let folder = tempfile::tempdir().unwrap();
    let checked = maintain::check(setup.directory.path(), None, NOW, whole).unwrap();
    assert_eq!((checked.blocks, checked.transactions, checked.oldest), (40, 20, 0));
    let last_bit = |value: &mut Vec<u8>| *value.last_mut().unwrap() ^= 1;
    let other_sender = |value: &mut Vec<u8>| match value.first_mut() {
        Some(byte) => *byte ^= 1,
        None => value.extend([7; 20]),
    };
    let other_receipts = |value: &mut Vec<u8>| *value = alloy_rlp::encode([0u8; 0].as_slice());
    type Change<'a> = &'a dyn Fn(&mut Vec<u8>);
    let cases: [(&'static str, Change<'_>, &str); 6] = [
        ("senders", &other_sender, "its senders are not what follows"),
        ("receipts", &other_receipts, "its receipts are not what follows"),
        ("work", &last_bit, "the peaks of its mountain range are not what follows"),
        ("nodes", &last_bit, "the nodes of its state are not what follows"),
        ("mountains", &last_bit, "the nodes of its mountain range are not what follows"),
        ("code", &last_bit, "the codes of its contracts are not what follows"),
    ];
    for (table, change, expected) in cases {
        for place in [0, 3] {
            let directory = copy(&setup, folder.path(), &format!("{table}-{place}"));
            falsify(&directory, table, place, change);
            let error = maintain::check(&directory, None, NOW, whole).unwrap_err();
            let error = error.to_string();
            assert!(error.starts_with("block ") || error.contains("damaged"), "{table}: {error}");
            let told = error.contains(expected) || error.contains("damaged");
            assert!(told, "{table} {place}: {error}");
            assert!(!directory.join("check").exists(), "{table}: scratch data stays");
        }
    }
    assert_eq!(head(setup.directory.path()), 39, "checking changes nothing");
}

#[actix_web::test]
async fn what_waits_to_leave_the_history_is_checked_too() {
    use redb::ReadableTable;
    let setup = chain(History::Last(4)).await;
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(head(setup.directory.path()), 39);
    type Journal = TableDefinition<'static, (u64, &'static [u8; 32]), &'static [u8]>;
    for height in [1, 20, 39] {
        let directory = copy(&setup, folder.path(), &format!("journal-{height}"));
        let database = Database::create(directory.join("chain.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let mut journal = transaction.open_table(Journal::new("journal")).unwrap();
            let first: &[u8; 32] = &[0; 32];
            let (height, hash, mut row) = {
                let (key, row) = journal.range((height, first)..).unwrap().next().unwrap().unwrap();
                (key.value().0, *key.value().1, row.value().to_vec())
            };
            *row.last_mut().unwrap() ^= 1;
            journal.insert((height, &hash), row.as_slice()).unwrap();
        }
        transaction.commit().unwrap();
        drop(database);
        let error = maintain::check(&directory, None, NOW, whole).unwrap_err().to_string();
        let told = ["the nodes of its state are not", "of its state has another hash", "damaged"];
        assert!(told.iter().any(|told| error.contains(told)), "block {height}: {error}");
    }
}
