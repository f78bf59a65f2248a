//! Directories of older formats.

use super::*;

/// A row of the journal as formats 2 to 4 need it.
struct OldRow {
    key: (u64, B256),
    best: bool,
    created: Vec<(B256, Vec<u8>)>,
    dropped: Vec<B256>,
}

impl OldRow {
    fn of(snapshot: &Snapshot, key: (u64, B256), row: &[u8]) -> Self {
        let row = Row::read(row).unwrap();
        let created = row.created.iter().enumerate();
        let created = created.map(|(at, hash)| (hash.into(), row.node(at).unwrap().to_vec()));
        let header = snapshot.header(key.1).unwrap();
        let parent = snapshot.header(header.parent_hash).unwrap();
        let mut dropped = Vec::new();
        // Of a branch that has left below, nothing can be read.
        let _ = difference(snapshot, parent.state_root, header.state_root, &mut |change| {
            if let NodeChange::Dropped(_, hash) = change {
                dropped.push(hash);
            }
        });
        let best = snapshot.canonical_hash(key.0) == Some(key.1);
        Self { key, best, created: created.collect(), dropped }
    }

    fn encode(&self, format: u64) -> Vec<u8> {
        let number = |count: usize| u32::try_from(count).unwrap().to_be_bytes();
        let mut bytes = number(self.created.len()).to_vec();
        let with_nodes = format > 2;
        if with_nodes {
            bytes.extend(number(self.dropped.len()));
        }
        self.created.iter().for_each(|(hash, _)| bytes.extend_from_slice(hash.as_slice()));
        let mut end = 0;
        for (_, rlp) in self.created.iter().filter(|_| with_nodes) {
            end += rlp.len();
            bytes.extend(number(end));
        }
        self.dropped.iter().for_each(|hash| bytes.extend_from_slice(hash.as_slice()));
        let nodes = self.created.iter().filter(|_| with_nodes);
        nodes.for_each(|(_, rlp)| bytes.extend_from_slice(rlp));
        bytes
    }
}

/// The directory as an older format had it: nodes by their hash, and counted. In format 2 the whole
/// index was in its tables, and the nodes of all rows in theirs; of the lowest height, rivals may
/// have left before the best block.
fn as_format(format: u64, directory: &Path) {
    let store = Store::open_existing(directory).unwrap();
    let snapshot = store.snapshot().unwrap();
    let read = store.database.begin_read().unwrap();
    let (mut rows, mut nodes) = (Vec::new(), Vec::new());
    for row in read.open_table(JOURNAL).unwrap().iter().unwrap() {
        let (key, row) = row.unwrap();
        let key = (key.value().0, B256::from(*key.value().1));
        rows.push(OldRow::of(&snapshot, key, row.value()));
    }
    for row in read.open_table(STATE).unwrap().iter().unwrap() {
        let (_, value) = row.unwrap();
        let (hash, rlp) = value.value().split_at(32);
        nodes.push((B256::from_slice(hash), rlp.to_vec()));
    }
    let oldest = snapshot.oldest();
    drop((snapshot, read));
    let database = if format == 2 { index::tests::all_in_tables(store) } else { store.database };
    let transaction = database.begin_write().unwrap();
    transaction.delete_table(STATE).unwrap();
    transaction.delete_table(JOURNAL).unwrap();
    {
        let mut journal = transaction.open_table(JOURNAL).unwrap();
        if format == 2 {
            let lowest = rows.first().map(|row| row.key.0).filter(|lowest| *lowest <= oldest);
            let rival = rows.iter().position(|row| Some(row.key.0) == lowest && !row.best);
            rival.map(|rival| rows.remove(rival));
            nodes.extend(rows.iter().flat_map(|row| row.created.clone()));
        }
        for row in &rows {
            let (height, hash) = row.key;
            journal.insert((height, &hash.0), row.encode(format).as_slice()).unwrap();
        }
        let mut table = transaction.open_table(NODES).unwrap();
        let mut shares = transaction.open_table(SHARES).unwrap();
        for (hash, rlp) in nodes {
            if table.insert(&hash.0, rlp.as_slice()).unwrap().is_some() {
                let before = shares.get(&hash.0).unwrap().map_or(1, |places| places.value());
                shares.insert(&hash.0, before + 1).unwrap();
            }
        }
        let mut meta = transaction.open_table(META).unwrap();
        meta.insert(FORMAT, format.to_be_bytes().as_slice()).unwrap();
    }
    transaction.commit().unwrap();
}

#[test]
fn a_directory_of_an_older_format_becomes_exact_with_all_its_branches() {
    let histories = [History::Last(6), History::Last(1), History::Archive];
    let formats = [2, 3, 4].into_iter().flat_map(|format| histories.map(|last| (format, last)));
    for (seed, (format, history)) in (20..).zip(formats) {
        let twins = random_history(seed, (History::Last(6), 4), (6, 4));
        let Twins { store, rules, whole, blocks, directory } = twins;
        drop(store);
        as_format(format, directory.path());
        let (spec, genesis) = (spec(), spec().build().unwrap());
        let beginning = Beginning { spec: &spec, imported: &genesis.imported };
        let existing = Store::open_existing(directory.path()).unwrap();
        assert_exact(&existing, &format!("seed {seed}, as it is"));
        drop(existing);
        as_format(format, directory.path());
        let mut store = Store::open(directory.path(), beginning, history).unwrap();
        store.together = Together { leaving: 2, entering: 2 };
        let mut twins = Twins { store, rules, whole, blocks, directory };
        let last = if history == History::Archive { 0 } else { 6 };
        twins.check(last, &format!("seed {seed}, rewritten"));
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for step in 0..10 {
            let head = twins.store.snapshot().unwrap().head();
            twins.grow(&mut random, head, 4);
            twins.check(0, &format!("seed {seed}, step {step} after it was rewritten"));
        }
    }
}
